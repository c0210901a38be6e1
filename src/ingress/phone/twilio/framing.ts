// Frames of Twilio's media socket: JSON whose numbers are strings, and mu-law as base64, which is never decoded.
import type { Frame } from '../../../core/protocol/events.js'
import { isObject, type JsonObject, objectAt, stringAt } from '../../../core/protocol/events.js'
import type { MediaFrame, MediaFraming } from '../../../ports/phone.js'
import { isBase64 } from '../delta.js'

export interface TwilioFraming extends MediaFraming {
  mark(name: string): string
}

/** The beginning of a `media` frame as Twilio writes it. Other spellings are read too, more slowly. */
const MEDIA = Buffer.from('{"event":"media"')
const PAYLOAD = Buffer.from('"payload":"')
const TIMESTAMP = Buffer.from('"timestamp":"')
const QUOTE = 0x22
const BRACE = 0x7d
const KEY = /^[0-9*#A-D]$/
const MILLISECONDS = /^\d{1,15}$/
const MAX_NAME = 128

const IGNORED: MediaFrame = { type: 'ignored' }
const BAD: MediaFrame = { type: 'bad' }
const STOP: MediaFrame = { type: 'stop' }

export interface StreamStart {
  readonly callSid: string
  readonly accountSid: string
  readonly streamSid: string
  readonly ticket: string
}

/** Without a stream's name, which `start` brings, nothing can be written. */
export function createTwilioFraming(streamSid = ''): TwilioFraming {
  const stream = `"streamSid":${JSON.stringify(streamSid)}`
  return {
    format: 'pcmu',
    read: readMediaFrame,
    media: (audio) => `{"event":"media",${stream},"media":{"payload":"${audio}"}}`,
    mark: (name) => `{"event":"mark",${stream},"mark":{"name":${JSON.stringify(name)}}}`,
    clear: () => `{"event":"clear",${stream}}`,
  }
}

/** What `start` says, or undefined if the frame is none, or one that lacks something. */
export function readStart(frame: Frame): StreamStart | undefined {
  const start = objectAt(parsed(frame), 'start')
  const callSid = name(stringAt(start, 'callSid'))
  const accountSid = name(stringAt(start, 'accountSid'))
  const streamSid = name(stringAt(start, 'streamSid'))
  const ticket = name(stringAt(objectAt(start, 'customParameters'), 'ticket'))
  return callSid && accountSid && streamSid && ticket ? { callSid, accountSid, streamSid, ticket } : undefined
}

/** Of the frames that come about once a call. `media` has no need of this. */
export function eventOf(frame: Frame): string | undefined {
  return isPlainMedia(frame) ? 'media' : stringAt(parsed(frame), 'event')
}

export function isPlainMedia(frame: Frame): boolean {
  return frame.length > MEDIA.length && MEDIA.compare(frame, 0, MEDIA.length) === 0
}

function readMediaFrame(frame: Frame, isBinary: boolean): MediaFrame {
  if (isBinary) return BAD
  return (isPlainMedia(frame) ? lifted(frame) : undefined) ?? readAny(parsed(frame))
}

/** Without parsing. Undefined: not written as Twilio writes it. */
function lifted(frame: Frame): MediaFrame | undefined {
  const audio = frame.at(-1) === BRACE ? textAfter(frame, PAYLOAD) : undefined
  if (audio === undefined || !isBase64(audio)) return undefined
  return { type: 'audio', audio, atMs: milliseconds(textAfter(frame, TIMESTAMP)) }
}

function textAfter(frame: Frame, key: Buffer): string | undefined {
  const found = frame.indexOf(key)
  if (found < 0) return undefined
  const start = found + key.length
  const end = frame.indexOf(QUOTE, start)
  return end < 0 ? undefined : frame.toString('latin1', start, end)
}

function readAny(message: JsonObject | undefined): MediaFrame {
  switch (stringAt(message, 'event')) {
    case undefined:
      return BAD
    case 'media': {
      const media = objectAt(message, 'media')
      const audio = stringAt(media, 'payload')
      if (audio === '') return IGNORED
      if (audio === undefined || !isBase64(audio)) return BAD
      return { type: 'audio', audio, atMs: milliseconds(stringAt(media, 'timestamp')) }
    }
    case 'dtmf': {
      const key = stringAt(objectAt(message, 'dtmf'), 'digit')
      return key !== undefined && KEY.test(key) ? { type: 'key', key } : BAD
    }
    case 'mark': {
      const marked = name(stringAt(objectAt(message, 'mark'), 'name'))
      return marked ? { type: 'mark', name: marked } : BAD
    }
    case 'stop':
      return STOP
    default:
      return IGNORED
  }
}

function parsed(frame: Frame): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(frame.toString())
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function milliseconds(text: string | undefined): number | undefined {
  return text !== undefined && MILLISECONDS.test(text) ? Number(text) : undefined
}

function name(text: string | undefined): string | undefined {
  return text !== undefined && text !== '' && text.length <= MAX_NAME ? text : undefined
}
