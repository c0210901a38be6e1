// The live sessions of all instances. Each lists its own in one set that expires with it. A message asks the others to end theirs.
import { randomUUID } from 'node:crypto'
import type { EndOutcome, EndTarget, SessionDirectory, SessionPage, SessionRecord, UpstreamHistory } from '../../ports/directory.js'
import type { LocalDirectory } from '../memory/directory.js'
import { cutPage, orderOf, readCursor } from '../session-pages.js'
import type { RedisConnection } from './connection.js'
import type { RedisKeys } from './keys.js'
import { LEASE } from './scripts/lease.js'
import { REGISTER } from './scripts/register.js'

export interface RedisDirectory extends SessionDirectory {
  /** Lists every session of this instance for another `ttlMs`. Never rejects. */
  renew(): Promise<void>
  /** Deletes everything of this instance, within `deadlineMs`. Never rejects. */
  clear(deadlineMs: number): Promise<void>
}

export interface RedisDirectoryOptions {
  readonly connection: RedisConnection
  readonly subscriber: RedisConnection
  readonly keys: RedisKeys
  readonly local: LocalDirectory
  readonly ttlMs: number
  /** The clock that the scripts get; '' for the server's own. */
  readonly clock: () => string
}

const WRITE_TIMEOUT_MS = 1_000
const PAGE_TIMEOUT_MS = 3_000
const PER_WRITE = 200
const MAX_INSTANCES = 1_000
/** The other instances must answer within this. */
const END_MS = 1_000

export function createRedisDirectory({ connection, subscriber, keys, local, ttlMs, clock }: RedisDirectoryOptions): RedisDirectory {
  const key = keys.sessions(local.instance)
  const asking = new Map<string, (instance: string, ended: number) => void>()
  /** Redis may still list a session that has ended. */
  let stale = false
  let renewing: Promise<void> | undefined

  subscriber.client.on('message', (_channel: string, message: string) => {
    const asked = /^end:([0-9a-f-]{36}):([A-Za-z0-9.-]+):(\{.*\})$/s.exec(message)
    const target = asked?.[3] === undefined ? undefined : targetOf(asked[3])
    // The instance that asks has ended its own sessions before.
    if (asked?.[1] && target && asked[2] !== local.instance) publish(`ended:${asked[1]}:${local.endHere(target)}:${local.instance}`).catch(() => undefined)
    const answered = /^ended:([0-9a-f-]{36}):(\d{1,9}):(\S+)$/.exec(message)
    if (answered?.[1] && answered[3]) asking.get(answered[1])?.(answered[3], Number(answered[2]))
  })

  function publish(message: string): Promise<unknown> {
    return connection.ask((client) => client.publish(keys.revokedChannel, message), WRITE_TIMEOUT_MS)
  }

  function write(members: readonly string[]): Promise<unknown> {
    return connection.ask((client) => client.eval(REGISTER, 1, key, ttlMs, ...members), WRITE_TIMEOUT_MS)
  }

  function register(session: Omit<SessionRecord, 'instance'>): () => void {
    const unregister = local.register(session)
    const member = memberOf(session)
    // If this fails, the next heartbeat writes it.
    write([member]).catch(() => undefined)
    return () => {
      unregister()
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
      const members = local.all()
      for (let start = 0; start < members.length; start += PER_WRITE) {
        const chunk = members.slice(start, start + PER_WRITE)
        // A session that ended meanwhile must not be written again, so each write looks anew.
        const live = new Set(local.all())
        const still = chunk.filter((one) => live.has(one)).map(memberOf)
        if (still.length > 0) await write(still)
      }
      await connection.ask((client) => client.eval(LEASE, 1, keys.instances, local.instance, MAX_INSTANCES, ttlMs, clock()), WRITE_TIMEOUT_MS)
    } catch {
      stale = true
    }
  }

  async function instances(): Promise<string[]> {
    const found = await connection.ask((client) => client.zrange(keys.instances, '0', String(MAX_INSTANCES - 1)), WRITE_TIMEOUT_MS)
    return [...new Set([...found, local.instance])].sort()
  }

  async function page(limit: number, cursor?: string): Promise<SessionPage> {
    const from = cursor === undefined ? undefined : readCursor(cursor)
    const end = performance.now() + PAGE_TIMEOUT_MS
    const found: SessionRecord[] = []
    for (const instance of await instances()) {
      if (found.length > limit) break
      if (from && instance < from.instance) continue
      // A member is its order, a space and an object. `~` sorts after the brace of that object.
      const min = instance === from?.instance ? `(${from.after} ~` : '-'
      const members = await connection.ask(
        (client) => client.zrangebylex(keys.sessions(instance), min, '+', 'LIMIT', '0', String(limit + 1 - found.length)),
        Math.max(1, end - performance.now()),
      )
      for (const member of members) found.push(...recordOf(member, instance))
    }
    return cutPage(found, limit)
  }

  async function end(target: EndTarget): Promise<EndOutcome> {
    const ended = local.endHere(target)
    const id = randomUUID()
    const waitingFor = new Set<string>()
    const answers = new Map<string, number>()
    let finish: () => void = () => undefined
    const all = new Promise<void>((resolve) => {
      finish = resolve
    })
    const settle = () => {
      if ([...waitingFor].every((instance) => answers.has(instance))) finish()
    }
    let asked = false
    asking.set(id, (instance, count) => {
      answers.set(instance, count)
      if (asked) settle()
    })
    const timer = setTimeout(finish, END_MS)
    try {
      const others = (await instances()).filter((instance) => instance !== local.instance)
      for (const instance of others) waitingFor.add(instance)
      await publish(`end:${id}:${local.instance}:${JSON.stringify(target)}`)
      asked = true
      settle()
      await all
      const answered = [...waitingFor].filter((instance) => answers.has(instance)).length
      const total = [...answers.values()].reduce((sum, count) => sum + count, ended)
      return { ended: total, asked: waitingFor.size + 1, answered: answered + 1, everywhere: answered === waitingFor.size }
    } catch {
      return { ended, asked: 1, answered: 1, everywhere: false }
    } finally {
      clearTimeout(timer)
      asking.delete(id)
    }
  }

  return {
    instance: local.instance,
    register,
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
      const deleted = [connection.ask((client) => client.del(key), deadlineMs), connection.ask((client) => client.zrem(keys.instances, local.instance), deadlineMs)]
      await Promise.allSettled(deleted)
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

function memberOf(session: Omit<SessionRecord, 'instance'>): string {
  const { subject, tenant, profile, dialect, deployment, history, call } = session
  return `${orderOf(session)} ${JSON.stringify({ subject, tenant, profile, dialect, deployment, history, call })}`
}

/** Empty if no relay wrote the member. */
function recordOf(member: string, instance: string): SessionRecord[] {
  const [, since, id, json] = /^(\d{15}) (\S+) (\{.*\})$/s.exec(member) ?? []
  try {
    const { subject, tenant, profile, dialect, deployment, history, call } = JSON.parse(json ?? '') as SessionRecord
    const texts = [subject, profile, dialect, deployment].every((text) => typeof text === 'string') && (tenant === undefined || typeof tenant === 'string')
    return texts ? [{ id: id ?? '', subject, tenant, profile, dialect, deployment, instance, since: Number(since), ...historyOf(history), ...callOf(call) }] : []
  } catch {
    return []
  }
}

function callOf(call: SessionRecord['call']): Pick<SessionRecord, 'call'> {
  return call === 'media-only' || call === 'shared' ? { call } : {}
}

/** Only numbers of a relay that counts them. */
function historyOf(history: Partial<UpstreamHistory> | undefined): { history?: UpstreamHistory } {
  const { legs, losses, restores, rollovers } = history ?? {}
  return isCount(legs) && isCount(losses) && isCount(restores) && isCount(rollovers) ? { history: { legs, losses, restores, rollovers } } : {}
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
