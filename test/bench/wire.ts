// Frames RFC 6455 messages over raw sockets without copying audio payloads, so that both ends cost a few microseconds per message.
import { randomBytes } from 'node:crypto'

export const TEXT = 1
export const CLOSE = 8
export const PING = 9
export const PONG = 10

/** One unfragmented frame, header and payload in one buffer; masked with a fresh random key when `masked`. */
export function encodeFrame(payload: Buffer, masked: boolean, opcode = TEXT): Buffer {
  const lengthBytes = payload.length < 126 ? 0 : payload.length < 65_536 ? 2 : 8
  const start = 2 + lengthBytes + (masked ? 4 : 0)
  const frame = Buffer.allocUnsafe(start + payload.length)
  frame[0] = 0x80 | opcode
  const mark = masked ? 0x80 : 0
  if (lengthBytes === 0) frame[1] = mark | payload.length
  else if (lengthBytes === 2) {
    frame[1] = mark | 126
    frame.writeUInt16BE(payload.length, 2)
  } else {
    frame[1] = mark | 127
    frame.writeUInt32BE(0, 2)
    frame.writeUInt32BE(payload.length, 6)
  }
  if (!masked) {
    payload.copy(frame, start)
    return frame
  }
  const key = randomBytes(4)
  key.copy(frame, start - 4)
  for (let i = 0; i < payload.length; i++) frame[start + i] = payload[i]! ^ key[i & 3]!
  return frame
}

/** Bytes of the header in front of the payload of a frame made by `encodeFrame`. */
export function headerBytes(payloadLength: number, masked: boolean): number {
  return 2 + (payloadLength < 126 ? 0 : payloadLength < 65_536 ? 2 : 8) + (masked ? 4 : 0)
}

export interface FrameSink {
  /** Gets the first bytes of a text message, unmasked and valid only during the call. Returns true to get the whole message in `onEnd`. */
  onStart(peek: Buffer, compressed: boolean): boolean
  /** The message is complete. `whole` is a copy of it if `onStart` returned true. */
  onEnd(whole: Buffer | undefined): void
  onControl(opcode: number, payload: Buffer): void
  /** The peer broke the framing this bench relies on (fragments, binary messages); reading stops. */
  onBroken(why: string): void
}

/** Reads frames from chunks cut anywhere. Skips messages that are not to be kept. */
export class FrameReader {
  readonly #sink: FrameSink
  readonly #peekBytes: number
  readonly #head = Buffer.alloc(14)
  readonly #peek: Buffer
  readonly #key = Buffer.alloc(4)
  #headFill = 0
  #headNeed = 2
  #opcode = 0
  #masked = false
  #compressed = false
  #length = -1
  #at = 0
  #peekFill = 0
  #peeked = false
  #kept: Buffer[] | undefined
  #broken = false

  constructor(sink: FrameSink, peekBytes: number) {
    this.#sink = sink
    this.#peekBytes = peekBytes
    this.#peek = Buffer.alloc(peekBytes)
  }

  feed(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && !this.#broken) {
      if (this.#length < 0) at = this.#readHead(chunk, at)
      else at = this.#readBody(chunk, at)
    }
  }

  #readHead(chunk: Buffer, start: number): number {
    let at = start
    const head = this.#head
    while (at < chunk.length && this.#headFill < this.#headNeed) {
      head[this.#headFill++] = chunk[at++]!
      if (this.#headFill === 2) {
        const short = head[1]! & 0x7f
        this.#masked = (head[1]! & 0x80) !== 0
        this.#headNeed = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + (this.#masked ? 4 : 0)
      }
    }
    if (this.#headFill < this.#headNeed) return at
    const short = head[1]! & 0x7f
    this.#length = short === 126 ? head.readUInt16BE(2) : short === 127 ? head.readUInt32BE(6) : short
    this.#opcode = head[0]! & 0x0f
    this.#compressed = (head[0]! & 0x40) !== 0
    if (this.#masked) head.copy(this.#key, 0, this.#headNeed - 4, this.#headNeed)
    if ((head[0]! & 0x80) === 0 || (this.#opcode !== TEXT && this.#opcode < CLOSE)) {
      this.#broken = true
      this.#sink.onBroken(`a frame with first byte 0x${head[0]!.toString(16)}: fragmented or not text`)
      return at
    }
    this.#at = 0
    this.#peekFill = 0
    this.#peeked = false
    this.#kept = this.#opcode === TEXT ? undefined : []
    if (this.#length === 0) {
      if (this.#opcode === TEXT) this.#kept = this.#sink.onStart(this.#peek.subarray(0, 0), this.#compressed) ? [] : undefined
      this.#finish()
    }
    return at
  }

  #readBody(chunk: Buffer, start: number): number {
    const want = Math.min(this.#peekBytes, this.#length)
    let bodyFrom = start
    if (this.#opcode === TEXT && !this.#peeked) {
      const available = Math.min(want - this.#peekFill, chunk.length - start)
      if (this.#peekFill === 0 && available === want && !this.#masked) {
        this.#peekIs(chunk.subarray(start, start + want))
      } else {
        for (let i = 0; i < available; i++) {
          const index = this.#peekFill + i
          this.#peek[index] = this.#masked ? chunk[start + i]! ^ this.#key[index & 3]! : chunk[start + i]!
        }
        this.#peekFill += available
        if (this.#peekFill === want) this.#peekIs(this.#peek.subarray(0, want))
      }
      bodyFrom = start + available
      this.#at += available
      if (!this.#peeked) return bodyFrom
    }
    const rest = Math.min(this.#length - this.#at, chunk.length - bodyFrom)
    if (this.#kept && rest > 0) this.#kept.push(this.#unmasked(chunk, bodyFrom, rest))
    this.#at += rest
    if (this.#at === this.#length) this.#finish()
    return bodyFrom + rest
  }

  #peekIs(peek: Buffer): void {
    this.#peeked = true
    if (this.#sink.onStart(peek, this.#compressed)) this.#kept = [Buffer.from(peek)]
  }

  #unmasked(chunk: Buffer, from: number, count: number): Buffer {
    const copy = Buffer.from(chunk.subarray(from, from + count))
    if (this.#masked) for (let i = 0; i < count; i++) copy[i] = copy[i]! ^ this.#key[(this.#at + i) & 3]!
    return copy
  }

  #finish(): void {
    const whole = this.#kept && Buffer.concat(this.#kept)
    this.#kept = undefined
    this.#length = -1
    this.#headFill = 0
    this.#headNeed = 2
    if (this.#opcode === TEXT) this.#sink.onEnd(whole)
    else this.#sink.onControl(this.#opcode, whole ?? Buffer.alloc(0))
  }
}
