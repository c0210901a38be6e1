// The Redis store on a healthy server: its contract, its keys, and several instances on one Redis.
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import type { Identity } from '../../src/ports/caller.js'
import type { LimitReport, Store } from '../../src/ports/store.js'
import { createRedisStore, type RedisStoreOptions } from '../../src/store/redis/store.js'
import { storeContract } from '../contract/store.js'
import { uniquePrefix } from '../support/redis.js'

const url = process.env.REDIS_URL ?? ''
const T = Date.UTC(2026, 10, 25, 12)
const raw = new Redis(url)
const eventually = (check: () => Promise<void> | void) => vi.waitFor(check, { timeout: 5_000, interval: 10 })

async function openStore(prefix: string, rest: Partial<RedisStoreOptions> = {}): Promise<Store> {
  const store = createRedisStore({ url: new Secret(url), keyPrefix: prefix, usageRetentionDays: 35, ...rest })
  await eventually(async () => expect(await store.health()).toMatchObject({ status: 'ok' }))
  return store
}

function stored(hash: Record<string, string>): Record<string, number> {
  return Object.fromEntries(Object.entries(hash).map(([name, value]) => [name, Number(value)]))
}

afterAll(() => raw.disconnect())

const prefixes = new WeakMap<Store, string>()
storeContract('Redis', async () => {
  const prefix = uniquePrefix()
  return {
    shared: true,
    open: async (now) => {
      const store = await openStore(prefix, { now, reserveTimeoutMs: 5_000 })
      prefixes.set(store, prefix)
      return store
    },
    usageOf: async (store, subject, day) => stored(await raw.hgetall(`${prefixes.get(store)}usage:{${subject}}:${day}`)),
  }
})

describe('Redis keys', () => {
  let prefix: string
  let store: Store
  beforeEach(async () => {
    prefix = uniquePrefix()
    store = await openStore(prefix)
  })
  afterEach(() => store.close(2_000))

  const report = (rest: Partial<LimitReport>): LimitReport => ({ deployment: 'gpt-realtime', source: 'event', at: T, limits: [{ name: 'tokens', remaining: 1 }], ...rest })

  it('limits:{deployment} holds the latest report of each limit, and nothing that report left out', async () => {
    store.limits.recordLimits(report({ limits: [{ name: 'tokens', limit: 15_000_000, remaining: 14_998_954.5, resetSeconds: 0.004 }] }))
    await eventually(async () =>
      expect(await raw.hgetall(`${prefix}limits:{gpt-realtime}`)).toEqual({
        'tokens.limit': '15000000',
        'tokens.remaining': '14998954.5',
        'tokens.reset_at': String(T + 4),
        'tokens.source': 'event',
        'tokens.at': String(T),
      }),
    )
    store.limits.recordLimits(report({ source: 'http_429', at: T + 1, limits: [{ name: 'tokens', remaining: 0 }] }))
    await eventually(async () =>
      expect(await raw.hgetall(`${prefix}limits:{gpt-realtime}`)).toEqual({ 'tokens.remaining': '0', 'tokens.source': 'http_429', 'tokens.at': String(T + 1) }),
    )
  })

  it('limits:{deployment}:log holds every report, one entry per name, even an outdated one', async () => {
    const two = [
      { name: 'requests', limit: 10, remaining: 9, resetSeconds: 6.5 },
      { name: 'tokens', remaining: 1.5 },
    ]
    store.limits.recordLimits(report({ limits: two, sessionId: 'sess_1', subject: 'al ice:{}' }))
    store.limits.recordLimits(report({ at: T - 5, source: 'usage' }))
    await eventually(async () => expect(await raw.xlen(`${prefix}limits:{gpt-realtime}:log`)).toBe(3))
    const entries = (await raw.xrange(`${prefix}limits:{gpt-realtime}:log`, '-', '+')).map(([, fields]) => fields)
    expect(entries).toEqual([
      ['at', String(T), 'name', 'requests', 'source', 'event', 'limit', '10', 'remaining', '9', 'reset_seconds', '6.5', 'session', 'sess_1', 'subject', 'al ice:{}'],
      ['at', String(T), 'name', 'tokens', 'source', 'event', 'remaining', '1.5', 'session', 'sess_1', 'subject', 'al ice:{}'],
      ['at', String(T - 5), 'name', 'tokens', 'source', 'usage', 'remaining', '1'],
    ])
  })

  it('limits:{deployment} holds what was used of a limit, and :log what each response used', async () => {
    store.limits.recordLimits(report({ source: 'usage', limits: [{ name: 'tokens', used: 70.5 }], onceId: 'resp_1', sessionId: 'sess_1', subject: 'alice' }))
    const minute = { 'tokens.used': '70.5', 'tokens.used_from': String(T), 'tokens.reset_at': String(T + 60_000), 'tokens.source': 'usage', 'tokens.at': String(T) }
    await eventually(async () => expect(await raw.hgetall(`${prefix}limits:{gpt-realtime}`)).toEqual(minute))
    const [entry] = await raw.xrange(`${prefix}limits:{gpt-realtime}:log`, '-', '+')
    expect(entry?.[1]).toEqual(['at', String(T), 'name', 'tokens', 'source', 'usage', 'used', '70.5', 'session', 'sess_1', 'subject', 'alice'])
    expect((await raw.pttl(`${prefix}limits:{gpt-realtime}:once`)) / 60_000).toBeCloseTo(10, 1)
  })

  it('keeps the log near ten thousand entries', async () => {
    for (let i = 0; i < 9_900; i++) store.limits.recordLimits(report({ at: T + i }))
    await eventually(async () => expect(await raw.xlen(`${prefix}limits:{gpt-realtime}:log`)).toBe(9_900))
    for (let i = 9_900; i < 19_800; i++) store.limits.recordLimits(report({ at: T + i }))
    await eventually(async () => expect(await raw.hget(`${prefix}limits:{gpt-realtime}`, 'tokens.at')).toBe(String(T + 19_799)))
    await store.close(5_000)
    const length = await raw.xlen(`${prefix}limits:{gpt-realtime}:log`)
    expect(length).toBeGreaterThanOrEqual(10_000)
    expect(length).toBeLessThan(10_200)
  })

  it('usage expires after the configured days, ids after two days', async () => {
    store.usage.recordUsage({ subject: 'alice', deployment: 'd', at: T, counters: { responses: 1 }, onceId: 'resp_1' })
    await eventually(async () => expect(await raw.exists(`${prefix}usage:{alice}:2026-11-25`)).toBe(1))
    expect((await raw.pttl(`${prefix}usage:{alice}:2026-11-25`)) / 86_400_000).toBeCloseTo(35, 2)
    expect((await raw.pttl(`${prefix}usage:{alice}:once`)) / 86_400_000).toBeCloseTo(2, 2)
  })

  it('lease:{subject} scores sessions by their expiry on the server’s clock, and leases and buckets expire', async () => {
    const lease = await store.leases.lease('alice', 'sess_1', 2)
    const [member, score] = await raw.zrange(`${prefix}lease:{alice}`, '0', '-1', 'WITHSCORES')
    expect(member).toBe('sess_1')
    expect(Math.abs(Number(score) - (Date.now() + 30_000))).toBeLessThan(5_000)
    await store.rates.take('connect:alice', 1, { perSecond: 1, burst: 2 })
    for (const key of ['lease:{alice}', 'bucket:{connect%3Aalice}']) expect(await raw.pttl(prefix + key), key).toBeGreaterThan(0)
    lease?.release()
    await eventually(async () => expect(await raw.exists(`${prefix}lease:{alice}`)).toBe(0))
  })

  it('revoked scores token ids and subjects by the end of their revocation', async () => {
    const until = Date.now() + 60_000
    await store.revocations.revoke({ tokenId: 't1', subject: 'alice' }, until)
    expect(await raw.zrange(`${prefix}revoked`, '0', '-1', 'WITHSCORES')).toEqual(['jti:t1', String(until), 'sub:alice', String(until)])
  })

  it("encodes every character of a claim but letters, digits and -_.!~*'(), so that no claim forges a key", async () => {
    const subject = 'a}:2026-11-25 {ü\u0000\ud800%'
    await store.leases.lease(subject, 's', 1)
    store.usage.recordUsage({ subject, deployment: 'd', at: T, counters: { responses: 1 } })
    const encoded = 'a%7D%3A2026-11-25%20%7B%C3%BC%00%uD800%25'
    await eventually(async () => expect(await raw.exists(`${prefix}usage:{${encoded}}:2026-11-25`, `${prefix}lease:{${encoded}}`)).toBe(2))
  })
})

describe('several instances on one Redis', () => {
  let prefix: string
  let stores: Store[]
  let now: number
  beforeEach(async () => {
    prefix = uniquePrefix()
    now = Date.now()
    stores = await Promise.all([1, 2, 3].map(() => openStore(prefix, { now: () => now, leaseTtlMs: 30_000 })))
  })
  afterEach(() => Promise.all(stores.map((store) => store.close(2_000))))

  it('racing reports end in the newest, whichever instance made it', async () => {
    const ats = Array.from({ length: 300 }, (_, i) => T + ((i * 7919) % 300))
    ats.forEach((at, i) => void stores[i % 3]?.limits.recordLimits({ deployment: 'd', source: 'event', at, limits: [{ name: 'tokens', remaining: at - T }] }))
    await eventually(async () => expect(await raw.xlen(`${prefix}limits:{d}:log`)).toBe(300))
    expect(await stores[0]?.limits.limitsOf('d')).toEqual([{ name: 'tokens', remaining: 299, source: 'event', at: T + 299 }])
  })

  it('share places, and the places of a dead instance expire', async () => {
    const [first, second] = stores as [Store, Store]
    expect(await first.leases.lease('alice', 's1', 2)).toBeDefined()
    expect(await second.leases.lease('alice', 's2', 2)).toBeDefined()
    expect(await second.leases.lease('alice', 's3', 2)).toBeUndefined()
    expect(await raw.zcard(`${prefix}lease:{alice}`)).toBe(2)
    now += 30_000
    expect(await second.leases.lease('alice', 's4', 1), 'no heartbeat renewed the two').toBeDefined()
  })

  it('a heartbeat renews places, but not after their release', async () => {
    const busy = await openStore(prefix, { now: () => now, leaseTtlMs: 1_000, heartbeatMs: 20 })
    stores.push(busy)
    const lease = await busy.leases.lease('alice', 's1', 1)
    for (let i = 0; i < 5; i++) {
      now += 900
      await eventually(async () => expect(Number(await raw.zscore(`${prefix}lease:{alice}`, 's1'))).toBe(now + 1_000))
    }
    lease?.release()
    await eventually(async () => expect(await raw.exists(`${prefix}lease:{alice}`)).toBe(0))
    expect(await stores[0]?.leases.lease('alice', 's2', 1)).toBeDefined()
  })

  it('share buckets', async () => {
    const rule = { perSecond: 1, burst: 3 }
    const answers = await Promise.all(stores.flatMap((store) => [store.rates.take('k', 1, rule), store.rates.take('k', 1, rule)]))
    expect(answers.filter(({ ok }) => ok)).toHaveLength(3)
  })

  it('use adds up over instances, once per response', async () => {
    const use = (store: Store | undefined, used: number, onceId: string) =>
      store?.limits.recordLimits({ deployment: 'd', source: 'usage', at: T, limits: [{ name: 'tokens', used }], onceId })
    for (const [i, store] of stores.entries()) use(store, 100, `resp_${i}`)
    for (const store of stores) use(store, 7, 'resp_shared')
    await eventually(async () => expect(await raw.xlen(`${prefix}limits:{d}:log`)).toBe(6))
    expect(await raw.hget(`${prefix}limits:{d}`, 'tokens.used')).toBe('307')
  })

  it('a usage id counts once, whichever instance reports it', async () => {
    for (const store of stores) store.usage.recordUsage({ subject: 'alice', deployment: 'd', at: T, counters: { input_tokens: 5 }, onceId: 'resp_1' })
    for (const store of stores) store.usage.recordUsage({ subject: 'alice', deployment: 'd', at: T, counters: { sessions: 1 } })
    await eventually(async () => expect(await raw.hgetall(`${prefix}usage:{alice}:2026-11-25`)).toEqual({ input_tokens: '5', sessions: '3' }))
  })

  it('a revocation reaches every instance once, within a second', async () => {
    const heard: string[] = []
    stores.forEach((store, i) => void store.revocations.onRevoked((revoked) => void heard.push(`${i}:${revoked.tokenId ?? revoked.subject}`)))
    const start = performance.now()
    await stores[1]?.revocations.revoke({ subject: 'mallory' }, now + 60_000)
    await stores[1]?.revocations.revoke({ tokenId: 't9' }, now + 60_000)
    await eventually(() => expect(heard.sort()).toEqual(['0:mallory', '0:t9', '1:mallory', '1:t9', '2:mallory', '2:t9']))
    expect(performance.now() - start).toBeLessThan(1_000)
    const identity: Identity = { subject: 'mallory', issuer: undefined, tokenId: undefined, expiresAtMs: 0, claims: {} }
    expect(await Promise.all(stores.map((store) => store.revocations.isRevoked(identity)))).toEqual([true, true, true])
  })

  it('close writes what is queued and gives places back', async () => {
    const [store] = stores as [Store]
    await store.leases.lease('alice', 's1', 1)
    store.limits.recordLimits({ deployment: 'd', source: 'event', at: T, limits: [{ name: 'tokens', remaining: 3 }] })
    store.usage.recordUsage({ subject: 'alice', deployment: 'd', at: T, counters: { responses: 1 } })
    await store.close(2_000)
    expect(await raw.hget(`${prefix}limits:{d}`, 'tokens.remaining')).toBe('3')
    expect(await raw.hget(`${prefix}usage:{alice}:2026-11-25`, 'responses')).toBe('1')
    expect(await raw.exists(`${prefix}lease:{alice}`)).toBe(0)
  })
})
