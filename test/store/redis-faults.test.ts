// The Redis store while Redis is killed, frozen, paused, read-only, full or absent: answers stay fast, nothing throws, the last state is written.
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import type { Identity } from '../../src/ports/caller.js'
import type { Store } from '../../src/ports/store.js'
import { createRedisStore, type RedisStoreOptions } from '../../src/store/redis/store.js'
import { freePort, type OwnRedis, startRedis, uniquePrefix } from '../support/redis.js'

const T = Date.UTC(2026, 10, 25, 12)
const RECOVERY_MS = 2_000
const identity = (subject: string): Identity => ({ subject, issuer: undefined, tokenId: undefined, expiresAtMs: 0, claims: {} })
const eventually = (check: () => Promise<void> | void, timeout = 8_000) => vi.waitFor(check, { timeout, interval: 10 })

let server: OwnRedis
let raw: Redis
let prefix: string
let store: Store
let logged: { level: string; msg: string }[]
const open: Store[] = []

function createStore(rest: Partial<RedisStoreOptions> = {}): Store {
  const made = createRedisStore({ url: new Secret(server.url), keyPrefix: prefix, usageRetentionDays: 35, log: (event) => void logged.push(event), ...rest })
  open.push(made)
  return made
}

const healthy = (of: Store) => eventually(async () => expect(await of.health()).toMatchObject({ status: 'ok' }))
const report = (remaining: number, at = T + remaining) => store.limits.recordLimits({ deployment: 'd', source: 'event', at, limits: [{ name: 'tokens', remaining }] })
const used = (onceId?: string) => store.usage.recordUsage({ subject: 'alice', deployment: 'd', at: T, counters: { responses: 1 }, ...(onceId !== undefined && { onceId }) })
const remaining = () => raw.hget(`${prefix}limits:{d}`, 'tokens.remaining')

/** The store answers every question of a session or a caller within the bound, without Redis. */
async function decidesAlone(of: Store, boundMs = 600): Promise<void> {
  const start = performance.now()
  const rule = { perSecond: 0.001, burst: 1 }
  const key = `alone:${start}`
  const [first, lease, revoked] = await Promise.all([of.rates.take(key, 1, rule), of.leases.lease(key, 's1', 1), of.revocations.isRevoked(identity(key))])
  expect({ first: first.ok, lease: lease !== undefined, revoked }).toEqual({ first: true, lease: true, revoked: false })
  expect(await of.rates.take(key, 1, rule)).toMatchObject({ ok: false })
  expect(await of.leases.lease(key, 's2', 1)).toBeUndefined()
  lease?.release()
  expect(await of.leases.lease(key, 's3', 1)).toBeDefined()
  expect(performance.now() - start).toBeLessThan(boundMs)
}

async function recovers(since: number): Promise<void> {
  await eventually(async () => expect(await remaining()).toBe('999'), RECOVERY_MS + 2_000)
  expect(performance.now() - since).toBeLessThan(RECOVERY_MS)
}

beforeAll(async () => {
  server = await startRedis()
  raw = new Redis(server.url, { maxRetriesPerRequest: null, retryStrategy: () => 20 })
  raw.on('error', () => undefined)
})
afterAll(async () => {
  raw.disconnect()
  await server.stop()
})
beforeEach(async () => {
  prefix = uniquePrefix()
  logged = []
  store = createStore()
  await healthy(store)
})
afterEach(async () => {
  server.thaw()
  await Promise.all(open.splice(0).map((one) => one.close(500)))
  for (const { msg } of logged) expect(msg).toMatch(/^(redis (is|does|refuses|holds|shows) [a-z -]+|records [a-z ]+)$/)
})

describe('Redis faults', () => {
  it('killed and restarted empty: writes the last state, every count, places and revocations again', async () => {
    report(1)
    await eventually(async () => expect(await remaining()).toBe('1'))
    const lease = await store.leases.lease('alice', 'sess_1', 1)
    await store.revocations.revoke({ subject: 'mallory' }, Date.now() + 60_000)
    await server.kill()
    await eventually(async () => expect(await store.health()).toEqual({ status: 'degraded', detail: 'redis is not connected' }))
    for (let i = 2; i <= 999; i++) report(i)
    used()
    used('resp_1')
    used('resp_1')
    await expect(store.limits.limitsOf('d')).rejects.toThrow('redis is not connected')
    await decidesAlone(store, 240)
    await expect(store.revocations.revoke({ subject: 'eve' }, Date.now() + 60_000)).rejects.toThrow('redis is not connected')
    expect(await store.revocations.isRevoked(identity('eve'))).toBe(true)
    await server.restart()
    await recovers(performance.now())
    await eventually(async () => expect(await raw.hget(`${prefix}usage:{alice}:2026-11-25`, 'responses')).toBe('2'))
    await eventually(async () => expect(await raw.zrange(`${prefix}lease:{alice}`, '0', '-1')).toEqual(['sess_1']))
    await eventually(async () => expect((await raw.zrange(`${prefix}revoked`, '0', '-1')).sort()).toEqual(['sub:eve', 'sub:mallory']))
    expect(await raw.xlen(`${prefix}limits:{d}:log`)).toBe(998)
    lease?.release()
    await healthy(store)
    expect(logged.map(({ msg }) => msg)).toEqual(expect.arrayContaining(['redis is connected', 'redis is not connected']))
  })

  it('frozen: answers in time, and counts reports once even if Redis’s answer was lost', async () => {
    used()
    await eventually(async () => expect(await raw.hget(`${prefix}usage:{alice}:2026-11-25`, 'responses')).toBe('1'))
    server.freeze()
    for (let i = 1; i <= 999; i++) report(i)
    used()
    used('resp_1')
    await decidesAlone(store)
    await decidesAlone(store, 240)
    expect(await store.health()).toMatchObject({ status: 'degraded', detail: 'redis does not answer' })
    used()
    await eventually(() => expect(logged).toContainEqual({ level: 'warn', msg: 'redis does not answer' }))
    server.thaw()
    await recovers(performance.now())
    await eventually(async () => expect(await raw.hget(`${prefix}usage:{alice}:2026-11-25`, 'responses')).toBe('4'))
    expect(await raw.xlen(`${prefix}limits:{d}:log`), 'each entry once').toBe(999)
    await healthy(store)
  })

  it('frozen in between: what happened once is not taken for new, before, during or after', async () => {
    const first = (name: string) => store.once.isFirst(name, 60_000)
    expect([await first('before'), await first('before')]).toEqual([true, false])
    server.freeze()
    expect([await first('before'), await first('during'), await first('during')]).toEqual([false, true, false])
    server.thaw()
    await healthy(store)
    expect([await first('before'), await first('during'), await first('after')]).toEqual([false, false, true])
  })

  it('frozen while a ticket was kept: the ticket is taken once', async () => {
    server.freeze()
    await store.tickets.keep('ring', Buffer.from('sealed'), 60_000)
    server.thaw()
    await eventually(async () => expect(await raw.keys(`${prefix}*ring*`), 'written late').toHaveLength(1))
    await healthy(store)
    expect(await store.tickets.take('ring')).toEqual(Buffer.from('sealed'))
    expect(await store.tickets.take('ring')).toBeUndefined()
  })

  it('frozen for longer than a connection is kept: writes the last state over a new connection', async () => {
    server.freeze()
    report(999)
    used()
    // By then several copies of both wait in the frozen server, on a connection that the store has dropped.
    await eventually(() => expect(logged).toContainEqual({ level: 'warn', msg: 'redis is not connected' }))
    await decidesAlone(store)
    server.thaw()
    await recovers(performance.now())
    await eventually(async () => expect(await raw.hget(`${prefix}usage:{alice}:2026-11-25`, 'responses')).toBe('1'))
    expect(await raw.xlen(`${prefix}limits:{d}:log`)).toBe(1)
  })

  it('read-only replica: reconnects, and writes when it is a master again', async () => {
    const connections = async () => Number(/total_connections_received:(\d+)/.exec(await raw.info('stats'))?.[1])
    const before = await connections()
    const start = performance.now()
    await raw.replicaof('127.0.0.1', '1')
    for (let i = 1; i <= 999; i++) report(i)
    await decidesAlone(store)
    await eventually(async () => expect(await store.health()).toMatchObject({ status: 'degraded', detail: 'redis is read-only' }))
    await eventually(async () => expect((await connections()) - before).toBeGreaterThanOrEqual(3))
    expect(performance.now() - start, 'one new connection a second').toBeGreaterThan(2_000)
    await raw.replicaof('NO', 'ONE')
    await recovers(performance.now())
    await healthy(store)
  })

  it('full: keeps refused writes, and writes them when there is room', async () => {
    await raw.config('SET', 'maxmemory-policy', 'noeviction')
    await raw.config('SET', 'maxmemory', '1mb')
    for (let i = 1; i <= 999; i++) report(i)
    await decidesAlone(store)
    await eventually(async () => expect(await store.health()).toEqual({ status: 'degraded', detail: 'redis is full' }))
    await raw.config('SET', 'maxmemory', '0')
    await recovers(performance.now())
    await healthy(store)
  })

  it('paused: writes wait, decisions do not', async () => {
    await raw.call('CLIENT', 'PAUSE', '60000', 'WRITE')
    report(999)
    await decidesAlone(store)
    await eventually(() => expect(logged).toContainEqual({ level: 'warn', msg: 'redis does not answer' }))
    expect(await remaining()).toBeNull()
    await raw.call('CLIENT', 'UNPAUSE')
    await recovers(performance.now())
  })

  it('a revocation made while an instance was cut off reaches it when it is back', async () => {
    const heard: unknown[] = []
    store.revocations.onRevoked((revoked) => void heard.push(revoked))
    // In one transaction, so that the store cannot reconnect in between.
    await raw
      .multi()
      .call('CLIENT', 'KILL', 'TYPE', 'pubsub')
      .zadd(`${prefix}revoked`, Date.now() + 60_000, 'sub:mallory')
      .exec()
    await eventually(() => expect(heard).toEqual([{ subject: 'mallory' }]))
  })

  it('a key of another type costs that batch, not the store', async () => {
    await raw.set(`${prefix}limits:{broken}`, 'something else')
    store.limits.recordLimits({ deployment: 'broken', source: 'event', at: T, limits: [{ name: 'tokens', remaining: 1 }] })
    report(999)
    await recovers(performance.now())
    await healthy(store)
    expect(logged).toContainEqual({ level: 'warn', msg: 'redis holds something else under this key' })
  })

  it('close writes what is queued if Redis comes back in time, and ends in time if it does not', async () => {
    await server.kill()
    report(999)
    const closing = store.close(5_000)
    await server.restart()
    await closing
    expect(await remaining()).toBe('999')
    const other = createStore()
    await healthy(other)
    server.freeze()
    other.limits.recordLimits({ deployment: 'd', source: 'event', at: T, limits: [{ name: 'tokens', remaining: 1 }] })
    await other.leases.lease('alice', 's1', 1)
    const start = performance.now()
    await other.close(300)
    expect(performance.now() - start).toBeLessThan(600)
  })
})

describe('a Redis that is absent or refuses the credentials', () => {
  it('starts without Redis and decides alone', async () => {
    const port = await freePort()
    const lonely = createStore({ url: new Secret(`redis://:s3cret-word@127.0.0.1:${port}`) })
    await decidesAlone(lonely, 240)
    expect(await lonely.health()).toEqual({ status: 'degraded', detail: 'redis is not connected' })
    const start = performance.now()
    await lonely.close(200)
    expect(performance.now() - start).toBeLessThan(500)
  })

  it('reports refused credentials, and works as an ACL user with the right ones', async () => {
    await raw.acl('SETUSER', 'relay', 'reset', 'on', '>p@ss/w:rd', `~${prefix}*`, 'resetchannels', `&${prefix}*`, '+@all')
    const wrong = createStore({ url: new Secret(`redis://relay:wrong-word@127.0.0.1:${server.port}`) })
    await eventually(async () => expect(await wrong.health()).toEqual({ status: 'degraded', detail: 'redis refuses the credentials' }))
    const right = createStore({ url: new Secret(`redis://relay:p%40ss%2Fw%3Ard@127.0.0.1:${server.port}/3`) })
    await healthy(right)
    const heard: unknown[] = []
    right.revocations.onRevoked((revoked) => void heard.push(revoked))
    await right.revocations.revoke({ subject: 'mallory' }, Date.now() + 60_000)
    right.limits.recordLimits({ deployment: 'd', source: 'event', at: T, limits: [{ name: 'tokens', remaining: 1 }] })
    await eventually(async () => expect(await right.limits.limitsOf('d')).toHaveLength(1))
    expect(await remaining(), 'in database 3, not 0').toBeNull()
    expect(heard).toEqual([{ subject: 'mallory' }])
    expect(JSON.stringify(logged)).not.toMatch(/word|p@ss|127\.0\.0\.1/)
  })
})
