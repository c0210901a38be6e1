// The live sessions of all relays: each relay keeps its own in one set that expires with it, and asks the others to end theirs by a message.
import { randomUUID } from 'node:crypto'
import type { EndOutcome, EndTarget, SessionDirectory, SessionPage, SessionRecord } from '../../ports/directory.js'
import type { LocalDirectory } from '../memory/directory.js'
import { cutPage, orderOf, readCursor } from '../session-pages.js'
import type { RedisConnection } from './connection.js'
import type { RedisKeys } from './keys.js'
import { LEASE } from './scripts/lease.js'
import { REGISTER } from './scripts/register.js'

export interface RedisDirectory extends SessionDirectory {
  /** Shows every session of this process again, for another `ttlMs`. Never rejects. */
  renew(): Promise<void>
  /** Takes everything of this process away, within `deadlineMs`. Never rejects. */
  clear(deadlineMs: number): Promise<void>
}

export interface RedisDirectoryOptions {
  readonly connection: RedisConnection
  readonly subscriber: RedisConnection
  readonly keys: RedisKeys
  readonly local: LocalDirectory
  readonly ttlMs: number
  /** What the scripts are told as their clock; '' for the server's own. */
  readonly clock: () => string
}

const WRITE_TIMEOUT_MS = 1_000
const PAGE_TIMEOUT_MS = 3_000
const PER_WRITE = 200
const MAX_RELAYS = 1_000
/** How long the others have to say that they have done it. */
const END_MS = 1_000

export function createRedisDirectory({ connection, subscriber, keys, local, ttlMs, clock }: RedisDirectoryOptions): RedisDirectory {
  const key = keys.sessions(local.relay)
  const asking = new Map<string, (relay: string, ended: number) => void>()
  /** Something may be in Redis that is over here. */
  let stale = false
  let renewing: Promise<void> | undefined

  subscriber.client.on('message', (_channel: string, message: string) => {
    const asked = /^end:([0-9a-f-]{36}):([A-Za-z0-9.-]+):(\{.*\})$/s.exec(message)
    const target = asked?.[3] === undefined ? undefined : targetOf(asked[3])
    // Whoever asks has ended its own before.
    if (asked?.[1] && target && asked[2] !== local.relay) publish(`ended:${asked[1]}:${local.endHere(target)}:${local.relay}`).catch(() => undefined)
    const answered = /^ended:([0-9a-f-]{36}):(\d{1,9}):(\S+)$/.exec(message)
    if (answered?.[1] && answered[3]) asking.get(answered[1])?.(answered[3], Number(answered[2]))
  })

  function publish(message: string): Promise<unknown> {
    return connection.ask((client) => client.publish(keys.revokedChannel, message), WRITE_TIMEOUT_MS)
  }

  function write(members: readonly string[]): Promise<unknown> {
    return connection.ask((client) => client.eval(REGISTER, 1, key, ttlMs, ...members), WRITE_TIMEOUT_MS)
  }

  function show(session: Omit<SessionRecord, 'relay'>): () => void {
    const hide = local.show(session)
    const member = memberOf({ ...session, relay: local.relay })
    // Where this fails the next heartbeat does it.
    write([member]).catch(() => undefined)
    return () => {
      hide()
      connection
        .ask((client) => client.zrem(key, member), WRITE_TIMEOUT_MS)
        .catch(() => {
          stale = true
        })
    }
  }

  async function renewAll(): Promise<void> {
    try {
      if (stale) {
        stale = false
        await connection.ask((client) => client.del(key), WRITE_TIMEOUT_MS)
      }
      // What ended since the list was made must not be shown again, so it is made anew for each write.
      const members = local.all()
      for (let start = 0; start < members.length; start += PER_WRITE) {
        const chunk = members.slice(start, start + PER_WRITE)
        const live = new Set(local.all())
        const still = chunk.filter((one) => live.has(one)).map(memberOf)
        if (still.length > 0) await write(still)
      }
      await connection.ask((client) => client.eval(LEASE, 1, keys.relays, local.relay, MAX_RELAYS, ttlMs, clock()), WRITE_TIMEOUT_MS)
    } catch {
      stale = true
    }
  }

  async function relays(): Promise<string[]> {
    const found = await connection.ask((client) => client.zrange(keys.relays, '0', String(MAX_RELAYS - 1)), WRITE_TIMEOUT_MS)
    return [...new Set([...found, local.relay])].sort()
  }

  async function page(limit: number, cursor?: string): Promise<SessionPage> {
    const from = cursor === undefined ? undefined : readCursor(cursor)
    const end = performance.now() + PAGE_TIMEOUT_MS
    const found: SessionRecord[] = []
    for (const relay of await relays()) {
      if (found.length > limit) break
      if (from && relay < from.relay) continue
      // A member is its order, a space and an object's brace, which `~` comes after.
      const min = relay === from?.relay ? `(${from.after} ~` : '-'
      const members = await connection.ask(
        (client) => client.zrangebylex(keys.sessions(relay), min, '+', 'LIMIT', '0', String(limit + 1 - found.length)),
        Math.max(1, end - performance.now()),
      )
      for (const member of members) found.push(...recordOf(member, relay))
    }
    return cutPage(found, limit)
  }

  async function end(target: EndTarget): Promise<EndOutcome> {
    const ended = local.endHere(target)
    const id = randomUUID()
    const waitingFor = new Set<string>()
    const said = new Map<string, number>()
    let finish: () => void = () => undefined
    const all = new Promise<void>((resolve) => {
      finish = resolve
    })
    const settle = () => {
      if ([...waitingFor].every((relay) => said.has(relay))) finish()
    }
    let known = false
    asking.set(id, (relay, count) => {
      said.set(relay, count)
      if (known) settle()
    })
    const timer = setTimeout(finish, END_MS)
    try {
      const others = (await relays()).filter((relay) => relay !== local.relay)
      for (const relay of others) waitingFor.add(relay)
      await publish(`end:${id}:${local.relay}:${JSON.stringify(target)}`)
      known = true
      settle()
      await all
      const answered = [...waitingFor].filter((relay) => said.has(relay)).length
      const total = [...said.values()].reduce((sum, count) => sum + count, ended)
      return { ended: total, asked: waitingFor.size + 1, answered: answered + 1, everywhere: answered === waitingFor.size }
    } catch {
      return { ended, asked: 1, answered: 1, everywhere: false }
    } finally {
      clearTimeout(timer)
      asking.delete(id)
    }
  }

  return {
    show,
    page,
    end,
    onEnd: local.onEnd,
    async renew() {
      if (!connection.isReady()) return
      renewing ??= renewAll().finally(() => {
        renewing = undefined
      })
      await renewing
    },
    async clear(deadlineMs) {
      if (!connection.isReady()) return
      const gone = [connection.ask((client) => client.del(key), deadlineMs), connection.ask((client) => client.zrem(keys.relays, local.relay), deadlineMs)]
      await Promise.allSettled(gone)
    },
  }
}

function targetOf(json: string): EndTarget | undefined {
  try {
    const { sessionId, subject } = JSON.parse(json) as { sessionId?: unknown; subject?: unknown }
    return typeof sessionId === 'string' ? { sessionId } : typeof subject === 'string' ? { subject } : undefined
  } catch {
    return undefined
  }
}

function memberOf(session: SessionRecord): string {
  const { subject, tenant, profile, dialect, deployment } = session
  return `${orderOf(session)} ${JSON.stringify({ subject, tenant, profile, dialect, deployment })}`
}

/** Nothing for what no relay wrote. */
function recordOf(member: string, relay: string): SessionRecord[] {
  const [, since, id, json] = /^(\d{15}) (\S+) (\{.*\})$/s.exec(member) ?? []
  try {
    const { subject, tenant, profile, dialect, deployment } = JSON.parse(json ?? '') as SessionRecord
    const texts = [subject, profile, dialect, deployment].every((text) => typeof text === 'string') && (tenant === undefined || typeof tenant === 'string')
    return texts ? [{ id: id ?? '', subject, tenant, profile, dialect, deployment, relay, since: Number(since) }] : []
  } catch {
    return []
  }
}
