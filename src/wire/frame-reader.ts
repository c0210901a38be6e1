// Takes whole text frames from a socket's bytes and passes all other bytes to `ws` in order. Only the parser of `ws` decides what is an error.
import { isUtf8 } from 'node:buffer'
import bufferUtil from 'bufferutil'

const FIN = 0x80
const MASKED = 0x80
const TEXT = 0x1
const BINARY = 0x2
const PING = 0x9
const PONG = 0xa
const MAX_HEADER = 14
/** Larger fragments cost no more than their bytes, which count with their message. An honest sender cuts a big message into such. */
const SMALL_FRAGMENT = 1024
/** A message up to this size that comes in several reads is put together here. Memory is taken for all of it at its first byte. */
const MOST_KEPT = 64 * 1024

export interface FrameSink {
  /** One whole text message, unmasked and valid UTF-8. It is a view of the chunk it came in. */
  takeText(frame: Buffer): void
  /** `ws` parses the bytes before this returns. True: they completed a message. */
  passOn(bytes: Buffer): boolean
  /** A frame that is no message: a control frame, or a small fragment that does not end one. */
  countExtra(bytes: number): void
  /** Asked before each frame. True: what follows is not read now. */
  isPaused(): boolean
  /** These bytes are to be read again later. */
  keep(bytes: Buffer): void
  /** From these bytes on only `ws` reads the connection. It may stop listening while it parses them. */
  handOver(bytes: Buffer): void
}

/**
 * Follows the boundaries of RFC 6455 frames. It keeps the begun part of a message of up to 64 KiB; other bytes that it does not take are passed on
 * at once. The first frame that is not certainly legal here (a wrong mask, a reserved bit, too long, a fragment out of order, a close) goes to `ws`,
 * with everything after it.
 */
export class FrameReader {
  readonly #sink: FrameSink
  readonly #masked: boolean
  readonly #maxPayload: number
  /** `ws` has taken over; nothing is read here any more. */
  #left = false
  /** Bytes of the current frame that `ws` is still to get. */
  #owed = 0
  #endsMessage = false
  /** Between the first fragment of a message and its last. */
  #inMessage = false
  /** The first part of a header that was cut in two. It has been passed on already. */
  #head: Buffer | undefined
  /** A frame whose end is still to come, with its header, and how much of it is there. */
  #kept: Buffer | undefined
  #keptBytes = 0

  /** `masked`: whether the peer must mask, as clients do. `ws` refuses payloads longer than `maxPayload` bytes. */
  constructor(sink: FrameSink, masked: boolean, maxPayload: number) {
    this.#sink = sink
    this.#masked = masked
    this.#maxPayload = maxPayload
  }

  read(chunk: Buffer): void {
    let at = this.#head ? this.#completeHead(this.#head, chunk) : this.#kept ? this.#completeKept(this.#kept, chunk) : 0
    if (this.#owed > 0) at = this.#pass(chunk, at)
    while (at < chunk.length) {
      if (this.#left) return this.#sink.handOver(at === 0 ? chunk : chunk.subarray(at))
      if (this.#sink.isPaused()) return this.#sink.keep(chunk.subarray(at))
      at = this.#readFrame(chunk, at)
    }
  }

  /** Returns where the next frame begins, or `at` again if `ws` must read this one. */
  #readFrame(chunk: Buffer, at: number): number {
    const size = headerSize(chunk, at)
    if (size > chunk.length - at) {
      this.#head = Buffer.from(chunk.subarray(at))
      this.#sink.passOn(chunk.subarray(at))
      return chunk.length
    }
    const length = payloadLength(chunk, at)
    const end = at + size + length
    if (!this.#mayBegin(chunk, at, length)) {
      this.#left = true
      return at
    }
    if (chunk[at] === (FIN | TEXT) && end > chunk.length && end - at <= MOST_KEPT) {
      this.#kept = Buffer.allocUnsafe(end - at)
      this.#keptBytes = chunk.copy(this.#kept, 0, at)
      return chunk.length
    }
    if (chunk[at] !== (FIN | TEXT) || end > chunk.length) {
      this.#begin(chunk[at] as number, size, length, 0)
      return this.#pass(chunk, at)
    }
    const payload = chunk.subarray(at + size, end)
    if (this.#masked) unmask(payload, chunk, at + size - 4)
    if (!isUtf8(payload)) {
      // Masks it again: the same operation undoes the unmasking.
      if (this.#masked) unmask(payload, chunk, at + size - 4)
      this.#left = true
      return at
    }
    this.#sink.takeText(payload)
    return end
  }

  #mayBegin(bytes: Buffer, at: number, length: number): boolean {
    const second = bytes[at + 1] as number
    if (second >= MASKED !== this.#masked || length > this.#maxPayload) return false
    switch (bytes[at]) {
      case FIN | TEXT:
      case FIN | BINARY:
      case TEXT:
      case BINARY:
        return !this.#inMessage
      case FIN:
      case 0:
        return this.#inMessage
      case FIN | PING:
      case FIN | PONG:
        // Not `length`: a control frame may not give a small length in one of the longer forms.
        return (second & 0x7f) <= 125
      default:
        return false
    }
  }

  /** `passed`: bytes of the header that `ws` has already. A message counts when it comes out of `ws`, with all its payload. */
  #begin(first: number, size: number, length: number, passed: number): void {
    this.#owed = size + length - passed
    const isControl = (first & 0xf) >= 8
    if (isControl || (first < FIN && length < SMALL_FRAGMENT)) this.#sink.countExtra(isControl ? size + length : size)
    if (isControl) return
    this.#inMessage = first < FIN
    this.#endsMessage = !this.#inMessage
  }

  /** Passes on as much of the current frame as the chunk holds. If a message ends and `ws` reports none, `ws` refused it and is closing. */
  #pass(chunk: Buffer, at: number): number {
    const end = Math.min(at + this.#owed, chunk.length)
    this.#owed -= end - at
    const cameOut = this.#sink.passOn(chunk.subarray(at, end))
    if (this.#owed > 0) return end
    if (this.#endsMessage && !cameOut) this.#left = true
    this.#endsMessage = false
    return end
  }

  /** Returns where to go on in the chunk. */
  #completeKept(kept: Buffer, chunk: Buffer): number {
    const taken = chunk.copy(kept, this.#keptBytes)
    this.#keptBytes += taken
    if (this.#keptBytes < kept.length) return taken
    this.#kept = undefined
    this.#readFrame(kept, 0)
    // `ws` has seen nothing of this frame yet.
    if (this.#left) this.#sink.handOver(Buffer.concat([kept, chunk.subarray(taken)]))
    return this.#left ? chunk.length : taken
  }

  /** Returns where to go on in the chunk: at its start if it completes the header, else at its end. */
  #completeHead(head: Buffer, chunk: Buffer): number {
    const joined = Buffer.concat([head, chunk.subarray(0, MAX_HEADER)])
    const size = headerSize(joined, 0)
    if (size > joined.length) {
      this.#head = joined
      this.#sink.passOn(chunk)
      return chunk.length
    }
    this.#head = undefined
    const length = payloadLength(joined, 0)
    if (this.#mayBegin(joined, 0, length)) this.#begin(joined[0] as number, size, length, head.length)
    else this.#left = true
    return 0
  }
}

const key = Buffer.alloc(4)

function unmask(payload: Buffer, chunk: Buffer, keyAt: number): void {
  for (let i = 0; i < 4; i++) key[i] = chunk[keyAt + i] as number
  bufferUtil.unmask(payload, key)
}

/** Size of the header that begins at `at`. At least 2, even if the chunk holds fewer bytes. */
function headerSize(bytes: Buffer, at: number): number {
  const second = bytes[at + 1] ?? 0
  const short = second & 0x7f
  return (short < 126 ? 2 : short === 126 ? 4 : 10) + (second >= MASKED ? 4 : 0)
}

/** The header must be whole. Infinity from 4 GiB on. */
function payloadLength(bytes: Buffer, at: number): number {
  const short = (bytes[at + 1] as number) & 0x7f
  if (short < 126) return short
  if (short === 126) return bytes.readUInt16BE(at + 2)
  return bytes.readUInt32BE(at + 2) > 0 ? Number.POSITIVE_INFINITY : bytes.readUInt32BE(at + 6)
}
