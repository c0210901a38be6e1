// What instances say of themselves through Redis while somebody watches: as soon as they are asked, no longer than that, and nothing that another wrote is trusted.
import { Redis } from 'ioredis'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { parseRedisUrl } from '../../src/config/redis-url.js'
import { readPart } from '../../src/store/live-part.js'
import { connectRedis, type RedisConnection } from '../../src/store/redis/connection.js'
import { redisKeys } from '../../src/store/redis/keys.js'
import { createRedisLive, type RedisLive } from '../../src/store/redis/live.js'
import { liveCounts, livePart, liveSession } from '../support/live-part.js'
import { uniquePrefix } from '../support/redis.js'

const url = process.env.REDIS_URL ?? ''
const raw = new Redis(url)
const open: { close(): void }[] = []
const eventually = (check: () => Promise<void> | void) => vi.waitFor(check, { timeout: 8000, interval: 20 })

afterEach(() => {
  for (const one of open.splice(0)) one.close()
})
afterAll(() => raw.disconnect())

async function connect(): Promise<RedisConnection> {
  const connection = connectRedis(parseRedisUrl(url), { ready: () => undefined, lost: () => undefined, problem: () => undefined })
  open.push(connection)
  await eventually(() => expect(connection.isReady()).toBe(true))
  return connection
}

/** As its store lists it, and listens for it. */
async function instance(prefix: string, name: string, watchedMs?: number): Promise<RedisLive & { readonly made: number[] }> {
  const keys = redisKeys(prefix)
  const [connection, subscriber] = [await connect(), await connect()]
  await subscriber.client.subscribe(keys.revokedChannel)
  await raw.zadd(keys.instances, '9999999999999', name)
  const live = createRedisLive({ connection, subscriber, keys, instance: name, ...(watchedMs !== undefined && { watchedMs }) })
  open.push({ close: live.stop })
  const made: number[] = []
  live.share(async (most) => {
    made.push(most)
    return livePart({ version: name, listed: [liveSession({ id: `of-${name}` })] })
  })
  return { ...live, made }
}

describe('instances that share a Redis', () => {
  it('say nothing until one is asked, then all do at once, and stop when nobody asks any more', async () => {
    const prefix = uniquePrefix()
    const [a, b] = [await instance(prefix, 'a', 1500), await instance(prefix, 'b', 1500)]
    expect(await a.parts()).toEqual(
      new Map([
        ['a', undefined],
        ['b', undefined],
      ]),
    )
    expect([a.made, b.made]).toEqual([[], []])
    await a.watch(70)
    await eventually(async () =>
      expect([...(await a.parts())].map(([name, part]) => [name, part?.listed[0]?.id])).toEqual([
        ['a', 'of-a'],
        ['b', 'of-b'],
      ]),
    )
    expect(b.made).toEqual([70])
    expect(await raw.pttl(redisKeys(prefix).live('b'))).toBeGreaterThan(0)
    await eventually(() => expect(b.made.length).toBeGreaterThan(1))
    // The time for which they were asked is over when what they wrote has expired.
    await eventually(async () => expect(await raw.exists(redisKeys(prefix).live('a'), redisKeys(prefix).live('b'))).toBe(0))
    expect(Math.max(a.made.length, b.made.length)).toBeLessThanOrEqual(3)
  })

  it('share what pseudonyms are made with, for a day', async () => {
    const prefix = uniquePrefix()
    const [a, b] = [await instance(prefix, 'a'), await instance(prefix, 'b')]
    const key = await a.pseudonymKey()
    expect(key.length).toBeGreaterThan(40)
    expect(await b.pseudonymKey()).toBe(key)
    expect(await raw.ttl(redisKeys(prefix).pseudonyms)).toBeGreaterThan(86_000)
  })
})

describe('what another process wrote', () => {
  it('is read as it was written', () => {
    const part = livePart({ listed: [liveSession()], money: 1.5, currency: 'USD' })
    expect(readPart(JSON.stringify(part))).toEqual(part)
  })

  it.each([
    ['nothing', null],
    ['no JSON', '{'],
    ['another version', JSON.stringify({ ...livePart(), v: 2 })],
    ['a count that is text', JSON.stringify({ ...livePart(), sessions: '5' })],
    ['a session without an id', JSON.stringify(livePart({ listed: [{ ...liveSession(), id: undefined as unknown as string }] }))],
    ['a cause that is a number', JSON.stringify(livePart({ counts: liveCounts({ causes: [{ kind: 'x', cause: 5 as unknown as string, recent: 0, total: 0 }] }) }))],
    ['a list in place of an object', JSON.stringify([])],
    ['more sessions than a part may list', JSON.stringify(livePart({ listed: Array.from({ length: 1001 }, () => liveSession()) }))],
    ['more than a megabyte', JSON.stringify({ ...livePart(), more: 'x'.repeat(1_000_000) })],
  ])('%s counts as silence', (_name, json) => {
    expect(readPart(json)).toBeUndefined()
  })
})
