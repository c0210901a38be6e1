// Revocations on every instance: a set in Redis, a message for the live sessions, and a copy in each process for when Redis is away.
import type { Identity } from '../../ports/caller.js'
import type { Revocations, RevocationTarget } from '../../ports/store.js'
import { membersOf, type RevocationList } from '../revocation-list.js'
import type { RedisConnection } from './connection.js'
import type { RedisKeys } from './keys.js'
import { REVOKE } from './scripts/revoke.js'

export interface RedisRevocations extends Revocations {
  /**
   * Refuses what the copy knows, without asking Redis. If Redis does not answer in time, the caller is let in (fail open).
   * Later revocations by other instances arrive when Redis is back, and end live sessions then.
   */
  isRevoked(identity: Identity): Promise<boolean>
  /** Takes effect here at once. Rejects if Redis was not reached; this process then tells it once Redis is back. */
  revoke(target: RevocationTarget, untilMs: number): Promise<void>
  /** Subscribes, then exchanges with Redis what either side lacks. Called when a connection becomes ready, and with every heartbeat. Never rejects. */
  catchUp(): Promise<void>
}

export interface RedisRevocationOptions {
  readonly connection: RedisConnection
  readonly subscriber: RedisConnection
  readonly keys: RedisKeys
  readonly list: RevocationList
  readonly now: () => number
  readonly timeoutMs: number
}

const WRITE_TIMEOUT_MS = 1_000
/** Read at once. A revocation beyond this is still found when its token is checked. */
const MAX_LOADED = 10_000
const PER_SCRIPT = 500
/** An expired revocation is deleted this much later. A clock that runs ahead then lifts nothing early elsewhere. */
const CLOCKS_APART_MS = 3_600_000

export function createRedisRevocations({ connection, subscriber, keys, list, now, timeoutMs }: RedisRevocationOptions): RedisRevocations {
  subscriber.client.on('message', (_channel: string, message: string) => {
    const match = /^(\d{1,16}):(.*)$/s.exec(message)
    if (match?.[1] && match[2]) list.add(match[2], Number(match[1]))
  })

  async function isRevoked(identity: Identity): Promise<boolean> {
    if (list.has(identity)) return true
    const members = membersOf(identity, 0)
    try {
      const scores = await connection.ask((client) => Promise.all(members.map((member) => client.zscore(keys.revoked, member))), timeoutMs, true)
      members.forEach((member, index) => void list.add(member, Number(scores[index] ?? 0)))
    } catch {
      return list.has(identity)
    }
    return list.has(identity)
  }

  async function revoke(target: RevocationTarget, untilMs: number): Promise<void> {
    const until = Math.floor(untilMs)
    const members = membersOf(target, until)
    for (const member of members) list.add(member, until)
    if (members.length > 0) await publish(members.map((member) => [member, until] as const))
  }

  function publish(entries: readonly (readonly [string, number])[]): Promise<unknown> {
    const flat = entries.flatMap(([member, until]) => [member, String(until)])
    return connection.ask((client) => client.eval(REVOKE, 1, keys.revoked, keys.revokedChannel, Math.floor(now()) - CLOCKS_APART_MS, ...flat), WRITE_TIMEOUT_MS)
  }

  async function catchUp(): Promise<void> {
    try {
      if (subscriber.isReady()) await subscriber.ask((client) => client.subscribe(keys.revokedChannel), WRITE_TIMEOUT_MS)
      if (!connection.isReady()) return
      const known = new Map<string, number>()
      const found = await connection.ask((client) => client.zrangebyscore(keys.revoked, `(${Math.floor(now())}`, '+inf', 'WITHSCORES', 'LIMIT', 0, MAX_LOADED), WRITE_TIMEOUT_MS)
      for (let i = 0; i + 1 < found.length; i += 2) known.set(found[i] ?? '', Number(found[i + 1]))
      for (const [member, until] of known) list.add(member, until)
      if (known.size >= MAX_LOADED) return
      const missing = list.entries().filter(([member, until]) => (known.get(member) ?? 0) < until)
      for (let start = 0; start < missing.length; start += PER_SCRIPT) await publish(missing.slice(start, start + PER_SCRIPT))
    } catch {
      // The next heartbeat tries again, and so does a connection that becomes ready.
    }
  }

  return { onRevoked: list.onRevoked, isRevoked, isKnown: list.has, revoke, catchUp }
}
