// Makes a Link of a WebSocket, accepted or dialled: bounded, corked for one turn, pinged, and never throwing.
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { type ClientOptions, type ServerOptions, WebSocket } from 'ws'
import { protocolErrorCode, sendableCode } from './close-codes.js'
import { cutToBytes } from './core/protocol/errors.js'
import type { Frame } from './core/protocol/events.js'
import { joinHeartbeat } from './heartbeat.js'
import type { Link } from './ports.js'

/** Longest wait for the peer's half of the closing handshake; the socket is destroyed after it. */
const CLOSE_TIMEOUT_MS = 2000
const MAX_RETRY_AFTER_SECONDS = 86_400

/** One shared object, so that a frame is sent as text without a conversion and without an allocation of ours. */
const TEXT = { binary: false, compress: false, fin: true } as const

export interface LinkOptions {
  /** A peer that sends nothing at all, pongs included, for two intervals (three at most) is cut off as 1006. Milliseconds. */
  readonly pingIntervalMs: number
}

export interface DialOptions extends LinkOptions {
  readonly headers: Readonly<Record<string, string>>
  readonly protocols?: readonly string[]
  /** From the call to the finished upgrade: DNS, TCP, TLS and the answer together. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  readonly maxPayloadBytes: number
  /** Build it once and share it: it saves about a millisecond of CPU per TLS dial. */
  readonly secureContext?: SecureContext
}

/** Why a dial failed. Carries no host, no header and nothing of the peer's body. */
export class DialError extends Error {
  override readonly name = 'DialError'
  constructor(
    /** `refused`: the peer answered, with `status` when over HTTP. `unreachable`: DNS, TCP or TLS failed. */
    readonly kind: 'refused' | 'timeout' | 'unreachable' | 'aborted',
    readonly status?: number,
    readonly retryAfterSeconds?: number,
  ) {
    super(status === undefined ? kind : `${kind} with status ${status}`)
  }
}

/** Options for the WebSocket server whose sockets go to `acceptLink`. `chooseSubprotocol` gets what was offered, in order; undefined sends no header. */
export function serverOptions(options: { maxPayloadBytes: number; chooseSubprotocol: (offered: readonly string[]) => string | undefined }) {
  return {
    ...limits(options.maxPayloadBytes),
    clientTracking: false,
    handleProtocols: (offered: Set<string>): string | false => options.chooseSubprotocol([...offered]) ?? false,
  } satisfies ServerOptions & { closeTimeout: number; maxPendingAutoPongs: number }
}

/** Wraps a socket that has just been upgraded; call it synchronously in the upgrade's handler, or early frames are lost. */
export function acceptLink(socket: WebSocket, rawSocket: Socket, options: LinkOptions): Link {
  // The server's own listener holds the whole request; the link brings one of its own.
  socket.removeAllListeners()
  return new WebSocketLink(socket, rawSocket, options.pingIntervalMs)
}

/** Opens a link. Rejects with a `DialError`; redirects count as refused. The link is paused and nothing that arrives early is lost. */
export function dialLink(url: string | URL, options: DialOptions): Promise<Link> {
  return new Promise((resolve, reject) => {
    if (options.signal.aborted) return reject(new DialError('aborted'))
    const clientOptions: ClientOptions & { secureContext?: SecureContext } = { ...limits(options.maxPayloadBytes), headers: { ...options.headers }, followRedirects: false }
    if (options.secureContext) clientOptions.secureContext = options.secureContext
    let socket: WebSocket
    try {
      socket = new WebSocket(url, [...(options.protocols ?? [])], clientOptions)
    } catch {
      return reject(new DialError('unreachable'))
    }
    let rawSocket: Socket | undefined
    let settled = false
    const settle = (outcome: Link | DialError): void => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      options.signal.removeEventListener('abort', onAbort)
      if (outcome instanceof DialError) {
        reject(outcome)
        socket.terminate()
      } else resolve(outcome)
    }
    const onAbort = (): void => settle(new DialError('aborted'))
    const timer = setTimeout(() => settle(new DialError('timeout')), options.timeoutMs)
    options.signal.addEventListener('abort', onAbort, { once: true })
    socket.on('upgrade', (response) => {
      rawSocket = response.socket
    })
    socket.on('unexpected-response', (_request, response) => settle(refusal(response)))
    // An answer that is no valid upgrade reaches this listener too, and stays on so that no later error is unhandled.
    socket.on('error', () => settle(new DialError(rawSocket ? 'refused' : 'unreachable')))
    socket.once('open', () => {
      if (!rawSocket || settled) return settle(new DialError('unreachable'))
      // What waited for the answer would hold the dial's options, timer and promise for as long as the session lives.
      socket.removeAllListeners()
      settle(new WebSocketLink(socket, rawSocket, options.pingIntervalMs))
    })
  })
}

function refusal(response: IncomingMessage): DialError {
  const ms = Number(response.headers['retry-after-ms'] ?? Number.NaN)
  const header = response.headers['retry-after'] ?? ''
  const seconds = ms >= 0 ? ms / 1000 : /^\d+(\.\d+)?$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000
  const retryAfter = Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 0), MAX_RETRY_AFTER_SECONDS)
  return new DialError('refused', response.statusCode, retryAfter)
}

/** The counts leave room for an honest message cut into small packets, and none for a flood of tiny ones. */
function limits(maxPayload: number) {
  const maxFragments = Math.max(256, Math.ceil(maxPayload / 1024))
  const maxBufferedChunks = Math.max(1024, Math.ceil(maxPayload / 512))
  return { maxPayload, maxFragments, maxBufferedChunks, maxPendingAutoPongs: 60, perMessageDeflate: false, skipUTF8Validation: false, closeTimeout: CLOSE_TIMEOUT_MS }
}

/** Links with a corked socket; one entry in the tick queue uncorks them all when this turn's code has run. */
const corked: WebSocketLink[] = []

function uncorkAll(): void {
  for (const link of corked.splice(0)) link.uncork()
}

class WebSocketLink implements Link {
  readonly #socket: WebSocket
  readonly #raw: Socket
  readonly #leaveHeartbeat: () => void
  readonly #onWritten = (error?: Error | null): void => this.#written(error)
  #frameCallback: ((frame: Frame, isBinary: boolean) => void) | undefined
  #drainCallback: (() => void) | undefined
  #closeCallback: ((code: number) => void) | undefined
  #closeCode: number | undefined
  #errorCode: number | undefined
  #closeReported = false
  #closing = false
  #paused = true
  #corked = false
  /** Turns whose frames are not all written; their last write is in the same batch as the first. */
  #unwrittenTurns = 0
  #silentBeats = 0
  #bytesRead = -1
  #bytesTaken = -1

  constructor(socket: WebSocket, raw: Socket, pingIntervalMs: number) {
    this.#socket = socket
    this.#raw = raw
    this.#leaveHeartbeat = joinHeartbeat(this, pingIntervalMs)
    socket.pause()
    socket.on('error', (error) => {
      this.#errorCode ??= protocolErrorCode(error)
    })
    socket.on('message', (data, isBinary) => {
      if (!this.#closing) this.#frameCallback?.(data as Buffer, isBinary)
    })
    socket.on('close', (code) => this.#closed(code))
    if (socket.readyState === WebSocket.CLOSED) this.#closed(1006)
  }

  send(data: Frame | string): void {
    if (this.#closing || this.#socket.readyState !== WebSocket.OPEN) return
    if (this.#corked) {
      this.#socket.send(data, TEXT)
      return
    }
    this.#corked = true
    this.#raw.cork()
    if (corked.push(this) === 1) process.nextTick(uncorkAll)
    this.#unwrittenTurns++
    this.#socket.send(data, TEXT, this.#onWritten)
  }

  uncork(): void {
    if (!this.#corked) return
    this.#corked = false
    this.#raw.uncork()
  }

  close(code: number, reason: string): void {
    if (this.#closing) return
    this.#closing = true
    this.uncork()
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

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount
  }

  onFrame(callback: (frame: Frame, isBinary: boolean) => void): void {
    this.#frameCallback = callback
  }

  onDrain(callback: () => void): void {
    this.#drainCallback = callback
  }

  onClose(callback: (code: number) => void): void {
    this.#closeCallback = callback
    if (this.#closeCode !== undefined) process.nextTick(() => this.#reportClose())
  }

  /** A sign of life is a byte read, or a byte of a backlog that the peer let the system take. A socket we paused cannot show one. */
  beat(): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    const bytesTaken = this.#raw.bytesWritten - this.#raw.writableLength
    const alive = this.#paused || this.#raw.bytesRead !== this.#bytesRead || (this.#raw.writableLength > 0 && bytesTaken !== this.#bytesTaken)
    this.#bytesRead = this.#raw.bytesRead
    this.#bytesTaken = bytesTaken
    this.#silentBeats = alive ? 0 : this.#silentBeats + 1
    if (this.#silentBeats >= 2) this.#socket.terminate()
    else this.#socket.ping()
  }

  #written(error: Error | null | undefined): void {
    if (--this.#unwrittenTurns === 0 && !error && !this.#closing) this.#drainCallback?.()
  }

  #closed(code: number): void {
    this.#closing = true
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
