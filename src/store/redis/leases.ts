// Places among a user's sessions, counted over all instances. A heartbeat keeps each place; the places of a dead instance expire.
import type { Lease, SessionLeases } from '../../ports/store.js'
import type { RedisConnection } from './connection.js'
import type { RedisKeys } from './keys.js'
import { LEASE, RENEW } from './scripts/lease.js'

/** If Redis does not answer within `timeoutMs`, `lease` counts the sessions of this instance alone. */
export interface RedisLeases extends SessionLeases {
  /** Renews every place of this instance. Never rejects. */
  renew(): Promise<void>
  /** Gives back every place that is still taken, within `deadlineMs`. Never rejects. */
  releaseAll(deadlineMs: number): Promise<void>
}

export interface RedisLeaseOptions {
  readonly connection: RedisConnection
  readonly keys: RedisKeys
  /** Counts all sessions of this instance, including those with a place in Redis. */
  readonly local: SessionLeases
  readonly ttlMs: number
  readonly timeoutMs: number
  /** The clock that the scripts get; '' for the server's own. */
  readonly clock: () => string
}

const SESSIONS_PER_RENEWAL = 200
const RENEWALS_AT_ONCE = 50
const RENEW_TIMEOUT_MS = 1_000

export function createRedisLeases({ connection, keys, local, ttlMs, timeoutMs, clock }: RedisLeaseOptions): RedisLeases {
  /** Sessions of this instance that have a place, by subject. */
  const leased = new Map<string, Set<string>>()

  async function lease(subject: string, sessionId: string, max: number): Promise<Lease | undefined> {
    let granted: boolean | undefined
    try {
      granted = (await connection.ask((client) => client.eval(LEASE, 1, keys.lease(subject), sessionId, max, ttlMs, clock()), timeoutMs, true)) === 1
    } catch {
      granted = undefined
    }
    if (granted === false) return undefined
    const own = await local.lease(subject, sessionId, granted ? Number.POSITIVE_INFINITY : max)
    if (!own) {
      // Redis may have given a place although its answer did not arrive.
      giveBack(subject, [sessionId])
      return undefined
    }
    add(subject, sessionId)
    let released = false
    return {
      release: () => {
        if (released) return
        released = true
        own.release()
        remove(subject, sessionId)
        giveBack(subject, [sessionId])
      },
    }
  }

  function add(subject: string, sessionId: string): void {
    const sessions = leased.get(subject) ?? new Set<string>()
    leased.set(subject, sessions.add(sessionId))
  }

  function remove(subject: string, sessionId: string): void {
    const sessions = leased.get(subject)
    sessions?.delete(sessionId)
    if (sessions?.size === 0) leased.delete(subject)
  }

  function giveBack(subject: string, sessionIds: readonly string[], withinMs = RENEW_TIMEOUT_MS): Promise<unknown> {
    // If this fails, the place expires.
    return connection.ask((client) => client.zrem(keys.lease(subject), ...sessionIds), withinMs).catch(() => undefined)
  }

  async function renew(): Promise<void> {
    const renewals = [...leased].flatMap(([subject, sessions]) => chunks([...sessions], SESSIONS_PER_RENEWAL).map((ids) => ({ subject, ids })))
    for (const group of chunks(renewals, RENEWALS_AT_ONCE)) {
      if (!connection.isReady()) return
      await Promise.allSettled(group.map(({ subject, ids }) => renewSome(subject, ids)))
    }
  }

  function renewSome(subject: string, ids: readonly string[]): Promise<unknown> {
    // A session that ended meanwhile must not get its place back.
    const live = ids.filter((id) => leased.get(subject)?.has(id))
    if (live.length === 0) return Promise.resolve()
    return connection.ask((client) => client.eval(RENEW, 1, keys.lease(subject), ttlMs, clock(), ...live), RENEW_TIMEOUT_MS)
  }

  async function releaseAll(deadlineMs: number): Promise<void> {
    const end = performance.now() + deadlineMs
    const groups = chunks([...leased], RENEWALS_AT_ONCE)
    leased.clear()
    for (const group of groups) {
      const left = Math.min(RENEW_TIMEOUT_MS, end - performance.now())
      if (!connection.isReady() || left <= 0) return
      await Promise.all(group.map(([subject, sessions]) => giveBack(subject, [...sessions], left)))
    }
  }

  return { lease, renew, releaseAll }
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  const found: T[][] = []
  for (let start = 0; start < list.length; start += size) found.push(list.slice(start, start + size))
  return found
}
