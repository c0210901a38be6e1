// Keeps a few connections to one upstream open ahead, so that a session need not wait for a handshake; each is given out once and never comes back.
import { randomUUID } from 'node:crypto'
import { type Bucket, type BucketRule, takeTokens } from '../core/limits/token-bucket.js'
import { RefusalError } from '../core/protocol/errors.js'
import type { RealtimeEvent } from '../core/protocol/events.js'
import type { UpstreamConnection, UpstreamProvider } from '../ports/upstream.js'
import type { WarmLink } from './warm-link.js'
import { warmUp } from './warm-up.js'

/**
 * `hit`, `miss`: a dial that found a connection ready, or none. `filled`: one became ready. `expired`, `lost`, `failed`: one that nobody got,
 * because it was too old, ended by itself, or never became ready.
 */
export type PoolEvent = 'hit' | 'miss' | 'filled' | 'expired' | 'lost' | 'failed'

export interface PoolOptions {
  /** Connections kept ready; 1 or more. */
  readonly size: number
  /** Longest wait of a new connection for its first events, in milliseconds. */
  readonly firstEventMs: number
  /** At least 0 and below 1. */
  readonly random: () => number
  readonly log: { info(fields: Readonly<Record<string, unknown>>, message: string): void }
  readonly count: (event: PoolEvent) => void
  /**
   * The `session.update` that every session of this upstream begins with, in GA, where that depends on no caller: it is sent ahead, and a session
   * that begins with it is answered at once. One that begins with another one is not, so fields that only some sessions set must not be in it.
   */
  readonly opening?: () => RealtimeEvent | undefined
  /** A connection is replaced between seven tenths of this age and the whole of it. The upstream's own session clock starts with the handshake, so keep it far below its limit. */
  readonly maxAgeMs?: number
  /** First and longest pause after a failure; it doubles in between. */
  readonly pauseMs?: { readonly least: number; readonly most: number }
}

export interface UpstreamPool extends UpstreamProvider {
  /** Connections ready to be taken. */
  readonly ready: number
}

interface Ready {
  readonly connection: UpstreamConnection
  readonly link: WarmLink
  readonly id: string
  readonly since: number
  readonly expiresAt: number
}

const MAX_AGE_MS = 300_000
/** Looks at the ages while a connection grows as old as it may: what is found late is at most a twentieth too old. */
const AGE_CHECKS = 20
const PAUSE_MS = { least: 1_000, most: 60_000 }
/** A connection that ends sooner, with nobody having used it, is a failure of the upstream and not its way to end idle ones. */
const SHORT_LIFE_MS = 30_000

/**
 * Fills itself one connection at a time. Beyond one dial for each connection taken, which its session would have dialled anyway, it spends
 * twice its size at once and its size per minute, at least 4 and 6. A dial that finds nothing ready goes to `provider`, and so do its failures.
 */
export function createPool(provider: UpstreamProvider, options: PoolOptions): UpstreamPool {
  const { size, count, random } = options
  const maxAgeMs = options.maxAgeMs ?? MAX_AGE_MS
  const pauseMs = options.pauseMs ?? PAUSE_MS
  const budget: BucketRule = { burst: Math.max(2 * size, 4), perSecond: Math.max(size, 6) / 60 }
  const closing = new AbortController()
  let ready: Ready[] = []
  let filling = false
  let failures = 0
  let spent: Bucket | undefined
  let fillTimer: NodeJS.Timeout | undefined
  // Not one for each connection, set anew with each taken: Node keeps the list of an unreferenced timer until it would have fired.
  const ageTimer = setInterval(expire, Math.max(1, maxAgeMs / AGE_CHECKS)).unref()

  function fill(): void {
    if (filling || fillTimer || closing.signal.aborted || ready.length >= size) return
    const { ok, retryAfterMs, bucket } = takeTokens(spent, 1, budget, performance.now())
    spent = bucket
    if (!ok) return pause(retryAfterMs)
    filling = true
    openOne()
      .then(
        () => undefined,
        (error: unknown) => {
          if (closing.signal.aborted) return
          count('failed')
          failed(error instanceof RefusalError ? error.retryAfterSeconds : undefined)
        },
      )
      .finally(() => {
        filling = false
        fill()
      })
  }

  function pause(ms: number): void {
    clearTimeout(fillTimer)
    fillTimer = setTimeout(() => {
      fillTimer = undefined
      fill()
    }, ms).unref()
  }

  /** Spread over half of the pause, so that several relays do not come back together. */
  function failed(retryAfterSeconds = 0): void {
    const own = Math.min(pauseMs.most, pauseMs.least * 2 ** failures) * (0.5 + random() / 2)
    failures = Math.min(failures + 1, 16)
    pause(Math.max(own, retryAfterSeconds * 1000))
  }

  async function openOne(): Promise<void> {
    const id = `pool-${randomUUID()}`
    const connection = await provider.dial({ correlationId: id, signal: closing.signal })
    const since = performance.now()
    let one: Ready | undefined
    let gone = false
    const onLost = () => {
      gone = true
      if (one) lost(one)
    }
    const link = await warmUp(connection, { opening: options.opening?.(), timeoutMs: options.firstEventMs, signal: closing.signal, onLost })
    // What floods is closed in the very turn of its first event.
    if (gone) throw new RefusalError('upstream_refused', 'closed_early')
    one = { connection, link, id, since, expiresAt: since + maxAgeMs * (0.7 + random() / 4) }
    ready.push(one)
    count('filled')
  }

  function lost(one: Ready): void {
    if (!ready.includes(one)) return
    ready = ready.filter((other) => other !== one)
    count('lost')
    if (performance.now() - one.since < SHORT_LIFE_MS) failed()
    else failures = 0
    fill()
  }

  function expire(): void {
    const now = performance.now()
    const old = ready.filter((one) => one.expiresAt <= now)
    ready = ready.filter((one) => one.expiresAt > now)
    for (const one of old) {
      count('expired')
      failures = 0
      one.link.close(1000, '')
    }
    fill()
  }

  function take(): Ready | undefined {
    expire()
    const one = ready.shift()
    if (!one) return undefined
    failures = 0
    if (spent) spent = { ...spent, tokens: spent.tokens + 1 }
    return one
  }

  fill()

  return {
    get ready() {
      return ready.length
    },
    async dial(request) {
      if (request.signal.aborted || closing.signal.aborted) return provider.dial(request)
      const one = take()
      count(one ? 'hit' : 'miss')
      // After this turn: a dial costs a millisecond, which the session that is opening would wait for.
      setImmediate(() => {
        if (one) options.log.info({ sessionId: request.correlationId, upstreamRequestId: one.id }, 'pooled upstream connection taken')
        fill()
      })
      return one ? { ...one.connection, link: one.link.take() } : provider.dial(request)
    },
    health: () => provider.health(),
    async close() {
      closing.abort()
      clearTimeout(fillTimer)
      clearInterval(ageTimer)
      for (const one of ready.splice(0)) one.link.close(1000, '')
      await provider.close()
    },
  }
}
