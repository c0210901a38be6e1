// Writes the text frames of one turn of the event loop to a socket: masked into one buffer, or without a copy if received bytes go out unchanged.
import { randomFillSync } from 'node:crypto'
import type { Socket } from 'node:net'
import bufferUtil from 'bufferutil'
import { isShared } from './shared-read.js'
import { countOutside } from './young-garbage.js'

const FIN_TEXT = 0x81
const MASKED = 0x80
/** Pieces of up to this average size are copied into one buffer: a copy costs less than another entry in a gathered write. */
const GATHERED_BYTES = 8192
/** For writes of up to this size there is a buffer each: a socket that keeps one keeps little more than it needs. The largest takes all that a shared read brings. */
const SCRATCH_BYTES = [4, 64, 96, 136, 192, 272].map((kilobytes) => kilobytes * 1024)
const POOL_BYTES = 8192

/** Size of a text frame's header, including the four bytes of the mask if `masked`. */
export function headerBytes(payload: number, masked: boolean): number {
  return (payload < 126 ? 2 : payload < 65_536 ? 4 : 10) + (masked ? 4 : 0)
}

/**
 * Writes as the client of a connection: every frame is masked with a key of its own. `total` is the length of all frames with their headers.
 * The frames themselves do not change.
 */
export function writeMasked(socket: Socket, frames: readonly Buffer[], total: number): void {
  const out = takeBuffer(socket, total)
  let at = 0
  for (const frame of frames) {
    at = writeHeader(out, at, frame.length, MASKED)
    renewKey()
    for (let i = 0; i < 4; i++) out[at++] = key[i] as number
    bufferUtil.mask(frame, key, out, at, frame.length)
    at += frame.length
  }
  write(socket, out, total)
}

/**
 * Writes as the server of a connection. A frame that came from a server and goes on unchanged still has its header right before it in memory, so both
 * are taken from there, and with them all such frames that lie behind in a row: written from where they lie, or copied at once if that is shared memory.
 */
export function writeUnmasked(socket: Socket, frames: readonly Buffer[], total: number): void {
  const [only] = frames
  if (only && frames.length === 1 && total <= GATHERED_BYTES) return writeOne(socket, only, total)
  const pieces = piecesOf(frames)
  const [first] = pieces
  // The socket may keep what it is given, and the next read overwrites what is shared.
  const mustCopy = pieces.some(isShared)
  if (first && pieces.length === 1 && !mustCopy) socket.write(first)
  else if (mustCopy || total <= GATHERED_BYTES * pieces.length) gather(socket, pieces, total)
  else {
    socket.cork()
    for (const piece of pieces) socket.write(piece)
    socket.uncork()
  }
}

/** Where it lies does not matter: to copy so little costs less than to look. */
function writeOne(socket: Socket, frame: Buffer, total: number): void {
  const out = takeBuffer(socket, total)
  out.set(frame, writeHeader(out, 0, frame.length, 0))
  write(socket, out, total)
}

/** All frames with their headers, in order. */
function piecesOf(frames: readonly Buffer[]): readonly Buffer[] {
  const pieces: Buffer[] = []
  let memory: Buffer | undefined
  let from = 0
  let to = -1
  const endRow = () => {
    if (memory && to >= 0) pieces.push(memory.subarray(from, to))
    to = -1
  }
  for (const frame of frames) {
    if (memory?.buffer !== frame.buffer) {
      endRow()
      memory = Buffer.from(frame.buffer)
    }
    const start = frame.byteOffset - headerBytes(frame.length, false)
    const asItCame = start >= 0 && isHeader(memory, frame.byteOffset, frame.length)
    if (!asItCame || start !== to) endRow()
    if (!asItCame) pieces.push(headerOf(frame.length), frame)
    else {
      if (to < 0) from = start
      to = frame.byteOffset + frame.length
    }
  }
  endRow()
  return pieces
}

function headerOf(length: number): Buffer {
  const header = Buffer.allocUnsafe(headerBytes(length, false))
  writeHeader(header, 0, length, 0)
  return header
}

function gather(socket: Socket, pieces: readonly Buffer[], total: number): void {
  const out = takeBuffer(socket, total)
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.length
  }
  write(socket, out, total)
}

/** Whether the bytes just before `end` are the header of a frame of this length. */
function isHeader(bytes: Buffer, end: number, length: number): boolean {
  const size = writeHeader(expected, 0, length, 0)
  for (let i = 0; i < size; i++) if (bytes[end - size + i] !== expected[i]) return false
  return true
}

const expected = Buffer.alloc(10)

/** Returns where the header ends; the mask's key, if any, is not written. */
function writeHeader(out: Buffer, at: number, length: number, maskBit: number): number {
  out[at] = FIN_TEXT
  if (length < 126) {
    out[at + 1] = maskBit | length
    return at + 2
  }
  if (length < 65_536) {
    out[at + 1] = maskBit | 126
    out[at + 2] = length >> 8
    out[at + 3] = length & 0xff
    return at + 4
  }
  out[at + 1] = maskBit | 127
  out.writeUInt32BE(0, at + 2)
  out.writeUInt32BE(length, at + 6)
  return at + 10
}

/** Of the process, since most writes are done when they return. If a socket still needs one, the socket keeps it and a new one is made. */
const scratch: (Buffer | undefined)[] = []

/** A socket with a backlog may keep its buffer for long, so it gets one of its own, of the right size. So does a TLS socket, whose writes are never done at once. */
function takeBuffer(socket: Socket & { readonly encrypted?: boolean }, bytes: number): Buffer {
  const which = socket.writableLength > 0 || socket.encrypted ? -1 : SCRATCH_BYTES.findIndex((size) => bytes <= size)
  if (which >= 0) {
    scratch[which] ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES[which] as number)
    return scratch[which]
  }
  // Smaller ones come of a pool.
  if (bytes > POOL_BYTES / 2) countOutside(bytes)
  return Buffer.allocUnsafe(bytes)
}

function write(socket: Socket, out: Buffer, bytes: number): void {
  const which = scratch.indexOf(out)
  socket.write(which < 0 ? out : out.subarray(0, bytes))
  if (which >= 0 && socket.writableLength > 0) scratch[which] = undefined
}

const pool = Buffer.alloc(POOL_BYTES)
let used = POOL_BYTES
const key = Buffer.alloc(4)

/** Draws four unpredictable bytes, as RFC 6455 requires: otherwise an intermediary could be tricked into reading frames as another protocol. */
function renewKey(): void {
  if (used === POOL_BYTES) {
    randomFillSync(pool)
    used = 0
  }
  for (let i = 0; i < 4; i++) key[i] = pool[used++] as number
}
