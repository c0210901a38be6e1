// Builds the audio events of both ends, with session, sequence number and time stamped into the audio itself, and reads the stamps.
import { randomBytes } from 'node:crypto'
import { encodeFrame, headerBytes } from './wire.js'

export type Direction = 'up' | 'down'

const APPEND = '{"type":"input_audio_buffer.append","audio":"'

/** Ids of one response, all of the same length. `run` (below 10^8) makes them new for every measurement. */
export function responseIds(run: number): { response: string; item: string } {
  const number = digits(run, 8)
  return { response: `resp_bench00000000${number}`, item: `item_bench00000000${number}` }
}

function deltaStart(type: string, run: number): string {
  const ids = responseIds(run)
  return `{"type":"${type}","event_id":"event_bench0000000000000","response_id":"${ids.response}","item_id":"${ids.item}","output_index":0,"content_index":0,"delta":"`
}

/** Bytes of a message that are needed to find its stamp, enough for the longer spellings of other dialects. */
export const PEEK_BYTES: Record<Direction, number> = { up: 192, down: 320 }

const AUDIO_STARTS: Record<Direction, readonly Buffer[]> = {
  up: [Buffer.from('{"type":"input_audio_buffer.append"')],
  down: [Buffer.from('{"type":"response.output_audio.delta"'), Buffer.from('{"type":"response.audio.delta"')],
}
const AUDIO_FIELD: Record<Direction, Buffer> = { up: Buffer.from('"audio":"'), down: Buffer.from('"delta":"') }

const SESSION_DIGITS = 4
const SEQUENCE_DIGITS = 8
const TIME_DIGITS = 16
/** 28 decimal digits: valid base64 characters, a multiple of four of them. */
export const STAMP_CHARS = SESSION_DIGITS + SEQUENCE_DIGITS + TIME_DIGITS

/** Microseconds on the machine's monotonic clock, the same for every process on it. */
export function nowMicros(): number {
  const [seconds, nanos] = process.hrtime()
  return seconds * 1e6 + nanos / 1000
}

function digits(value: number, count: number): string {
  return Math.floor(value).toString().padStart(count, '0')
}

function stampText(session: number, sequence: number, micros: number): string {
  return digits(session, SESSION_DIGITS) + digits(sequence, SEQUENCE_DIGITS) + digits(micros, TIME_DIGITS)
}

/** Base64 characters that decode; `chars` must be a multiple of four. */
export function filler(chars: number): string {
  return randomBytes((chars / 4) * 3).toString('base64')
}

function audioStart(direction: Direction, run: number): string {
  return direction === 'up' ? APPEND : deltaStart('response.output_audio.delta', run)
}

/** An audio event with exactly this base64 text. */
export function audioPayload(direction: Direction, audio: string, run: number): Buffer {
  return Buffer.from(`${audioStart(direction, run)}${audio}"}`, 'latin1')
}

/** A transcript delta; `text` must not need escaping in JSON. */
export function transcriptPayload(text: string, run: number): Buffer {
  return Buffer.from(`${deltaStart('response.output_audio_transcript.delta', run)}${text}"}`)
}

/** One append with only a stamp, which tells the mock upstream the session of its connection. */
export function helloFrame(session: number): Buffer {
  return encodeFrame(audioPayload('up', stampText(session, 0, 0), 0), true)
}

export interface Ring {
  /** `frames` framed messages back to back, all of `frameBytes`, with sequence numbers 0 to `frames - 1`. */
  readonly bytes: Buffer
  readonly frames: number
  readonly frameBytes: number
}

/** Pre-serialised traffic of one session, sent repeatedly in slices. `audioChars` is the base64 length: at least 28 and a multiple of four. */
export function ringOf(direction: Direction, session: number, audioChars: number, frames: number, run: number): Ring {
  const tail = filler(audioChars - STAMP_CHARS)
  const all: Buffer[] = []
  for (let i = 0; i < frames; i++) all.push(encodeFrame(audioPayload(direction, stampText(session, i, 0) + tail, run), direction === 'up'))
  return { bytes: Buffer.concat(all), frames, frameBytes: all[0]!.length }
}

export interface StampedFrame {
  readonly frame: Buffer
  /** Rewrites the stamp in `into`: `frame` or a copy of it. */
  stamp(into: Buffer, sequence: number, micros: number): void
}

/** One framed message whose sequence number and time are rewritten in place before each send. */
export function stampedFrame(direction: Direction, session: number, audioChars: number, run: number): StampedFrame {
  const payload = audioPayload(direction, stampText(session, 0, 0) + filler(audioChars - STAMP_CHARS), run)
  const masked = direction === 'up'
  const frame = encodeFrame(payload, masked)
  const header = headerBytes(payload.length, masked)
  const inPayload = audioStart(direction, run).length + SESSION_DIGITS
  const write = (into: Buffer, from: number, count: number, value: number): void => {
    let left = Math.floor(value)
    for (let i = count - 1; i >= 0; i--) {
      const at = from + i
      const digit = 48 + (left % 10)
      left = Math.floor(left / 10)
      into[header + at] = masked ? digit ^ into[header - 4 + (at & 3)]! : digit
    }
  }
  return {
    frame,
    stamp: (into, sequence, micros) => {
      write(into, inPayload, SEQUENCE_DIGITS, sequence)
      write(into, inPayload + SEQUENCE_DIGITS, TIME_DIGITS, micros)
    },
  }
}

/** Whether a message, seen from its first bytes, is audio travelling in `direction`. */
export function isAudio(direction: Direction, peek: Buffer): boolean {
  for (const start of AUDIO_STARTS[direction]) {
    if (peek.length >= start.length && start.compare(peek, 0, start.length) === 0) return true
  }
  return false
}

export interface Stamp {
  session: number
  sequence: number
  micros: number
}

/** Fills `into` from a message's first bytes. False if there is no stamp. */
export function readStamp(direction: Direction, peek: Buffer, into: Stamp): boolean {
  const field = peek.indexOf(AUDIO_FIELD[direction])
  const at = field + AUDIO_FIELD[direction].length
  if (field < 0 || at + STAMP_CHARS > peek.length) return false
  into.session = readDigits(peek, at, SESSION_DIGITS)
  into.sequence = readDigits(peek, at + SESSION_DIGITS, SEQUENCE_DIGITS)
  into.micros = readDigits(peek, at + SESSION_DIGITS + SEQUENCE_DIGITS, TIME_DIGITS)
  return into.session >= 0 && into.sequence >= 0 && into.micros >= 0
}

function readDigits(from: Buffer, at: number, count: number): number {
  let value = 0
  for (let i = at; i < at + count; i++) {
    const digit = from[i]! - 48
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return value
}
