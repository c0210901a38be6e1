// Who is refused, on every relay: a set in Redis, a message for the live sessions, and a copy in each process for when Redis is away.
import type { Identity } from '../../ports/caller.js'
import { membersOf, type RevocationList, type Revoked } from '../revocation-list.js'
import type { RedisConnection } from './connection.js'
import type { RedisKeys } from './keys.js'
import { REVOKE } from './scripts/revoke.js'

export interface RedisRevocations {
  /**
   * The copy here decides where it says yes; else Redis is asked. Where Redis does not answer in time the caller is let in (fail open):
   * what this process has heard of is still refused, what was revoked elsewhere meanwhile is learnt when Redis is back, and ends live sessions then.
   */
  isRevoked(identity: Identity): Promise<boolean>
  /** In force here at once. Rejects where Redis could not be told: other relays then learn it when it is back, as long as this process lives. */
  revoke(target: Revoked, untilMs: number): Promise<void>
  /** Subscribes, then exchanges with Redis what either side does not know. Run whenever either connection becomes ready, and now and then. Never rejects. */
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
/** Read at once; what is beyond is still found when its token is checked. */
const MAX_LOADED = 10_000
const PER_SCRIPT = 500
/** What is over is cleaned away this much later, so that a relay whose clock runs ahead lifts nothing early elsewhere. */
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

  async function revoke(target: Revoked, untilMs: number): Promise<void> {
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
      // Tried again with the next heartbeat, or when a connection becomes ready.
    }
  }

  return { isRevoked, revoke, catchUp }
}
