// Opens upstream sockets with the server's own credentials. Turns every failure into a refusal that reveals nothing of the upstream.
import { createSecureContext, type SecureContext } from 'node:tls'
import type { ProxyConfig, UpstreamConfig } from '../config/config.js'
import { RefusalError } from '../core/protocol/errors.js'
import type { DialRequest, UpstreamConnection, UpstreamProvider } from '../ports/upstream.js'
import { DialError, dialLink } from '../wire/dial-accept.js'
import { createEntraTokens, type EntraTokens, type TokenCredential, type UpstreamLog } from './azure-credential.js'
import { createDialOutcomes, refusalOf } from './dial-outcomes.js'
import { azureTarget, callsUrl, openaiTarget, sidebandUrl, type UpstreamTarget, voiceLiveTarget } from './targets.js'

export interface UpstreamOptions {
  /** From the call of `dial` to the 101, in milliseconds: token, DNS, TCP, TLS and the answer together. */
  readonly connectTimeoutMs: number
  readonly pingIntervalMs: number
  readonly maxPayloadBytes: number
  readonly log: UpstreamLog
  /** The proxy on the way to a host. Absent: every host is dialled directly. */
  readonly proxyFor?: (url: URL) => ProxyConfig | undefined
  /** Replaces the default chain of `@azure/identity`. */
  readonly credential?: TokenCredential
}

/** What WebRTC calls of an upstream need. */
export interface CallDoor {
  /** `https://…/realtime`, without a query. */
  readonly url: URL
  /** `azure`: a call takes a ticket of its own. `openai`: it takes the key. */
  readonly style: 'azure' | 'openai'
  /** The server's credentials. Rejects with a `RefusalError`. */
  credentials(signal: AbortSignal, timeoutMs: number): Promise<Record<string, string>>
  /** Opens the sideband of a call. `not_found`: the upstream knows no such call. */
  dial(callId: string, request: Pick<DialRequest, 'correlationId' | 'trace' | 'signal'>): Promise<UpstreamConnection>
}

export interface Upstream extends UpstreamProvider {
  /** Absent: it takes no calls. */
  readonly calls?: CallDoor
}

/** Ids that are safe in a header. Any other id is left out. */
const CORRELATION_ID = /^[A-Za-z0-9._-]{1,128}$/

/**
 * One upstream of the configuration. Redirects are never followed and TLS is always verified; Node's `NODE_EXTRA_CA_CERTS` adds a private
 * authority. Throws if an OpenAI upstream has no key.
 */
export function createUpstream(config: UpstreamConfig, options: UpstreamOptions): Upstream {
  const { log } = options
  const target = targetOf(config)
  if (config.provider === 'openai' && !config.apiKey) throw new Error(`upstream ${config.name}: an OpenAI upstream needs an API key`)
  const tokens = config.apiKey ? undefined : createEntraTokens(config.entraScope, log, options.credential, options.proxyFor)
  const secureContext = target.url.protocol === 'wss:' ? sharedSecureContext() : undefined
  const proxy = options.proxyFor?.(target.url)
  const outcomes = createDialOutcomes()
  const dials = new Set<AbortController>()
  const { hostname: address, port } = target.url
  const service = { name: config.name, provider: config.provider, address, port: Number(port) || (secureContext ? 443 : 80) }
  let closed = false

  async function open(url: URL, { correlationId, trace }: Pick<DialRequest, 'correlationId' | 'trace'>, signal: AbortSignal) {
    const deadline = performance.now() + options.connectTimeoutMs
    const headers = await credentialHeaders(config, tokens, signal, options.connectTimeoutMs)
    if (CORRELATION_ID.test(correlationId)) headers['x-ms-client-request-id'] = correlationId
    if (trace !== undefined) headers.traceparent = trace
    const tunnel = proxy && (await import('./tunnel.js')).openTunnel
    return dialLink(url, {
      headers,
      timeoutMs: Math.max(deadline - performance.now(), 1),
      signal,
      maxPayloadBytes: options.maxPayloadBytes,
      pingIntervalMs: options.pingIntervalMs,
      ...(secureContext ? { secureContext } : {}),
      ...(proxy && tunnel ? { tunnel: (abort) => tunnel(proxy, abort) } : {}),
    })
  }

  /** `isCall`: the upstream may have ended what is dialled, which says nothing against it. */
  async function dialTo(url: URL, request: Pick<DialRequest, 'correlationId' | 'trace' | 'signal'>, isCall: boolean): Promise<UpstreamConnection> {
    const { signal } = request
    if (closed) throw new RefusalError('upstream_refused', 'closed')
    const dial = new AbortController()
    const onAbort = () => dial.abort()
    if (signal.aborted) dial.abort()
    else signal.addEventListener('abort', onAbort, { once: true })
    dials.add(dial)
    try {
      const link = await open(url, request, dial.signal)
      outcomes.succeeded()
      return { link, dialect: target.dialect, deployment: config.deployment, privateWords: [config.endpoint.hostname], service }
    } catch (error) {
      const status = error instanceof DialError ? error.status : undefined
      if (isCall && status === 404) throw new RefusalError('not_found', 'call_over')
      const refusal = refusalOf(error)
      outcomes.failed(refusal)
      if (!dial.signal.aborted)
        log.warn({ upstream: config.name, code: refusal.code, why: refusal.why, status, retryAfterSeconds: refusal.retryAfterSeconds }, 'upstream dial failed')
      throw refusal
    } finally {
      dials.delete(dial)
      signal.removeEventListener('abort', onAbort)
    }
  }

  const calls: CallDoor = {
    url: callsUrl(target),
    style: config.provider === 'openai' ? 'openai' : 'azure',
    credentials: (signal, timeoutMs) => credentialHeaders(config, tokens, signal, timeoutMs),
    dial: (callId, request) => dialTo(sidebandUrl(target, callId), request, true),
  }

  return {
    ...(target.dialect === 'ga' && { calls }),
    dial: (request) => dialTo(target.url, request, false),
    async health() {
      const dialled = outcomes.health()
      const token = tokens?.health()
      if (!token || token.status === 'ok' || dialled.status === 'down') return dialled
      return token.status === 'down' || dialled.status === 'ok' ? token : dialled
    },
    async close() {
      closed = true
      tokens?.close()
      for (const dial of dials) dial.abort()
    },
  }
}

function targetOf(config: UpstreamConfig): UpstreamTarget {
  if (config.provider === 'openai') return openaiTarget(config)
  if (config.provider === 'voice-live') return voiceLiveTarget(config)
  return azureTarget(config)
}

async function credentialHeaders(config: UpstreamConfig, tokens: EntraTokens | undefined, signal: AbortSignal, timeoutMs: number): Promise<Record<string, string>> {
  if (tokens) return { authorization: `Bearer ${(await tokens.get(signal, timeoutMs)).reveal()}` }
  const key = config.apiKey?.reveal() ?? ''
  return config.provider === 'openai' ? { authorization: `Bearer ${key}` } : { 'api-key': key }
}

let secureContext: SecureContext | undefined

/** One for the process, with Node's default verification: building it for each dial would cost about a millisecond. */
function sharedSecureContext(): SecureContext {
  secureContext ??= createSecureContext()
  return secureContext
}
