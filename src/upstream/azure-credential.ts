// Entra ID tokens for the upstream: one request at a time, renewed before they expire. The last good token is used until its end.

import type { ProxyConfig } from '../config/config.js'
import { Secret } from '../config/secret.js'
import { RefusalError } from '../core/protocol/errors.js'
import type { Health } from '../ports/health.js'
import { within } from '../time/within.js'

/** The part of an `@azure/identity` credential that is used. `expiresOnTimestamp` is in epoch milliseconds. */
export interface TokenCredential {
  getToken(scope: string, options?: { abortSignal?: AbortSignal }): Promise<{ token: string; expiresOnTimestamp: number } | null>
}

/** pino's logger fits. */
export interface UpstreamLog {
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
}

export interface EntraTokens {
  /**
   * Resolves to a token that is valid for at least `EXPIRY_MARGIN_MS`: at once if one is cached, else within `timeoutMs`.
   * Rejects with a `RefusalError`: `upstream_timeout`, or `upstream_refused` if there is no token or `signal` aborts.
   */
  get(signal: AbortSignal, timeoutMs: number): Promise<Secret>
  health(): Health
  close(): void
}

/** A token this close to its end may expire on the way, so it counts as gone. */
const EXPIRY_MARGIN_MS = 10_000
/** Longest wait for the identity service. A later answer is dropped. */
const ATTEMPT_TIMEOUT_MS = 30_000
/** Dials within this time after a failure fail at once instead of requesting a token again. */
const COOL_DOWN_MS = 2_000
/** The library returns its cached token until five minutes before the end, so an earlier request would bring nothing new. */
const LEAD_MS = { least: 90_000, spread: 180_000 }
const RETRY_MS = { least: 15_000, spread: 30_000 }
const LONGEST_TIMER_MS = 86_400_000

interface CachedToken {
  readonly token: Secret
  readonly expiresAt: number
  readonly renewAt: number
}

/** Starts fetching at once, so that the first dial seldom waits. Without `credential`, `DefaultAzureCredential` is loaded on first use. */
export function createEntraTokens(
  scope: string,
  log: UpstreamLog,
  credential: TokenCredential | undefined,
  proxyFor?: (url: URL) => ProxyConfig | undefined,
  leadMs: { readonly least: number; readonly spread: number } = LEAD_MS,
): EntraTokens {
  const source = credential ? () => Promise.resolve(credential) : defaultCredential(proxyFor)
  const closing = new AbortController()
  let cached: CachedToken | undefined
  let flight: Promise<Secret> | undefined
  let failedAt: number | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  const usable = (): CachedToken | undefined => (cached && Date.now() < cached.expiresAt - EXPIRY_MARGIN_MS ? cached : undefined)

  function schedule(delayMs: number): void {
    clearTimeout(timer)
    if (closing.signal.aborted) return
    timer = setTimeout(() => void renew().catch(() => undefined), Math.min(Math.max(delayMs, 1_000), LONGEST_TIMER_MS))
    timer.unref()
  }

  function renew(): Promise<Secret> {
    flight ??= fetchToken()
      .then(
        (fetched) => {
          cached = fetched
          failedAt = undefined
          schedule(fetched.renewAt - Date.now())
          return fetched.token
        },
        (error: unknown) => {
          failedAt = Date.now()
          schedule(RETRY_MS.least + Math.random() * RETRY_MS.spread)
          if (!closing.signal.aborted) log.warn({ ...safeFacts(error), stillValid: usable() !== undefined }, 'no Entra ID token')
          throw new RefusalError('upstream_refused', 'entra_token')
        },
      )
      .finally(() => {
        flight = undefined
      })
    return flight
  }

  async function fetchToken(): Promise<CachedToken> {
    const attempt = new AbortController()
    const answer = source().then((from) => from.getToken(scope, { abortSignal: attempt.signal }))
    try {
      const fetched = await inTime(ATTEMPT_TIMEOUT_MS, closing.signal, answer)
      const now = Date.now()
      if (!fetched || !/^[\x21-\x7e]+$/.test(fetched.token) || !(fetched.expiresOnTimestamp > now + EXPIRY_MARGIN_MS)) throw new RefusalError('upstream_refused', 'unusable_token')
      const lead = Math.min((fetched.expiresOnTimestamp - now) / 2, leadMs.least + Math.random() * leadMs.spread)
      return { token: new Secret(fetched.token), expiresAt: fetched.expiresOnTimestamp, renewAt: fetched.expiresOnTimestamp - lead }
    } finally {
      attempt.abort()
    }
  }

  renew().catch(() => undefined)

  return {
    async get(signal, timeoutMs) {
      const good = usable()
      const coolingDown = failedAt !== undefined && Date.now() - failedAt < COOL_DOWN_MS
      if (good) {
        if (Date.now() >= good.renewAt && !coolingDown) renew().catch(() => undefined)
        return good.token
      }
      if (coolingDown && !flight) throw new RefusalError('upstream_refused', 'entra_token')
      return inTime(timeoutMs, signal, renew())
    },
    health() {
      if (usable()) return failedAt === undefined ? { status: 'ok', detail: 'Entra ID token valid' } : { status: 'degraded', detail: 'Entra ID token not renewed' }
      if (flight && failedAt === undefined) return { status: 'degraded', detail: 'Entra ID token pending' }
      return { status: 'down', detail: 'no Entra ID token' }
    },
    close() {
      clearTimeout(timer)
      closing.abort()
    },
  }
}

/** Rejects after `ms` (`upstream_timeout`) or when `signal` aborts (`upstream_refused`). A later outcome of `promise` is ignored. */
async function inTime<T>(ms: number, signal: AbortSignal, promise: Promise<T>): Promise<T> {
  let onAbort = (): void => undefined
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(new RefusalError('upstream_refused', 'aborted'))
  })
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await within(ms, Promise.race([aborted, promise]), () => {
      throw new RefusalError('upstream_timeout', 'entra_token')
    })
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function defaultCredential(proxyFor: ((url: URL) => ProxyConfig | undefined) | undefined): () => Promise<TokenCredential> {
  let made: TokenCredential | undefined
  return async () => {
    if (!made) {
      const [{ DefaultAzureCredential }, { entraRoute }] = await Promise.all([import('@azure/identity'), import('./entra-route.js')])
      made ??= new DefaultAzureCredential(proxyFor ? { additionalPolicies: [{ policy: entraRoute(proxyFor), position: 'perCall' }] } : {})
    }
    return made
  }
}

/** Class name and OAuth error code, which are enough to act on. Messages are left out: they quote tenants, hosts and commands. */
function safeFacts(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { cause: 'unknown' }
  const word = (error as { errorResponse?: { error?: unknown } }).errorResponse?.error
  const cause = error instanceof RefusalError ? error.why : /^[A-Za-z]{1,64}$/.test(error.name) ? error.name : 'unknown'
  return typeof word === 'string' && /^[a-z_]{1,64}$/.test(word) ? { cause, oauthError: word } : { cause }
}
