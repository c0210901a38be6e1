// Opens a few connections to one upstream ahead, so that a session need not wait for a handshake. Each is handed out once and never returned.
import { randomUUID } from 'node:crypto'
import { type Bucket, type BucketRule, takeTokens } from '../core/limits/token-bucket.js'
import { RefusalError } from '../core/protocol/errors.js'
import type { RealtimeEvent } from '../core/protocol/events.js'
import type { DialRequest, UpstreamConnection, UpstreamProvider } from '../ports/upstream.js'
import type { WarmLink } from './warm-link.js'
import { warmUp } from './warm-up.js'

/**
 * `hit`, `miss`: a dial found a connection ready, or none. `filled`: a connection became ready. `expired`, `lost`, `failed`: an unused
 * connection was too old, ended by itself, or never became ready.
 */
export const POOL_EVENTS = ['hit', 'miss', 'filled', 'expired', 'lost', 'failed'] as const
export type PoolEvent = (typeof POOL_EVENTS)[number]

export interface PoolOptions {
  /** Connections kept ready; 1 or more. */
  readonly size: number
  /** Longest wait for the first events of a new connection, in milliseconds. */
  readonly firstEventMs: number
  /** At least 0 and below 1. */
  readonly random: () => number
  readonly log: { info(fields: Readonly<Record<string, unknown>>, message: string): void }
  readonly count: (event: PoolEvent) => void
  /**
   * The `session.update`, in GA, with which every session of this upstream begins, if it depends on no caller. It is sent ahead, and a session that
   * begins with it is answered at once. Fields that only some sessions set must not be in it, since a session that begins differently goes upstream.
   */
  readonly opening?: () => RealtimeEvent | undefined
  /** A connection is replaced between 70 % and 100 % of this age. The upstream's session clock starts with the handshake, so keep this far below the upstream's limit. */
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
/** Checks of the ages during `maxAgeMs`. A connection is found at most a twentieth of `maxAgeMs` late. */
const AGE_CHECKS = 20
const PAUSE_MS = { least: 1_000, most: 60_000 }
/** If an unused connection ends sooner than this, it counts as a failure: an upstream that ends idle connections waits longer. */
const SHORT_LIFE_MS = 30_000

/**
 * Fills itself one connection at a time. Each connection taken pays for one dial, which its session would have made anyway. Beyond these, the pool
 * may dial twice its size at once (at least 4) and its size per minute (at least 6). A dial that finds no connection ready goes to `provider` and fails as it does.
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
  // One timer for all: Node keeps the list of an unreferenced timer until it would have fired, so a timer per connection would pile up.
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

  /** Spread over half of the pause, so that several instances do not dial again together. */
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
    // A flooding upstream is closed in the same turn as its first event, before `warmUp` resolves.
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

  function take({ zones, avoid, leavesReady }: DialRequest): Ready | undefined {
    expire()
    if (leavesReady) return undefined
    const one = ready.find(({ connection: { zone, deployment } }) => deployment !== avoid && (!zones || (zone !== undefined && zones.includes(zone))))
    if (!one) return undefined
    ready = ready.filter((other) => other !== one)
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
      const one = take(request)
      count(one ? 'hit' : 'miss')
      // After this turn: a dial costs a millisecond, and the opening session would wait for it.
      setImmediate(() => {
        if (one) options.log.info({ sessionId: request.correlationId, upstreamRequestId: one.id }, 'pooled upstream connection taken')
        fill()
      })
      return one ? { ...one.connection, link: one.link.take() } : provider.dial(request)
    },
    lost: (deployment) => provider.lost?.(deployment),
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
