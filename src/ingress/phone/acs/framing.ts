// Reads and writes the frames of an ACS media socket: audio is lifted as text and never decoded, in every spelling that published code uses.
import { type Frame, isObject, type Json, type JsonObject } from '../../../core/protocol/events.js'
import type { MediaFrame, MediaFraming } from '../../../ports/phone.js'
import { MAX_MEDIA_FRAME_BYTES } from '../door.js'

/** What was asked for when the call was answered. Sound at another rate would be noise to the model. */
const SAMPLE_RATE = 24_000
const IGNORED: MediaFrame = { type: 'ignored' }
const BAD: MediaFrame = { type: 'bad' }

/** Names of keys, as other parts of the service's API spell them. */
const KEY_NAMES: Readonly<Record<string, string>> = {
  ...{ zero: '0', one: '1', two: '2', three: '3', four: '4', five: '5', six: '6', seven: '7', eight: '8', nine: '9' },
  ...{ pound: '#', asterisk: '*' },
}

const HEAD = Buffer.from('{"kind":"AudioData","audioData":{', 'latin1')
const TIMESTAMP = Buffer.from('"timestamp":"', 'latin1')
const DATA = Buffer.from('"data":"', 'latin1')
const TAILS = ['}}', ',"silent":false}}', ',"silent":true}}'].map((tail) => Buffer.from(`"${tail}`, 'latin1'))
const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = 0x7b
const BASE64 = /^[A-Za-z\d+/]+={0,2}$/

/** One call's. The spelling written is that of Microsoft's own samples, which the most code sends. */
export function createAcsFraming(): MediaFraming {
  /** The service announced another format than it was asked for. */
  let isNoise = false

  function readParsed(text: string): MediaFrame {
    const frame = parsedObject(text)
    const kind = frame && textIn(frame, 'kind')
    if (!frame || kind === undefined) return BAD
    switch (kind.toLowerCase()) {
      case 'audiodata':
        return isNoise ? BAD : audioIn(objectIn(frame, 'audiodata'))
      case 'audiometadata':
        isNoise = !isAsAsked(objectIn(frame, 'audiometadata'))
        return isNoise ? BAD : IGNORED
      case 'dtmfdata':
        return keyIn(objectIn(frame, 'dtmfdata'))
      default:
        return IGNORED
    }
  }

  return {
    format: 'pcm',
    read(frame: Frame, isBinary: boolean): MediaFrame {
      if (isBinary || frame.length > MAX_MEDIA_FRAME_BYTES) return BAD
      return (isNoise ? undefined : liftedAudio(frame)) ?? readParsed(frame.toString('utf8'))
    },
    media: (audio) => `{"Kind":"AudioData","AudioData":{"Data":"${audio}"},"StopAudio":null}`,
    clear: () => '{"Kind":"StopAudio","AudioData":null,"StopAudio":{}}',
  }
}

/**
 * The audio of a frame as the service writes it, undefined if it is written in any other way. No string in it has a backslash, so a quote ends one, and what looks
 * like the name `data` is one. Nothing stands behind the audio that could name it again. The alphabet is not checked: whoever decodes it says so.
 */
function liftedAudio(frame: Frame): MediaFrame | undefined {
  if (frame.length < HEAD.length || frame.compare(HEAD, 0, HEAD.length, 0, HEAD.length) !== 0 || frame.includes(BACKSLASH)) return undefined
  const name = frame.indexOf(DATA, HEAD.length)
  const start = name + DATA.length
  const end = name < 0 ? -1 : frame.indexOf(QUOTE, start)
  const inner = frame.indexOf(OPEN, HEAD.length)
  if (end < 0 || (end - start) % 4 !== 0 || end === start || (inner >= 0 && inner < name)) return undefined
  if (!TAILS.some((tail) => frame.length - end === tail.length && frame.compare(tail, 0, tail.length, end) === 0)) return undefined
  const stamp = frame.indexOf(TIMESTAMP, HEAD.length)
  const stampStart = stamp + TIMESTAMP.length
  const atMs = stamp < 0 || stamp > name ? undefined : timeIn(frame.toString('latin1', stampStart, frame.indexOf(QUOTE, stampStart)))
  return { type: 'audio', audio: frame.toString('latin1', start, end), atMs }
}

/** Frames that are marked as silent are audio too: without them the end of a turn is not heard. */
function audioIn(data: JsonObject | undefined): MediaFrame {
  const audio = data && textIn(data, 'data')
  if (audio === undefined) return BAD
  if (audio === '') return IGNORED
  if (audio.length % 4 !== 0 || !BASE64.test(audio)) return BAD
  return { type: 'audio', audio, atMs: timeIn(data && textIn(data, 'timestamp')) }
}

function keyIn(data: JsonObject | undefined): MediaFrame {
  const said = (data && textIn(data, 'data'))?.toLowerCase() ?? ''
  const key = Object.hasOwn(KEY_NAMES, said) ? (KEY_NAMES[said] ?? '') : said.toUpperCase()
  return /^[\d*#A-D]$/.test(key) ? { type: 'key', key } : BAD
}

function isAsAsked(metadata: JsonObject | undefined): boolean {
  if (!metadata) return false
  const encoding = textIn(metadata, 'encoding') ?? 'PCM'
  return /^pcm/i.test(encoding) && valueIn(metadata, 'samplerate') === SAMPLE_RATE && (valueIn(metadata, 'channels') ?? 1) === 1
}

function timeIn(text: string | undefined): number | undefined {
  const time = text === undefined ? Number.NaN : Date.parse(text)
  return Number.isNaN(time) ? undefined : time
}

function parsedObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** The value of the first own field with this name, in any letter case. `name` is in lower case. */
function valueIn(object: JsonObject, name: string): Json | undefined {
  const key = Object.keys(object).find((one) => one.toLowerCase() === name)
  return key === undefined ? undefined : object[key]
}

function textIn(object: JsonObject, name: string): string | undefined {
  const value = valueIn(object, name)
  return typeof value === 'string' ? value : undefined
}

function objectIn(object: JsonObject, name: string): JsonObject | undefined {
  const value = valueIn(object, name)
  return isObject(value) ? value : undefined
}
