// Recognises a frame that differs from an earlier one only in values that no rule looks at, so that it can be treated the same unread.
import type { Frame } from './events.js'

/**
 * Events that come many times a second and change nothing in a session, in GA vocabulary: what a session does with one depends on its type, its
 * ids and its other fields, and never on the values of `VARYING`.
 */
const REPEATED: ReadonlySet<string> = new Set([
  'response.output_audio_transcript.delta',
  'response.output_text.delta',
  'response.function_call_arguments.delta',
  'conversation.item.input_audio_transcription.delta',
])
const VARYING: ReadonlySet<string> = new Set(['event_id', 'delta', 'obfuscation'])

/** Events that open and close a part of a message. A session does the same with each of one visible item, whatever its ids and texts are. */
const OF_PARTS: ReadonlySet<string> = new Set([
  'response.content_part.added',
  'response.output_audio.done',
  'response.output_audio_transcript.done',
  'response.output_text.done',
  'response.content_part.done',
])
const VARYING_OF_PARTS: ReadonlySet<string> = new Set(['event_id', 'response_id', 'item_id', 'transcript', 'text'])

/** Deltas of an item. A session does nothing with one of a visible item but pass it on, whatever its ids and texts are. */
const OF_ITEMS: ReadonlySet<string> = new Set(['response.output_audio_transcript.delta', 'response.output_text.delta', 'response.function_call_arguments.delta'])
const VARYING_OF_ITEMS: ReadonlySet<string> = new Set(['event_id', 'response_id', 'item_id', 'call_id', 'delta', 'obfuscation'])

export function isRepeated(type: string): boolean {
  return REPEATED.has(type)
}

export function isOfPart(type: string): boolean {
  return OF_PARTS.has(type)
}

export function isDeltaOfItem(type: string): boolean {
  return OF_ITEMS.has(type)
}

/** The bytes around the values that vary: one more than there are such values. */
export interface FramePattern {
  readonly constants: readonly Buffer[]
  /** The names of the values that vary, in the order of the frame. */
  readonly names: readonly string[]
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const COMMA = 0x2c
const OPEN = 0x7b
const CLOSE = 0x7d

interface Found {
  readonly pattern: FramePattern
  /** Where the values that vary stand, as pairs of begin and end. */
  readonly spans: readonly number[]
}

/**
 * Of a frame that was read as one event: a flat object of strings, numbers, `true`, `false` and `null`, without white space.
 * Only values that vary may have escapes. Undefined for any other.
 */
export function patternOf(frame: Frame): Found | undefined {
  return found(frame, VARYING, 0)
}

/** The same of an event that `isOfPart`, which may have one such object inside. */
export function partPatternOf(frame: Frame): Found | undefined {
  return found(frame, VARYING_OF_PARTS, 1)
}

/** The same of an event that `isDeltaOfItem`. */
export function deltaPatternOf(frame: Frame): Found | undefined {
  return found(frame, VARYING_OF_ITEMS, 0)
}

function found(frame: Frame, varying: ReadonlySet<string>, depth: number): Found | undefined {
  const spans: number[] = []
  const names: string[] = []
  if (endOfObject(frame, 0, varying, depth, spans, names) !== frame.length) return undefined
  const constants: Buffer[] = []
  let from = 0
  for (let i = 0; i < spans.length; i += 2) {
    constants.push(copyOf(frame, from, spans[i] as number))
    from = spans[i + 1] as number
  }
  constants.push(copyOf(frame, from, frame.length))
  return { pattern: { constants, names }, spans }
}

/** Returns where the object that begins at `from` ends; -1: it is not as plain as that. `depth`: how many objects may lie one in the other inside. */
function endOfObject(frame: Frame, from: number, varying: ReadonlySet<string>, depth: number, spans: number[], names: string[]): number {
  if (frame[from] !== OPEN) return -1
  let at = from
  do {
    if (frame[at + 1] !== QUOTE) return -1
    const keyEnd = endOfText(frame, at + 2)
    if (keyEnd < 0 || hasEscape(frame, at + 2, keyEnd) || frame[keyEnd + 1] !== COLON) return -1
    const key = frame.toString('latin1', at + 2, keyEnd)
    const value = keyEnd + 2
    if (frame[value] === QUOTE) {
      const end = endOfText(frame, value + 1)
      if (end < 0) return -1
      if (varying.has(key)) {
        spans.push(value + 1, end)
        names.push(key)
      } else if (hasEscape(frame, value + 1, end)) return -1
      at = end + 1
    } else if (frame[value] === OPEN && depth > 0) {
      at = endOfObject(frame, value, varying, depth - 1, spans, names)
      if (at < 0) return -1
    } else {
      at = endOfLiteral(frame, value)
      if (at < 0 || varying.has(key)) return -1
    }
  } while (frame[at] === COMMA)
  return frame[at] === CLOSE ? at + 1 : -1
}

/** Whether the frame is the pattern with other texts in it. `spans` is filled with where they stand, as they are written. */
export function matchesPattern({ constants }: FramePattern, frame: Frame, spans: number[]): boolean {
  let at = 0
  const last = constants.length - 1
  for (let i = 0; i <= last; i++) {
    const constant = constants[i] as Buffer
    const end = at + constant.length
    if (end > frame.length || frame[end - 1] !== constant[constant.length - 1] || !isThere(constant, frame, at)) return false
    if (i === last) return end === frame.length
    const textEnd = endOfText(frame, end)
    if (textEnd < 0) return false
    spans[i * 2] = end
    spans[i * 2 + 1] = textEnd
    at = textEnd
  }
  return false
}

/** In JavaScript: for some dozen bytes a native call takes longer. */
function isThere(constant: Buffer, frame: Frame, at: number): boolean {
  for (let i = 0; i < constant.length; i++) if (frame[at + i] !== constant[i]) return false
  return true
}

/** Where a text ends; -1: it has a control character, an escape that JSON does not know, or no end. */
function endOfText(frame: Frame, from: number): number {
  for (let at = from; at < frame.length; at++) {
    const byte = frame[at] as number
    if (byte === QUOTE) return at
    if (byte < 0x20) return -1
    if (byte !== BACKSLASH) continue
    const size = escapeSize(frame, at + 1)
    if (size === 0) return -1
    at += size
  }
  return -1
}

function hasEscape(frame: Frame, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (frame[at] === BACKSLASH) return true
  return false
}

/** Of what follows a backslash. 0: JSON knows no such escape. */
function escapeSize(frame: Frame, at: number): number {
  switch (frame[at]) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f: // /
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return 1
    case 0x75: // u
      for (let i = 1; i <= 4; i++) if (!isHex(frame[at + i] ?? 0)) return 0
      return 5
    default:
      return 0
  }
}

function isHex(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)
}

/** What a text between quotes that matched says. */
export function textAt(frame: Frame, from: number, to: number): string {
  const text = frame.toString('utf8', from, to)
  return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text
}

/** A number, `true`, `false` or `null`. The frame is known to be JSON, so its letters need no check. */
function endOfLiteral(frame: Frame, from: number): number {
  for (let at = from; at < frame.length; at++) {
    const byte = frame[at] as number
    if (byte === COMMA || byte === CLOSE) return at > from ? at : -1
    const plain = (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x2d || byte === 0x2b || byte === 0x2e || byte === 0x45
    if (!plain) return -1
  }
  return -1
}

/** The frame may be a view of a read of 64 KiB, which must not live on. */
function copyOf(frame: Frame, from: number, to: number): Buffer {
  return Buffer.from(frame.subarray(from, to))
}
