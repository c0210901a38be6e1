// The Redis store behind a sentinel: it finds the master, and writes the last state to the new one after a failover.
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import { createRedisStore } from '../../src/store/redis/store.js'
import { redisBinary, uniquePrefix } from '../support/redis.js'
import { type OwnSentinel, startSentinel } from './redis-sentinel.js'

const available = redisBinary() !== undefined

describe.skipIf(!available)(`Redis Sentinel${available ? '' : ' (skipped: no redis-server or valkey-server on this machine)'}`, () => {
  let own: OwnSentinel
  beforeAll(async () => {
    own = await startSentinel()
  })
  afterAll(() => own.stop())

  it('continues on the new master after the old one is killed', async () => {
    const prefix = uniquePrefix()
    const store = createRedisStore({ url: new Secret(own.url), keyPrefix: prefix, usageRetentionDays: 35 })
    const healthy = () => vi.waitFor(async () => expect(await store.health()).toMatchObject({ status: 'ok' }), { timeout: 15_000, interval: 20 })
    await healthy()
    await own.master.kill()
    store.limits.recordLimits({ deployment: 'd', source: 'event', at: Date.now(), limits: [{ name: 'tokens', remaining: 7 }] })
    await healthy()
    const promoted = new Redis(own.replica.url)
    await vi.waitFor(async () => expect(await promoted.hget(`${prefix}limits:{d}`, 'tokens.remaining')).toBe('7'), { timeout: 5_000, interval: 20 })
    promoted.disconnect()
    await store.close(500)
  })
})
