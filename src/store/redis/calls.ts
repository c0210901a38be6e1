// The WebRTC calls of all instances in Redis, each with a lease of its owner, the tickets that open one, and what happened once.
import type { CallRecord, CallRecords, CallTickets, Once } from '../../ports/call-records.js'
import type { RedisConnection } from './connection.js'
import type { RedisKeys } from './keys.js'
import { ADD_CALL, ADOPT_CALL, OWNERLESS_CALLS, RELEASE_CALL, REMOVE_CALL, RENEW_CALL } from './scripts/calls.js'

export interface RedisCalls extends CallRecords {
  /** Listens to the other instances. Called when a connection becomes ready, and with every heartbeat. Never rejects. */
  listen(): Promise<void>
}

export interface RedisCallsOptions {
  readonly connection: RedisConnection
  readonly subscriber: RedisConnection
  readonly keys: RedisKeys
  readonly instance: string
  /** Without a word of its owner for so long, a call has none. */
  readonly leaseMs: number
  readonly clock: () => string
}

const WRITE_TIMEOUT_MS = 1_000
/** Without an answer within this, this instance decides alone. */
const DECISION_TIMEOUT_MS = 250
/** No service keeps a call for longer. */
const KEEP_MS = 2 * 3_600_000
const RENEWALS_AT_ONCE = 50
const FIELDS = ['call', 'upstream', 'caller', 'since', 'sealed'] as const

export function createRedisCalls({ connection, subscriber, keys, instance, leaseMs, clock }: RedisCallsOptions): RedisCalls {
  const owned = new Map<string, CallRecord>()
  const channel = keys.callsChannel(instance)
  let onAsked: (id: string) => void = () => undefined

  subscriber.client.on('message', (from: string, id: string) => {
    if (from === channel && owned.has(id)) onAsked(id)
  })

  const run = (script: string, id: string, ...args: readonly (string | number)[]) =>
    connection.ask((client) => client.eval(script, 2, keys.calls, keys.call(id), id, ...args), WRITE_TIMEOUT_MS)

  async function write({ id, placed, caller, since, sealed }: CallRecord): Promise<void> {
    await run(ADD_CALL, id, instance, placed.callId, placed.upstream, caller, since, sealed, leaseMs, KEEP_MS, clock())
  }

  const renewedAs = (id: string) => run(RENEW_CALL, id, instance, leaseMs, KEEP_MS, clock())

  /** True: another instance has it. */
  async function renewOne(record: CallRecord): Promise<boolean> {
    const state = await renewedAs(record.id)
    // Ended meanwhile: it must not come back.
    if (!owned.has(record.id)) return false
    if (state === -1) await write(record)
    return state === 0
  }

  async function take(id: string): Promise<CallRecord | undefined> {
    const record = recordIn(id, await run(ADOPT_CALL, id, instance, leaseMs, KEEP_MS, clock()))
    if (record) owned.set(id, record)
    return record
  }

  return {
    shared: true,
    async add(record) {
      await write(record)
      owned.set(record.id, record)
    },
    async renew() {
      const lost: string[] = []
      const all = [...owned.values()]
      for (let start = 0; start < all.length; start += RENEWALS_AT_ONCE) {
        const some = all.slice(start, start + RENEWALS_AT_ONCE)
        const states = await Promise.all(some.map(renewOne))
        lost.push(...some.flatMap(({ id }, index) => (states[index] ? [id] : [])))
      }
      for (const id of lost) owned.delete(id)
      return lost
    },
    holds: async (id) => (await renewedAs(id)) !== 0,
    async release(id) {
      owned.delete(id)
      await run(RELEASE_CALL, id, instance)
    },
    async remove(id) {
      owned.delete(id)
      await run(REMOVE_CALL, id)
    },
    take,
    async ask(id) {
      const owner = await connection.ask((client) => client.hget(keys.call(id), 'owner'), WRITE_TIMEOUT_MS)
      if (!owner) return owner === ''
      const heard = await connection.ask((client) => client.publish(keys.callsChannel(owner), id), WRITE_TIMEOUT_MS)
      // In a cluster the answer counts the listeners of one node only.
      return connection.client.isCluster || Number(heard) > 0
    },
    onAsked(callback) {
      onAsked = callback
    },
    async listen() {
      if (subscriber.isReady()) await subscriber.ask((client) => client.subscribe(channel), WRITE_TIMEOUT_MS).catch(() => undefined)
    },
    async adopt(most) {
      const ids = await connection.ask((client) => client.eval(OWNERLESS_CALLS, 1, keys.calls, most, clock()), WRITE_TIMEOUT_MS)
      const found = await Promise.all((Array.isArray(ids) ? ids : []).map((id) => take(String(id))))
      return found.flatMap((record) => record ?? [])
    },
    async find(id) {
      return recordIn(id, await connection.ask((client) => client.hmget(keys.call(id), ...FIELDS), WRITE_TIMEOUT_MS))
    },
  }
}

function recordIn(id: string, fields: unknown): CallRecord | undefined {
  const [callId, upstream, caller, since, sealed] = Array.isArray(fields) ? fields : []
  if (typeof callId !== 'string' || typeof upstream !== 'string') return undefined
  return { id, placed: { callId, upstream }, caller: String(caller ?? ''), since: Number(since ?? 0), sealed: String(sealed ?? '') }
}

/** `local` has those that could not be written. */
export function createRedisTickets(connection: RedisConnection, keys: RedisKeys, local: CallTickets): CallTickets {
  return {
    async keep(name, sealed, ttlMs) {
      try {
        await connection.ask((client) => client.set(keys.ticket(name), sealed, 'PX', ttlMs), WRITE_TIMEOUT_MS, true)
      } catch {
        await local.keep(name, sealed, ttlMs)
      }
    },
    async take(name) {
      const here = await local.take(name)
      // Also one that is here: Redis may have written it after the time was over.
      const kept = await connection.ask((client) => client.getdelBuffer(keys.ticket(name)), WRITE_TIMEOUT_MS, true).catch(() => undefined)
      return here ?? kept ?? undefined
    },
    async has(name) {
      return (await local.has(name)) || (await connection.ask((client) => client.exists(keys.ticket(name)), WRITE_TIMEOUT_MS, true)) === 1
    },
  }
}

/** `local` decides while Redis is away. It knows every name that was asked for here, so none is first again when Redis goes or returns. */
export function createRedisOnce(connection: RedisConnection, keys: RedisKeys, local: Once): Once {
  return {
    async isFirst(name, ttlMs) {
      if (!(await local.isFirst(name, ttlMs))) return false
      return connection
        .ask((client) => client.set(keys.once(name), '1', 'PX', ttlMs, 'NX'), DECISION_TIMEOUT_MS)
        .then(
          (answer) => answer === 'OK',
          () => true,
        )
    },
  }
}
