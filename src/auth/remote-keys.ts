// Fetches keys from a JWKS URL: seldom, once for all callers, within limits. Keeps them if the key host fails.
import { createLocalJWKSet, errors, type JWSHeaderParameters, type JWTVerifyGetKey } from 'jose'
import { RefusalError } from '../core/protocol/errors.js'
import type { Health } from '../ports/health.js'
import { usableKeys } from './key-set.js'

const FETCH_TIMEOUT_MS = 5000
const MAX_BYTES = 1024 * 1024
/** Keys older than this are fetched anew before use. So a removed key is refused after this time. */
const MAX_AGE_MS = 600_000
/** Keys are used for this long without a successful fetch. */
const MAX_STALE_MS = 24 * 3600_000
/** Pause between two fetches. It doubles with each fetch that brings nothing new, so that made-up kids cannot flood the key host. */
const MIN_COOL_DOWN_MS = 2000
const MAX_COOL_DOWN_MS = 30_000
/** A caller with an unknown kid waits this long for the cool-down to end, since the token may be valid and its key new. */
const MAX_WAIT_MS = 4000
const MAX_WAITING = 1000

export type Fetch = (url: URL, init: { redirect: 'error'; signal: AbortSignal; headers: Record<string, string> }) => Promise<Response>
export interface RemoteKeysDeps {
  readonly fetch: Fetch
  readonly now: () => number
}

export interface RemoteKeys {
  readonly keyFor: JWTVerifyGetKey
  health(): Promise<Health>
}

type Keys = ReturnType<typeof createLocalJWKSet>

/** Fetches only `url`, whatever a token's header says. `keyFor` waits for two fetches and one cool-down at most. */
export function createRemoteKeys(url: URL, deps: RemoteKeysDeps): RemoteKeys {
  let keys: Keys | undefined
  let text = ''
  let fetchedAt = Number.NEGATIVE_INFINITY
  let attemptedAt = Number.NEGATIVE_INFINITY
  let failing = false
  let coolDownMs = MIN_COOL_DOWN_MS
  let fetching: Promise<void> | undefined
  let nextFetch: Promise<void> | undefined
  let waiting = 0

  const age = (): number => deps.now() - fetchedAt
  const coolDownLeft = (): number => attemptedAt + coolDownMs - deps.now()

  const load = async (): Promise<void> => {
    const startedAt = deps.now()
    if (startedAt - attemptedAt > MAX_COOL_DOWN_MS) coolDownMs = MIN_COOL_DOWN_MS
    attemptedAt = startedAt
    try {
      const fetched = await fetchText(url, deps.fetch)
      const usable = usableKeys(JSON.parse(fetched))
      if (!usable) throw new Error('no key set')
      coolDownMs = fetched === text ? Math.min(coolDownMs * 2, MAX_COOL_DOWN_MS) : MIN_COOL_DOWN_MS
      if (fetched !== text) keys = createLocalJWKSet({ keys: usable })
      text = fetched
      fetchedAt = deps.now()
      failing = false
    } catch {
      failing = true
      // Without any key every caller is refused, so the next attempt comes soon.
      coolDownMs = keys ? Math.min(coolDownMs * 2, MAX_COOL_DOWN_MS) : MIN_COOL_DOWN_MS
    }
  }
  /** Joins the fetch under way or starts one. Never rejects. */
  const fetchNow = (): Promise<void> => {
    fetching ??= load().finally(() => {
      fetching = undefined
    })
    return fetching
  }
  /** Waits for the next fetch that the cool-down allows. Resolves at once if that is too far off or too many callers wait. */
  const fetchSoon = async (): Promise<void> => {
    if (fetching) return fetching
    const left = coolDownLeft()
    if (left <= 0) return fetchNow()
    if (left > MAX_WAIT_MS || waiting >= MAX_WAITING) return
    waiting++
    nextFetch ??= new Promise<void>((resolve) => setTimeout(resolve, left).unref()).then(fetchNow).finally(() => {
      nextFetch = undefined
    })
    await nextFetch.finally(() => waiting--)
  }

  const lookUp = async (header: JWSHeaderParameters, token: Parameters<JWTVerifyGetKey>[1]) => {
    if (!keys || age() > MAX_STALE_MS) throw new RefusalError('unauthenticated', 'no_keys')
    return await keys(header, token)
  }

  return {
    async keyFor(header, token) {
      if (!keys) await fetchSoon()
      else if (age() > MAX_AGE_MS && coolDownLeft() <= 0) await fetchNow()
      else if (age() > MAX_AGE_MS / 2 && coolDownLeft() <= 0) void fetchNow()
      try {
        return await lookUp(header, token)
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
        await fetchSoon()
        return await lookUp(header, token)
      }
    },
    async health() {
      if (!keys) await (coolDownLeft() <= 0 ? fetchNow() : fetching)
      if (!keys || age() > MAX_STALE_MS) return { status: 'down', detail: 'no signing keys' }
      return failing ? { status: 'degraded', detail: 'key host failing, using kept keys' } : { status: 'ok', detail: 'signing keys present' }
    },
  }
}

/** Rejects unless it gets a 200 of at most `MAX_BYTES`, after decompression, within the time limit. */
async function fetchText(url: URL, fetch: Fetch): Promise<string> {
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(FETCH_TIMEOUT_MS), headers: { accept: 'application/json, application/jwk-set+json' } })
  if (response.status !== 200 || !response.body) {
    await response.body?.cancel()
    throw new Error('unexpected answer')
  }
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > MAX_BYTES) throw new Error('too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
