// Decisions made in Lua are the ones core makes: properties over any reports and any takes, against a real Redis.
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { compareLimits, type LimitRecord, mergeLimit, PROVIDER_HEAD_START_MS, toLimitRecord } from '../../src/core/limit-merge.js'
import { Secret } from '../../src/core/secret.js'
import { type Bucket, takeTokens } from '../../src/core/token-bucket.js'
import { createRedisStore, type RedisStoreOptions } from '../../src/limits/redis.js'
import type { LimitStore } from '../../src/ports.js'
import { uniquePrefix } from '../support/redis.js'

const url = process.env.REDIS_URL ?? ''
const T = Date.UTC(2026, 10, 25, 12)
const raw = new Redis(url)
const eventually = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 5_000, interval: 10 })

async function openStore(prefix: string, rest: Partial<RedisStoreOptions> = {}): Promise<LimitStore> {
  const store = createRedisStore({ url: new Secret(url), keyPrefix: prefix, usageRetentionDays: 35, ...rest })
  await eventually(async () => expect(await store.health()).toMatchObject({ status: 'ok' }))
  return store
}

afterAll(() => raw.disconnect())

describe('Lua and core decide alike', () => {
  it('any order of reports from any relay converges to the picture core computes', async () => {
    const prefix = uniquePrefix()
    const stores = [await openStore(prefix), await openStore(prefix)]
    const hold = PROVIDER_HEAD_START_MS
    const number = fc.option(fc.constantFrom(0, 1, 2.5, 1e6), { nil: undefined })
    const anyReport = fc.record({
      relay: fc.constantFrom(0, 1),
      name: fc.constantFrom('tokens', 'requests'),
      source: fc.constantFrom<LimitRecord['source']>('event', 'usage', 'http_429'),
      at: fc.constantFrom(0, 1, hold, hold + 1),
      limit: number,
      remaining: number,
      resetSeconds: number,
    })
    let run = 0
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(anyReport, { minLength: 1, maxLength: 12 }), async (reports) => {
          const deployment = `d${run++}`
          const records: LimitRecord[] = []
          for (const { relay, name, source, at, ...numbers } of reports) {
            const reported = { name, ...Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== undefined)) }
            stores[relay]?.recordLimits({ deployment, source, at: T + at, limits: [reported] })
            const record = toLimitRecord(reported, source, T + at)
            if (record) records.push(record)
            if (record && records.length % 3 === 0) await eventually(async () => expect(await raw.xlen(`${prefix}limits:{${deployment}}:log`)).toBe(records.length))
          }
          await eventually(async () => expect(await raw.xlen(`${prefix}limits:{${deployment}}:log`)).toBe(records.length))
          const expected = new Map<string, LimitRecord>()
          for (const record of records) expected.set(record.name, mergeLimit(expected.get(record.name), record))
          const seen = (await stores[0]?.limitsOf(deployment)) ?? []
          expect(seen.map(({ name }) => name).sort()).toEqual([...expected.keys()].sort())
          for (const state of seen) expect(compareLimits(state, expected.get(state.name) as LimitRecord), JSON.stringify([state, reports])).toBe(0)
        }),
        { numRuns: 40 },
      )
    } finally {
      await Promise.all(stores.map((store) => store.close(1_000)))
    }
  })

  it('a bucket in Redis grants what the arithmetic grants', async () => {
    let now = T
    const store = await openStore(uniquePrefix(), { now: () => now })
    const step = fc.record({ wait: fc.integer({ min: -50, max: 3_000 }), cost: fc.constantFrom(0, 1, 2, 0.5, 9) })
    const rules = fc.record({ perSecond: fc.constantFrom(0, 0.3, 1, 7), burst: fc.constantFrom(1, 4.5) })
    let run = 0
    try {
      await fc.assert(
        fc.asyncProperty(rules, fc.array(step, { minLength: 1, maxLength: 15 }), async (rule, steps) => {
          const key = `k${run++}`
          let bucket: Bucket | undefined
          for (const { wait, cost } of steps) {
            now += wait
            const expected = takeTokens(bucket, cost, rule, now)
            bucket = expected.bucket
            const seen = await store.take(key, cost, rule)
            expect(seen.ok).toBe(expected.ok)
            expect(Math.abs(seen.retryAfterMs - expected.retryAfterMs)).toBeLessThanOrEqual(1)
          }
        }),
        { numRuns: 60 },
      )
    } finally {
      await store.close(1_000)
    }
  })
})
