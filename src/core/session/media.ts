// What the session in force says about its audio and its transcription: how bytes become seconds, and whose price a transcript has.
import { type JsonObject, objectAt, stringAt } from '../protocol/events.js'

export interface Media {
  readonly inputBytesPerSecond: number
  readonly outputBytesPerSecond: number
  readonly transcriptionModel: string | undefined
  /** Absent: PCM. */
  readonly inputLaw?: 'pcmu' | 'pcma'
  readonly outputLaw?: 'pcmu' | 'pcma'
}

/** 24 kHz, 16 bits, one channel: the service's default. */
export const PCM_BYTES_PER_SECOND = 48_000
const G711_BYTES_PER_SECOND = 8_000

export const defaultMedia: Media = { inputBytesPerSecond: PCM_BYTES_PER_SECOND, outputBytesPerSecond: PCM_BYTES_PER_SECOND, transcriptionModel: undefined }

/** Of a session as `session.updated` shows it. */
export function mediaOf(session: JsonObject | undefined): Media {
  const audio = objectAt(session, 'audio')
  const input = objectAt(audio, 'input')
  const inputFormat = objectAt(input, 'format')
  const outputFormat = objectAt(objectAt(audio, 'output'), 'format')
  const [inputLaw, outputLaw] = [lawOf(inputFormat), lawOf(outputFormat)]
  return {
    inputBytesPerSecond: bytesPerSecond(inputFormat),
    outputBytesPerSecond: bytesPerSecond(outputFormat),
    transcriptionModel: stringAt(objectAt(input, 'transcription'), 'model'),
    ...(inputLaw && { inputLaw }),
    ...(outputLaw && { outputLaw }),
  }
}

function lawOf(format: JsonObject | undefined): 'pcmu' | 'pcma' | undefined {
  const type = stringAt(format, 'type')
  return type === 'audio/pcmu' ? 'pcmu' : type === 'audio/pcma' ? 'pcma' : undefined
}

function bytesPerSecond(format: JsonObject | undefined): number {
  if (lawOf(format)) return G711_BYTES_PER_SECOND
  const rate = format?.rate
  return typeof rate === 'number' && rate >= 8_000 && rate <= 192_000 ? rate * 2 : PCM_BYTES_PER_SECOND
}
