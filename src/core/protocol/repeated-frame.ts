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

/** The bytes of a frame around values that vary. In one piece, since it is compared when little of it is in the caches. */
export interface Around {
  /** One piece behind the other: one more than there are values. */
  readonly bytes: Buffer
  /** Where in `bytes` each piece ends. */
  readonly ends: readonly number[]
}

export interface FramePattern extends Around {
  /** The names of the values that vary, in the order of the frame. */
  readonly names: readonly string[]
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const COMMA = 0x2c
const OPEN = 0x7b
const CLOSE = 0x7d
const UNICODE = 0x75
const ESCAPED: ReadonlySet<number> = new Set(Buffer.from('"\\/bfnrt'))
const OF_LITERALS: ReadonlySet<number> = new Set(Buffer.from('-+.0123456789Eaeflnrstu'))

export interface Found {
  readonly pattern: FramePattern
  /** Where the values that vary stand, as pairs of begin and end. */
  readonly spans: readonly number[]
}

/**
 * Of a frame that was read as one event: a flat object of strings, numbers, `true`, `false` and `null`, without white space.
 * Only values that vary may have escapes. Undefined for any other.
 */
export function patternOf(frame: Frame): Found | undefined {
  return found(frame, VARYING, false)
}

/** The same of an event that `isOfPart`, which may have one such object inside. */
export function partPatternOf(frame: Frame): Found | undefined {
  return found(frame, VARYING_OF_PARTS, true)
}

/** The same of an event that `isDeltaOfItem`. */
export function deltaPatternOf(frame: Frame): Found | undefined {
  return found(frame, VARYING_OF_ITEMS, false)
}

function found(frame: Frame, varying: ReadonlySet<string>, nested: boolean): Found | undefined {
  const spans: number[] = []
  const names: string[] = []
  if (frame[0] !== OPEN || endOfObject(frame, 0, varying, nested, spans, names) !== frame.length - 1) return undefined
  return { pattern: { ...bytesAround(frame, spans), names }, spans }
}

/** Where the object that begins at `from` has its last byte. Behind the frame: it is not as plain as that. `nested`: whether it may have objects of plain values inside. */
function endOfObject(frame: Frame, from: number, varying: ReadonlySet<string>, nested: boolean, spans: number[], names: string[]): number {
  // At what opens the object or separates its members, until a member was read.
  let at = from
  do {
    const keyEnd = endOfText(frame, at + 2)
    const key = frame.toString('latin1', at + 2, keyEnd)
    if (frame[at + 1] !== QUOTE || key.includes('\\') || frame[keyEnd + 1] !== COLON) break
    const value = keyEnd + 2
    if (frame[value] === QUOTE) {
      const end = endOfText(frame, value + 1)
      if (varying.has(key)) {
        spans.push(value + 1, end)
        names.push(key)
      } else if (frame.subarray(value, end).includes(BACKSLASH)) break
      at = end + 1
    } else if (frame[value] === OPEN && nested) at = endOfObject(frame, value, varying, false, spans, names) + 1
    else if (varying.has(key)) break
    else at = endOfLiteral(frame, value)
  } while (frame[at] === COMMA)
  return frame[at] === CLOSE ? at : frame.length
}

/** Whether the frame is the pattern with other texts in it. If so, `spans` is filled with where they stand, as they are written. */
export function matchesPattern({ bytes, ends }: FramePattern, frame: Frame, spans: number[]): boolean {
  const last = ends.length - 1
  let at = 0
  let from = 0
  for (let i = 0; ; i++) {
    const to = ends[i] as number
    // Other types differ there at the latest, and mostly there first.
    if (frame[at + to - from - 1] !== bytes[to - 1]) return false
    // In JavaScript: for some dozen bytes a native call takes longer.
    for (; from < to; from++, at++) if (frame[at] !== bytes[from]) return false
    if (i === last) return at === frame.length
    spans[i * 2] = at
    at = endOfText(frame, at)
    spans[i * 2 + 1] = at
  }
}

/** Where a text ends. Behind the frame, so that nothing fits there: it has a control character, an escape that JSON does not know, or no end. */
function endOfText(frame: Frame, from: number): number {
  let at = from
  for (;;) {
    const byte = frame[at]
    if (byte === undefined || byte === QUOTE) return at
    at += byte < 0x20 ? frame.length : byte === BACKSLASH ? escapeSize(frame, at) : 1
  }
}

/** With its backslash, at `at`. As much as the frame: JSON knows no such escape. */
export function escapeSize(frame: Frame, at: number): number {
  const byte = frame[at + 1] as number
  if (byte !== UNICODE) return ESCAPED.has(byte) ? 2 : frame.length
  return isHex(frame[at + 2] as number) && isHex(frame[at + 3] as number) && isHex(frame[at + 4] as number) && isHex(frame[at + 5] as number) ? 6 : frame.length
}

function isHex(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)
}

/** What a text between quotes that matched says. */
export function textAt(frame: Frame, from: number, to: number): string {
  const text = frame.toString('utf8', from, to)
  return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text
}

/** A number, `true`, `false` or `null`. The frame is known to be JSON, so it is enough that no byte is of anything else. */
function endOfLiteral(frame: Frame, from: number): number {
  let at = from
  while (OF_LITERALS.has(frame[at] as number)) at++
  return at
}

/** The bytes of the frame before, between and behind `spans`, pairs of begin and end. Copies: the frame may be a view of a large read, which must not live on. */
export function bytesAround(frame: Frame, spans: readonly number[]): Around {
  const pieces: Buffer[] = []
  const ends: number[] = []
  let from = 0
  let size = 0
  for (let i = 0; i <= spans.length; i += 2) {
    const to = spans[i] ?? frame.length
    pieces.push(frame.subarray(from, to))
    size += to - from
    ends.push(size)
    from = spans[i + 1] as number
  }
  return { bytes: Buffer.concat(pieces), ends }
}
