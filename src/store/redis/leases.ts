// Places among a user's sessions, counted over all relays; each is kept by a heartbeat and comes back by itself when its relay dies.
import type { Lease, SessionLeases } from '../../ports/store.js'
import type { RedisConnection } from './connection.js'
import type { RedisKeys } from './keys.js'
import { LEASE, RENEW } from './scripts/lease.js'

export interface RedisLeases {
  /** Asks Redis; counts this process's own sessions where Redis does not answer within `timeoutMs`. */
  lease(subject: string, sessionId: string, max: number): Promise<Lease | undefined>
  /** Renews every lease held here. Never rejects. */
  renew(): Promise<void>
  /** Gives back what is still held, within `deadlineMs`. Never rejects. */
  releaseAll(deadlineMs: number): Promise<void>
}

export interface RedisLeaseOptions {
  readonly connection: RedisConnection
  readonly keys: RedisKeys
  /** Counts all sessions of this process, those with a place in Redis as well. */
  readonly local: SessionLeases
  readonly ttlMs: number
  readonly timeoutMs: number
  /** What the scripts are told as their clock; '' for the server's own. */
  readonly clock: () => string
}

const SESSIONS_PER_RENEWAL = 200
const RENEWALS_AT_ONCE = 50
const RENEW_TIMEOUT_MS = 1_000

export function createRedisLeases({ connection, keys, local, ttlMs, timeoutMs, clock }: RedisLeaseOptions): RedisLeases {
  const held = new Map<string, Set<string>>()

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
      // The question may have reached Redis although the answer did not come.
      forget(subject, [sessionId])
      return undefined
    }
    hold(subject, sessionId)
    let released = false
    return {
      release: () => {
        if (released) return
        released = true
        own.release()
        letGo(subject, sessionId)
        forget(subject, [sessionId])
      },
    }
  }

  function hold(subject: string, sessionId: string): void {
    const sessions = held.get(subject) ?? new Set<string>()
    held.set(subject, sessions.add(sessionId))
  }

  function letGo(subject: string, sessionId: string): void {
    const sessions = held.get(subject)
    sessions?.delete(sessionId)
    if (sessions?.size === 0) held.delete(subject)
  }

  function forget(subject: string, sessionIds: readonly string[], withinMs = RENEW_TIMEOUT_MS): Promise<unknown> {
    // Where this fails the place comes back when it expires.
    return connection.ask((client) => client.zrem(keys.lease(subject), ...sessionIds), withinMs).catch(() => undefined)
  }

  async function renew(): Promise<void> {
    const renewals = [...held].flatMap(([subject, sessions]) => chunks([...sessions], SESSIONS_PER_RENEWAL).map((ids) => ({ subject, ids })))
    for (const group of chunks(renewals, RENEWALS_AT_ONCE)) {
      if (!connection.isReady()) return
      await Promise.allSettled(group.map(({ subject, ids }) => renewSome(subject, ids)))
    }
  }

  function renewSome(subject: string, ids: readonly string[]): Promise<unknown> {
    // A session that ended since the list was made must not get its place back.
    const live = ids.filter((id) => held.get(subject)?.has(id))
    if (live.length === 0) return Promise.resolve()
    return connection.ask((client) => client.eval(RENEW, 1, keys.lease(subject), ttlMs, clock(), ...live), RENEW_TIMEOUT_MS)
  }

  async function releaseAll(deadlineMs: number): Promise<void> {
    const end = performance.now() + deadlineMs
    const groups = chunks([...held], RENEWALS_AT_ONCE)
    held.clear()
    for (const group of groups) {
      const left = Math.min(RENEW_TIMEOUT_MS, end - performance.now())
      if (!connection.isReady() || left <= 0) return
      await Promise.all(group.map(([subject, sessions]) => forget(subject, [...sessions], left)))
    }
  }

  return { lease, renew, releaseAll }
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  const found: T[][] = []
  for (let start = 0; start < list.length; start += size) found.push(list.slice(start, start + size))
  return found
}
