// Entra ID tokens for the upstream: one request at a time, renewed ahead of expiry, the last good one used until its end.

import { Secret } from '../config/secret.js'
import { RefusalError } from '../core/protocol/errors.js'
import type { Health } from '../ports/health.js'

/** What `@azure/identity` credentials offer. `expiresOnTimestamp` is epoch milliseconds. */
export interface TokenCredential {
  getToken(scope: string, options?: { abortSignal?: AbortSignal }): Promise<{ token: string; expiresOnTimestamp: number } | null>
}

/** pino's logger fits. */
export interface UpstreamLog {
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
}

export interface EntraTokens {
  /**
   * A token that is good for at least `EXPIRY_MARGIN_MS`; at once when one is at hand, else within `timeoutMs`.
   * Rejects with a `RefusalError`: `upstream_timeout`, or `upstream_refused` when no token is to be had or `signal` aborts.
   */
  get(signal: AbortSignal, timeoutMs: number): Promise<Secret>
  health(): Health
  close(): void
}

/** A token this close to its end may expire on the way, so it counts as gone. */
const EXPIRY_MARGIN_MS = 10_000
/** Longest wait for the identity service; its answer is dropped after that. */
const ATTEMPT_TIMEOUT_MS = 30_000
/** After a failure, dials within this time fail at once instead of asking again. */
const COOL_DOWN_MS = 2_000
/** The library itself hands out its cached token until five minutes before the end, so asking earlier would bring nothing new. */
const LEAD_MS = { least: 90_000, spread: 180_000 }
const RETRY_MS = { least: 15_000, spread: 30_000 }
const LONGEST_TIMER_MS = 86_400_000

interface Held {
  readonly token: Secret
  readonly expiresAt: number
  readonly renewAt: number
}

/** Starts fetching at once, so that the first dial seldom waits. `credential` absent: `DefaultAzureCredential`, loaded on first use. */
export function createEntraTokens(scope: string, log: UpstreamLog, credential: TokenCredential | undefined): EntraTokens {
  const source = credential ? () => Promise.resolve(credential) : defaultCredential()
  const closing = new AbortController()
  let held: Held | undefined
  let flight: Promise<Secret> | undefined
  let failedAt: number | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  const usable = (): Held | undefined => (held && Date.now() < held.expiresAt - EXPIRY_MARGIN_MS ? held : undefined)

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
          held = fetched
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

  async function fetchToken(): Promise<Held> {
    const attempt = new AbortController()
    const answer = source().then((from) => from.getToken(scope, { abortSignal: attempt.signal }))
    try {
      const fetched = await within(answer, closing.signal, ATTEMPT_TIMEOUT_MS)
      const now = Date.now()
      if (!fetched || !/^[\x21-\x7e]+$/.test(fetched.token) || !(fetched.expiresOnTimestamp > now + EXPIRY_MARGIN_MS)) throw new RefusalError('upstream_refused', 'unusable_token')
      const lead = Math.min((fetched.expiresOnTimestamp - now) / 2, LEAD_MS.least + Math.random() * LEAD_MS.spread)
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
      return within(renew(), signal, timeoutMs)
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

/** `promise`, given up after `ms` (`upstream_timeout`) or when `signal` aborts (`upstream_refused`); its late outcome is ignored. */
function within<T>(promise: Promise<T>, signal: AbortSignal, ms: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => settle(() => reject(new RefusalError('upstream_refused', 'aborted')))
    const deadline = setTimeout(() => settle(() => reject(new RefusalError('upstream_timeout', 'entra_token'))), Math.max(ms, 0))
    function settle(act: () => void): void {
      clearTimeout(deadline)
      signal.removeEventListener('abort', onAbort)
      act()
    }
    promise.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    )
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}

function defaultCredential(): () => Promise<TokenCredential> {
  let made: TokenCredential | undefined
  return async () => {
    if (!made) {
      const { DefaultAzureCredential } = await import('@azure/identity')
      made ??= new DefaultAzureCredential()
    }
    return made
  }
}

/** Class name and OAuth error word: enough to act on. Messages quote tenants, hosts and commands, so they stay out. */
function safeFacts(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { cause: 'unknown' }
  const word = (error as { errorResponse?: { error?: unknown } }).errorResponse?.error
  const cause = error instanceof RefusalError ? error.why : /^[A-Za-z]{1,64}$/.test(error.name) ? error.name : 'unknown'
  return typeof word === 'string' && /^[a-z_]{1,64}$/.test(word) ? { cause, oauthError: word } : { cause }
}
