// Lifts the base64 of an answer's audio out of a message to the client, undecoded, and writes what a caller says as a client's event.
import { type Frame, isObject, type Json, stringAt } from '../../core/protocol/events.js'
import { audioDeltaTypeAt } from '../../core/protocol/fast-lane.js'

const TYPE = 'response.output_audio.delta'
const TYPE_BYTES = Buffer.from(TYPE, 'latin1')
const QUOTE = 0x22
const BACKSLASH = 0x5c
/** In text these quotes would have a backslash, so no id can imitate the field. */
const FIELD = Buffer.from('"delta":', 'latin1')
const APPEND = '{"type":"input_audio_buffer.append","audio":"'

/** Undefined: another event, or one without audio. */
export function audioOf(data: Frame | string): string | undefined {
  if (typeof data === 'string') return data.includes(TYPE) ? parsed(data) : undefined
  return audioDeltaTypeAt(data, TYPE_BYTES) >= 0 ? lifted(data) : data.includes(TYPE) ? parsed(data.toString()) : undefined
}

function lifted(frame: Frame): string | undefined {
  const field = frame.indexOf(FIELD)
  const space = frame[field + FIELD.length] === 0x20 ? 1 : 0
  const start = field + FIELD.length + space + 1
  const end = field < 0 || frame[start - 1] !== QUOTE ? -1 : frame.indexOf(QUOTE, start)
  if (end < 0) return parsed(frame.toString())
  // Some encoders write a slash with one.
  const backslash = frame.indexOf(BACKSLASH, start)
  if (backslash >= 0 && backslash < end) return parsed(frame.toString())
  return end > start ? frame.toString('latin1', start, end) : undefined
}

function parsed(text: string): string | undefined {
  try {
    const event = JSON.parse(text) as Json
    const audio = isObject(event) && event.type === TYPE ? stringAt(event, 'delta') : undefined
    return audio === '' ? undefined : audio
  } catch {
    return undefined
  }
}

/** Decoded length. */
export function audioBytes(base64: string): number {
  const { length } = base64
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0
  return Math.floor((length * 3) / 4) - padding
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/** What a carrier gives as audio becomes part of an event, so it must not be able to end the text. */
export function isBase64(text: string): boolean {
  return text.length % 4 === 0 && BASE64.test(text)
}

/** Its bytes are the relay's own. `base64` is what `isBase64` accepts. */
export function appendOf(base64: string): Frame {
  return Buffer.from(`${APPEND}${base64}"}`, 'latin1')
}
