// Recognises audio frames without parsing them: client audio by a grammar of the whole frame, server audio by the frame's first bytes.
import type { Frame } from './events.js'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const COMMA = 0x2c
const OPEN = 0x7b
const CLOSE = 0x7d
const SPACE = 0x20
const MAX_EVENT_ID = 64
/** The service's own limit of one append: 15 MiB (source: OpenAI API reference, `input_audio_buffer.append`). */
export const MAX_AUDIO_BYTES = 15 * 1024 * 1024

const COMPACT = Buffer.from('{"type":"input_audio_buffer.append","audio":"', 'latin1')
const TYPE_VALUE = Buffer.from('input_audio_buffer.append', 'latin1')
const OWN_ID_PREFIX = Buffer.from('relay_', 'latin1')

/**
 * Decoded length in bytes of the audio in a client's frame, by arithmetic on its base64 text; -1 if the frame must take the slow path, which
 * parses and re-encodes it. The client's own bytes may go upstream only if every JSON parser reads them as the same `input_audio_buffer.append`.
 * Such a frame is one object of `type`, `audio` and at most `event_id`, each once, in any order, with white space between them. None of its
 * strings has a quote, a backslash, a control character or a byte beyond ASCII. The base64 alphabet is not checked: the upstream decodes it and
 * answers wrong base64 with an error event, and the metered length can only be too high.
 */
export function clientAudioBytes(frame: Frame): number {
  if (startsAt(frame, COMPACT, 0)) {
    const end = frame.length - 2
    if (frame[end + 1] === CLOSE && frame.indexOf(QUOTE, COMPACT.length) === end && isPlain(frame, COMPACT.length, end)) return base64Bytes(frame, COMPACT.length, end)
  }
  return scanMembers(frame)
}

/** Checks the same rule member by member, for other orders and spacing. A string ends at the first quote; an escaped quote fails `isPlain`. */
function scanMembers(frame: Frame): number {
  let at = skipSpace(frame, 0)
  if (frame[at] !== OPEN) return -1
  let sawType = false
  let sawId = false
  let audio = -1
  do {
    const key = skipSpace(frame, at + 1)
    const keyEnd = frame[key] === QUOTE ? frame.indexOf(QUOTE, key + 1) : -1
    if (keyEnd < 0) return -1
    const colon = skipSpace(frame, keyEnd + 1)
    if (frame[colon] !== COLON) return -1
    const value = skipSpace(frame, colon + 1)
    const start = value + 1
    const end = frame[value] === QUOTE ? frame.indexOf(QUOTE, start) : -1
    if (end < 0) return -1
    if (!sawType && isKey(frame, key + 1, keyEnd, TYPE_KEY)) {
      sawType = true
      if (end - start !== TYPE_VALUE.length || !startsAt(frame, TYPE_VALUE, start)) return -1
    } else if (audio < 0 && isKey(frame, key + 1, keyEnd, AUDIO_KEY)) {
      if (!isPlain(frame, start, end)) return -1
      audio = base64Bytes(frame, start, end)
    } else if (!sawId && isKey(frame, key + 1, keyEnd, ID_KEY)) {
      sawId = true
      if (!isClientEventId(frame, start, end)) return -1
    } else return -1
    at = skipSpace(frame, end + 1)
  } while (frame[at] === COMMA)
  if (frame[at] !== CLOSE || skipSpace(frame, at + 1) !== frame.length || !sawType) return -1
  return audio
}

const TYPE_KEY = Buffer.from('type', 'latin1')
const AUDIO_KEY = Buffer.from('audio', 'latin1')
const ID_KEY = Buffer.from('event_id', 'latin1')

function isKey(frame: Frame, start: number, end: number, key: Buffer): boolean {
  return end - start === key.length && startsAt(frame, key, start)
}

/** Skips JSON's white space, but no more of it than a pretty-printer writes between two members. */
function skipSpace(frame: Frame, from: number): number {
  let at = from
  const limit = from + 16
  for (let byte = frame[at]; byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = frame[at]) {
    if (++at > limit) return -1
  }
  return at
}

/** Compares in JavaScript, which for a few dozen bytes is cheaper than a native call. */
function startsAt(frame: Frame, bytes: Buffer, offset: number): boolean {
  if (frame.length < offset + bytes.length) return false
  for (let i = 0; i < bytes.length; i++) if (frame[offset + i] !== bytes[i]) return false
  return true
}

/** Ids of the relay's own events start with `relay_`, so a client's must not. The slow path tells the client so. */
function isClientEventId(frame: Frame, start: number, end: number): boolean {
  if (end <= start || end - start > MAX_EVENT_ID || startsAt(frame, OWN_ID_PREFIX, start)) return false
  for (let i = start; i < end; i++) {
    const byte = frame[i] ?? 0
    const letter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a
    if (!letter && !(byte >= 0x30 && byte <= 0x39) && byte !== 0x5f && byte !== 0x2e && byte !== 0x2d) return false
  }
  return true
}

/**
 * Whether `[start, end)` has no backslash and no byte below 0x20 or above 0x7f. The caller has checked that it has no quote. A quote or backslash
 * would change the structure. A control character makes the frame invalid JSON. A careless decoder could read bytes beyond ASCII as an overlong quote.
 * The search is native. The range test takes four words per step, a quarter of a microsecond for a kilobyte: if bit 7 is clear in all bytes,
 * subtracting 0x20 from each sets it exactly where a byte was below 0x20.
 */
function isPlain(frame: Frame, start: number, end: number): boolean {
  const backslash = frame.indexOf(BACKSLASH, start)
  if (backslash >= 0 && backslash < end) return false
  let bad = 0
  let at = start
  const misaligned = (4 - ((frame.byteOffset + start) & 3)) & 3
  for (const head = Math.min(start + misaligned, end); at < head; at++) bad |= outside(frame[at] as number)
  const groups = (end - at) >> 4
  if (groups > 0) {
    const view = new Int32Array(frame.buffer, frame.byteOffset + at, groups * 4)
    for (let i = 0; i < view.length; i += 4) {
      const a = view[i] as number
      const b = view[i + 1] as number
      const c = view[i + 2] as number
      const d = view[i + 3] as number
      bad |= a | (a - 0x20202020) | b | (b - 0x20202020) | c | (c - 0x20202020) | d | (d - 0x20202020)
    }
    at += groups << 4
  }
  for (; at < end; at++) bad |= outside(frame[at] as number)
  return (bad & 0x80808080) === 0
}

function outside(byte: number): number {
  return byte | (byte - 0x20)
}

function base64Bytes(frame: Frame, start: number, end: number): number {
  let last = end
  while (last > start && end - last < 2 && frame[last - 1] === 0x3d) last--
  return Math.floor(((last - start) * 3) / 4)
}

const TYPE_MEMBER = Buffer.from('{"type":"', 'latin1')

/**
 * The offset of this type name, an audio delta's, in a frame of the trusted upstream, or -1 for any other frame. `type` comes first, or after `event_id`, as
 * Voice Live sends it, with or without a space after colon and comma. The model's text comes later in a frame, so it cannot imitate this.
 */
export function audioDeltaTypeAt(frame: Frame, type: Buffer): number {
  if (startsAt(frame, TYPE_MEMBER, 0)) return isName(frame, TYPE_MEMBER.length, type) ? TYPE_MEMBER.length : -1
  if (frame[0] !== OPEN || frame[1] !== QUOTE) return -1
  let key = 2
  if (startsAt(frame, ID_KEY, key) && frame[key + ID_KEY.length] === QUOTE) {
    const value = openQuoteAfterColon(frame, key + ID_KEY.length + 1)
    if (value < 0) return -1
    let end = value + 1
    while (end < value + 130 && frame[end] !== QUOTE && frame[end] !== BACKSLASH && end < frame.length) end++
    if (frame[end] !== QUOTE || frame[end + 1] !== COMMA) return -1
    key = frame[end + 2] === SPACE ? end + 3 : end + 2
    if (frame[key] !== QUOTE) return -1
    key++
  }
  if (!startsAt(frame, TYPE_KEY, key) || frame[key + TYPE_KEY.length] !== QUOTE) return -1
  const value = openQuoteAfterColon(frame, key + TYPE_KEY.length + 1)
  return value >= 0 && isName(frame, value + 1, type) ? value + 1 : -1
}

/**
 * The same audio delta with another dialect's type name; nothing is parsed. `at` is the offset that `audioDeltaTypeAt` found for `from`. Client audio is
 * spelled alike in every dialect. If the new name is not longer, the frame itself is rewritten, with blanks after the name. Its length stays the same, so
 * it is sent in one piece with its neighbours and their original headers, and no audio is copied. The old frame must not be used again.
 */
export function spliceAudioDeltaType(frame: Frame, at: number, from: string, to: string): Frame {
  return from === to ? frame : renamedType(frame, at, from, to)
}

/** The same of any event whose type `from` stands at `at`, between quotes. */
export function renamedType(frame: Frame, at: number, from: string, to: string): Frame {
  const name = typeBytes(to)
  const spare = from.length - to.length
  if (spare < 0) return Buffer.concat([frame.subarray(0, at), name, frame.subarray(at + from.length)])
  // Byte by byte: for so few bytes `set` and `fill` take longer.
  for (let i = 0; i < name.length; i++) frame[at + i] = name[i] as number
  frame[at + name.length] = QUOTE
  for (let i = 1; i <= spare; i++) frame[at + name.length + i] = SPACE
  return frame
}

const TYPE_BYTES = new Map<string, Buffer>()

function typeBytes(type: string): Buffer {
  let bytes = TYPE_BYTES.get(type)
  if (!bytes) {
    bytes = Buffer.from(type, 'latin1')
    if (TYPE_BYTES.size < 8) TYPE_BYTES.set(type, bytes)
  }
  return bytes
}

function openQuoteAfterColon(frame: Frame, colon: number): number {
  if (frame[colon] !== COLON) return -1
  const value = frame[colon + 1] === SPACE ? colon + 2 : colon + 1
  return frame[value] === QUOTE ? value : -1
}

function isName(frame: Frame, at: number, type: Buffer): boolean {
  // Most types have another length.
  return frame[at + type.length] === QUOTE && startsAt(frame, type, at)
}
