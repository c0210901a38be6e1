// Accepts and dials WebSockets as Links, with size limits and a deadline. Drops whatever only the handshake needed.
import type { Agent, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { type ClientOptions, type ServerOptions, WebSocket } from 'ws'
import type { Link } from '../ports/link.js'
import type { LinkOptions } from './link-options.js'
import { connectShared, connectSharedTls } from './shared-read.js'
import { WebSocketLink } from './web-socket-link.js'

/** Longest wait for the peer's half of the closing handshake. After it the socket is destroyed. */
const CLOSE_TIMEOUT_MS = 2000
const MAX_RETRY_AFTER_SECONDS = 86_400

export interface DialOptions extends LinkOptions {
  readonly headers: Readonly<Record<string, string>>
  readonly protocols?: readonly string[]
  /** From the call to the finished upgrade: DNS, TCP, TLS and the answer together. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Share one among all dials: building it costs about a millisecond of CPU. */
  readonly secureContext?: SecureContext
  /** Leads the dial through a proxy. What it opens ends when `abort` does. */
  readonly tunnel?: (abort: AbortSignal) => Tunnel
}

export interface Tunnel {
  readonly agent: Agent
  /** HTTP status of the proxy's answer, once there is one. */
  proxyStatus(): number | undefined
}

/** Why a host was not reached. `proxy`: the proxy itself was not; `proxy_refused`: it answered with `status`. */
export type DialReason = 'unknown_host' | 'connection_refused' | 'certificate' | 'proxy' | 'proxy_refused'

/** Why a dial failed. Carries no host, no header and nothing of the peer's body. */
export class DialError extends Error {
  override readonly name = 'DialError'
  constructor(
    /** `refused`: the peer answered, with `status` if over HTTP. `unreachable`: DNS, TCP or TLS failed. */
    readonly kind: 'refused' | 'timeout' | 'unreachable' | 'aborted',
    readonly status?: number,
    readonly retryAfterSeconds?: number,
    readonly reason?: DialReason,
  ) {
    super(status === undefined ? kind : `${kind} with status ${status}`)
  }
}

/** Options for the WebSocket server whose sockets go to `acceptLink`. `chooseSubprotocol` gets the offered names in order; if it returns undefined, no header is sent. */
export function serverOptions(options: { maxPayloadBytes: number; chooseSubprotocol: (offered: readonly string[]) => string | undefined }) {
  return {
    ...limits(options.maxPayloadBytes),
    clientTracking: false,
    handleProtocols: (offered: Set<string>): string | false => options.chooseSubprotocol([...offered]) ?? false,
  } satisfies ServerOptions & { closeTimeout: number; maxPendingAutoPongs: number }
}

/** Wraps a socket that has just been upgraded. Call it synchronously in the upgrade's handler; otherwise early frames are lost. */
export function acceptLink(socket: WebSocket, rawSocket: Socket, options: LinkOptions): Link {
  // The server's own listener would keep the whole request alive. The link adds its own.
  socket.removeAllListeners()
  return new WebSocketLink(socket, rawSocket, true, options)
}

/** Opens a link. Rejects with a `DialError`; a redirect counts as refused. The link is paused, and frames that arrive early are kept. */
export function dialLink(url: string | URL, options: DialOptions): Promise<Link> {
  return new Promise((resolve, reject) => {
    if (options.signal.aborted) return reject(new DialError('aborted'))
    const clientOptions: ClientOptions & { secureContext?: SecureContext } = { ...limits(options.maxPayloadBytes), headers: { ...options.headers }, followRedirects: false }
    if (options.secureContext) clientOptions.secureContext = options.secureContext
    const abort = options.tunnel && new AbortController()
    const tunnel = abort && options.tunnel?.(abort.signal)
    if (tunnel) clientOptions.agent = tunnel.agent
    else clientOptions.createConnection = (String(url).toLowerCase().startsWith('wss:') ? connectSharedTls : connectShared) as never
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
        abort?.abort()
      } else resolve(outcome)
    }
    const onAbort = (): void => settle(new DialError('aborted'))
    const timer = setTimeout(() => settle(new DialError('timeout')), options.timeoutMs)
    options.signal.addEventListener('abort', onAbort, { once: true })
    socket.on('upgrade', (response) => {
      rawSocket = response.socket
    })
    socket.on('unexpected-response', (_request, response) => settle(failedTunnel(tunnel) ?? refusal(response)))
    // Also called for an answer that is not a valid upgrade. The listener stays, so no later error is unhandled.
    socket.on('error', (error) => settle(rawSocket ? new DialError('refused') : (failedTunnel(tunnel) ?? new DialError('unreachable', undefined, undefined, reasonOf(error)))))
    socket.once('open', () => {
      if (!rawSocket || settled) return settle(new DialError('unreachable'))
      // These listeners would keep the dial's options, timer and promise alive for the whole session.
      socket.removeAllListeners()
      settle(new WebSocketLink(socket, rawSocket, false, options))
    })
  })
}

function refusal(response: IncomingMessage): DialError {
  return new DialError('refused', response.statusCode, retryAfterIn(response.headers))
}

/** Seconds, from the headers of an answer; undefined if they name no time. */
export function retryAfterIn(headers: Readonly<Record<string, string | string[] | undefined>>): number | undefined {
  const ms = Number(headers['retry-after-ms'] ?? Number.NaN)
  const header = String(headers['retry-after'] ?? '')
  const seconds = ms >= 0 ? ms / 1000 : /^\d+(\.\d+)?$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 0), MAX_RETRY_AFTER_SECONDS)
}

/** The proxy's own answer must not be taken for the peer's. */
function failedTunnel(tunnel: Tunnel | undefined): DialError | undefined {
  if (!tunnel) return undefined
  const status = tunnel.proxyStatus()
  if (status === undefined) return new DialError('unreachable', undefined, undefined, 'proxy')
  return status === 200 ? undefined : new DialError('unreachable', status, undefined, 'proxy_refused')
}

export function reasonOf(error: Error): DialReason | undefined {
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'unknown_host'
  if (code === 'ECONNREFUSED') return 'connection_refused'
  return /CERT|SIGNATURE|ISSUER|ALTNAME/.test(code) ? 'certificate' : undefined
}

/** The counts allow an honest message cut into small packets, but not a flood of tiny ones. */
function limits(maxPayload: number) {
  const maxFragments = Math.max(256, Math.ceil(maxPayload / 1024))
  const maxBufferedChunks = Math.max(1024, Math.ceil(maxPayload / 512))
  return { maxPayload, maxFragments, maxBufferedChunks, maxPendingAutoPongs: 60, perMessageDeflate: false, skipUTF8Validation: false, closeTimeout: CLOSE_TIMEOUT_MS }
}
