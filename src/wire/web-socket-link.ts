// A Link over an open WebSocket. It reads and writes whole frames itself and leaves the rest to `ws`. It sends pings and never throws.
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { cutToBytes } from '../core/protocol/errors.js'
import type { Frame } from '../core/protocol/events.js'
import type { Link } from '../ports/link.js'
import { protocolErrorCode, sendableCode } from './close-codes.js'
import { FrameReader, type FrameSink } from './frame-reader.js'
import { headerBytes, writeMasked, writeUnmasked } from './frame-writer.js'
import { joinHeartbeat } from './heartbeat.js'
import type { LinkOptions } from './link-options.js'
import { isShared, ownBytes, readShared } from './shared-read.js'
import { hadItsTurn, leaveTurns } from './turns.js'
import { countOutside } from './young-garbage.js'

/** Checks of a link per ping interval. Each check sends a ping if nothing was sent or heard since the last, so silence never outlasts the interval. */
const BEATS = 2
/** Nothing slows a peer down that is waited for to close. */
const MAX_EXTRAS_AFTER_CLOSE = 1000

/** Links with frames to write. They are written after the chunk being read, or else on `nextTick`. */
const unwritten: WebSocketLink[] = []
let reading = false

function writeAll(): void {
  for (let link = unwritten.pop(); link; link = unwritten.pop()) link.writePending()
}

export class WebSocketLink implements Link, FrameSink {
  // Fields that each frame needs come first, so that they lie together in memory.
  #closing = false
  #messageSeen = false
  readonly #isServer: boolean
  readonly #raw: Socket
  readonly #socket: WebSocket
  #frameCallback: ((frame: Frame, isBinary: boolean) => void) | undefined
  /** The first frame to write. In most turns of the event loop it is the only one. */
  #pending: Frame | undefined
  #morePending: Frame[] | undefined
  /** Size of the pending frames with their headers. */
  #pendingBytes = 0
  #drainCallback: (() => void) | undefined
  /** The reader of `ws`, which `#reads` calls. Unset if `ws` itself reads the socket from the start. */
  #wsReads: ((chunk: Buffer) => void) | undefined
  /** Our own reader, which reads the socket before `ws`. */
  #reads: ((chunk: Buffer) => boolean) | undefined
  #extraCallback: ((bytes: number) => void) | undefined
  #closeCallback: ((code: number) => void) | undefined
  readonly #leaveHeartbeat: () => void
  #closeCode: number | undefined
  #errorCode: number | undefined
  #closeReported = false
  #paused = true
  #silentBeats = 0
  #bytesRead = -1
  #bytesWritten = -1
  #bytesTaken = -1

  constructor(socket: WebSocket, raw: Socket, isServer: boolean, options: LinkOptions) {
    this.#socket = socket
    this.#raw = raw
    this.#isServer = isServer
    this.#leaveHeartbeat = joinHeartbeat(this, options.pingIntervalMs / BEATS)
    socket.pause()
    socket.on('error', (error) => {
      this.#errorCode ??= protocolErrorCode(error)
      this.#stopReading()
    })
    socket.on('message', (data, isBinary) => {
      this.#messageSeen = true
      if (!this.#closing) this.#frameCallback?.(data as Buffer, isBinary)
      // A close may follow in the same chunk, and `ws` would answer it before our frames are written.
      if (!this.#wsReads) this.writePending()
    })
    socket.on('close', (code) => this.#closed(code))
    if (socket.readyState === WebSocket.CLOSED) this.#closed(1006)
    else this.#readBefore(options.maxPayloadBytes)
  }

  /** Puts the reader of whole frames before that of `ws`. If anything else reads the socket too, `ws` keeps it. */
  #readBefore(maxPayload: number): void {
    this.#raw.on('drain', () => this.#drained())
    const [wsReads, ...others] = this.#raw.listeners('data')
    if (!wsReads || others.length > 0) return
    const reader = new FrameReader(this, this.#isServer, maxPayload)
    this.#wsReads = wsReads as (chunk: Buffer) => void
    this.#raw.removeAllListeners('data')
    this.#reads = (chunk: Buffer) => {
      reading = true
      try {
        reader.read(chunk)
      } finally {
        reading = false
        writeAll()
        if (!isShared(chunk)) countOutside(chunk.length)
      }
      return !hadItsTurn(this, chunk.length) || this.#letOthersRead(isShared(chunk))
    }
    this.#raw.on('data', this.#reads)
    readShared(this.#raw, this.#reads)
  }

  /** A dialled socket delivers what it has deciphered, and stops; one that is paused by then is read on as well, to hear that its peer is gone. */
  #letOthersRead(stops: boolean): false {
    if (!stops) this.#socket.pause()
    setImmediate(() => void (stops ? this.#raw.read(0) : this.isPaused() || this.#socket.resume()))
    return false
  }

  /** After a close or an error `ws` pauses a socket that delivers more. It would then notice the socket's end only at the time limit. */
  #stopReading(): void {
    if (this.#reads) this.#raw.removeListener('data', this.#reads)
    readShared(this.#raw, undefined)
    this.#reads = undefined
  }

  takeText(frame: Frame): void {
    if (!this.#closing) this.#frameCallback?.(frame, false)
  }

  countExtra(bytes: number): void {
    this.#extraCallback?.(bytes)
  }

  isPaused(): boolean {
    return this.#paused && !this.#closing
  }

  keep(bytes: Buffer): void {
    if (!this.#raw.destroyed) this.#raw.unshift(ownBytes(bytes))
  }

  passOn(bytes: Buffer): boolean {
    // `ws` may answer these bytes itself, such as with a close frame. Frames sent before must go out first.
    this.writePending()
    this.#messageSeen = false
    this.#wsReads?.call(this.#raw, ownBytes(bytes))
    return this.#messageSeen
  }

  /** Replaces our listener by that of `ws` first, so that `ws` can remove it. */
  handOver(bytes: Buffer): void {
    const wsReads = this.#wsReads
    if (!wsReads) return
    this.writePending()
    this.#stopReading()
    this.#raw.on('data', wsReads)
    wsReads.call(this.#raw, ownBytes(bytes))
  }

  send(data: Frame | string): void {
    if (this.#closing || this.#socket.readyState !== WebSocket.OPEN) return
    const frame = typeof data === 'string' ? Buffer.from(data) : data
    this.#pendingBytes += headerBytes(frame.length, !this.#isServer) + frame.length
    if (!this.#pending) {
      this.#pending = frame
      if (unwritten.push(this) === 1 && !reading) process.nextTick(writeAll)
    } else if (this.#morePending) this.#morePending.push(frame)
    else this.#morePending = [frame]
  }

  writePending(): void {
    const first = this.#pending
    if (!first) return
    const frames = this.#morePending ? [first, ...this.#morePending] : [first]
    const bytes = this.#pendingBytes
    this.#pending = undefined
    this.#morePending = undefined
    this.#pendingBytes = 0
    if (this.#socket.readyState !== WebSocket.OPEN) return
    if (this.#isServer) writeUnmasked(this.#raw, frames, bytes)
    else writeMasked(this.#raw, frames, bytes)
    if (this.#raw.writableLength === 0) this.#drained()
  }

  close(code: number, reason: string): void {
    if (this.#closing) return
    this.#closing = true
    let extras = 0
    this.#extraCallback = () => {
      if (++extras > MAX_EXTRAS_AFTER_CLOSE) this.#socket.terminate()
    }
    this.writePending()
    // A paused socket would never read the peer's close frame.
    this.#socket.resume()
    this.#socket.close(sendableCode(code), cutToBytes(reason, 123))
  }

  pause(): void {
    if (this.#closing) return
    this.#paused = true
    this.#socket.pause()
  }

  resume(): void {
    if (this.#closing) return
    if (this.#paused) this.#silentBeats = 0
    this.#paused = false
    this.#socket.resume()
  }

  ping(): void {
    if (!this.#closing && this.#socket.readyState === WebSocket.OPEN) this.#socket.ping()
  }

  get bufferedBytes(): number {
    return this.#raw.writableLength + this.#pendingBytes
  }

  onFrame(callback: (frame: Frame, isBinary: boolean) => void): void {
    this.#frameCallback = callback
  }

  onExtra(callback: (bytes: number) => void): void {
    this.#extraCallback = callback
  }

  onDrain(callback: (() => void) | undefined): void {
    this.#drainCallback = callback
  }

  onClose(callback: (code: number) => void): void {
    this.#closeCallback = callback
    if (this.#closeCode !== undefined) process.nextTick(() => this.#reportClose())
  }

  /** A peer is alive if it sent a byte, or if the system took a byte of our backlog. A socket that we paused can show neither. */
  beat(): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    const { bytesRead, bytesWritten, writableLength } = this.#raw
    const bytesTaken = bytesWritten - writableLength
    const heard = bytesRead !== this.#bytesRead
    const sent = bytesWritten !== this.#bytesWritten
    const alive = this.#paused || heard || (writableLength > 0 && bytesTaken !== this.#bytesTaken)
    this.#bytesRead = bytesRead
    this.#bytesWritten = bytesWritten
    this.#bytesTaken = bytesTaken
    this.#silentBeats = alive ? 0 : this.#silentBeats + 1
    if (this.#silentBeats >= 2 * BEATS) this.#socket.terminate()
    else if (!heard || !sent) this.#socket.ping()
  }

  #drained(): void {
    if (!this.#closing) this.#drainCallback?.()
  }

  #closed(code: number): void {
    this.#closing = true
    leaveTurns(this)
    this.#leaveHeartbeat()
    this.#closeCode = code === 1006 ? (this.#errorCode ?? code) : code
    this.#reportClose()
  }

  #reportClose(): void {
    if (this.#closeReported || !this.#closeCallback || this.#closeCode === undefined) return
    this.#closeReported = true
    this.#closeCallback(this.#closeCode)
  }
}
