// The Lua scripts decide as core does: properties over any reports and takes, on a real Redis.
import { Redis } from 'ioredis'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import { type LimitSource, PROVIDER_HEAD_START_MS, SOURCE_RANK } from '../../src/core/limits/merge.js'
import { applyReported, isUse, type LimitPicture } from '../../src/core/limits/picture.js'
import { type Bucket, isFull, takeTokens } from '../../src/core/limits/token-bucket.js'
import type { Store } from '../../src/ports/store.js'
import { createRedisStore, type RedisStoreOptions } from '../../src/store/redis/store.js'
import { fc } from '../support/property.js'
import { uniquePrefix } from '../support/redis.js'

const url = process.env.REDIS_URL ?? ''
const T = Date.UTC(2026, 10, 25, 12)
const raw = new Redis(url)
const eventually = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 5_000, interval: 10 })

async function openStore(prefix: string, rest: Partial<RedisStoreOptions> = {}): Promise<Store> {
  const store = createRedisStore({ url: new Secret(url), keyPrefix: prefix, usageRetentionDays: 35, ...rest })
  await eventually(async () => expect(await store.health()).toMatchObject({ status: 'ok' }))
  return store
}

afterAll(() => raw.disconnect())

describe('Lua and core decide alike', () => {
  it('reports in any order from any instance lead to the picture that core computes', async () => {
    const prefix = uniquePrefix()
    const stores = [await openStore(prefix), await openStore(prefix)]
    const headStart = PROVIDER_HEAD_START_MS
    const number = fc.option(fc.constantFrom(0, 1, 2.5, 1e6), { nil: undefined })
    const anyReport = fc.record({
      instance: fc.constantFrom(0, 1),
      name: fc.constantFrom('tokens', 'requests'),
      source: fc.constantFrom(...(Object.keys(SOURCE_RANK) as LimitSource[])),
      at: fc.constantFrom(0, 1, 59_999, 60_000, headStart, headStart + 1),
      limit: number,
      remaining: number,
      resetSeconds: number,
      used: fc.option(fc.constantFrom(1, 2.5, 100), { nil: undefined }),
      onceId: fc.option(fc.constantFrom('resp_1', 'resp_2', 'resp_3'), { nil: undefined }),
    })
    let run = 0
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(anyReport, { minLength: 1, maxLength: 12 }), async (reports) => {
          const deployment = `d${run++}`
          const pictures = new Map<string, LimitPicture>()
          const ids = new Set<string>()
          let logged = 0
          for (const { instance, name, source, at, onceId: id, ...numbers } of reports) {
            const counts = isUse({ name, ...(numbers.used !== undefined && { used: numbers.used }) }, source, T + at)
            // An id stands for one response. Of two reports under one id, the first counts.
            const onceId = id !== undefined && counts && !ids.has(id) ? id : undefined
            if (onceId !== undefined) ids.add(onceId)
            const reported = { name, ...Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== undefined)) }
            const report = { deployment, source, at: T + at, limits: [reported], ...(onceId !== undefined && { onceId }) }
            stores[instance]?.limits.recordLimits(report)
            const picture = applyReported(pictures.get(name) ?? {}, reported, source, T + at)
            if (picture.shown) pictures.set(name, picture)
            if (counts || numbers.limit !== undefined || numbers.remaining !== undefined || numbers.resetSeconds !== undefined) logged++
            if (logged % 3 === 0) await eventually(async () => expect(await raw.xlen(`${prefix}limits:{${deployment}}:log`)).toBe(logged))
            if (onceId === undefined) continue
            // The other instance reports the same response again.
            stores[1 - instance]?.limits.recordLimits({ ...report, limits: [{ name, used: Number(numbers.used) }] })
            logged++
          }
          await eventually(async () => expect(await raw.xlen(`${prefix}limits:{${deployment}}:log`)).toBe(logged))
          const seen = Object.fromEntries(((await stores[0]?.limits.limitsOf(deployment)) ?? []).map((state) => [state.name, state]))
          const expected = Object.fromEntries(
            [...pictures].map(([name, { shown, window }]) => [name, { ...shown, ...(window && { used: window.used, usedFrom: window.from }) }] as const),
          )
          expect(seen, JSON.stringify(reports)).toEqual(expected)
        }),
        { numRuns: 60 },
      )
    } finally {
      await Promise.all(stores.map((store) => store.close(1_000)))
    }
  })

  it('a bucket in Redis grants what core’s arithmetic grants', async () => {
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
            // The store deletes a full bucket, and with it a time ahead of a clock that was set back.
            bucket = isFull(expected.bucket, rule, now) ? undefined : expected.bucket
            const seen = await store.rates.take(key, cost, rule)
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
