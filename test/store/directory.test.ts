// The session directory: its contract in process and on Redis, several instances on one Redis, and instances that die or lose Redis.
import { Redis } from 'ioredis'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import type { EndTarget } from '../../src/ports/directory.js'
import type { Store } from '../../src/ports/store.js'
import { createMemoryStore } from '../../src/store/memory/store.js'
import { createRedisStore, type RedisStoreOptions } from '../../src/store/redis/store.js'
import { sessionDirectoryContract } from '../contract/store/directory.js'
import { startRedis, uniquePrefix } from '../support/redis.js'

const url = process.env.REDIS_URL ?? ''
const raw = new Redis(url)
const open: Store[] = []
const eventually = (check: () => Promise<void> | void) => vi.waitFor(check, { timeout: 5_000, interval: 10 })

async function openStore(prefix: string, rest: Partial<RedisStoreOptions> = {}): Promise<Store> {
  const store = createRedisStore({ url: new Secret(url), keyPrefix: prefix, usageRetentionDays: 35, ...rest })
  open.push(store)
  // The other instances see it after its first heartbeat.
  await eventually(async () => {
    expect(await store.health()).toMatchObject({ status: 'ok' })
    if (!rest.url) expect(await raw.zcard(`${prefix}relays`)).toBeGreaterThan(0)
  })
  return store
}

afterEach(() => Promise.all(open.splice(0).map((store) => store.close(2_000))))
afterAll(() => raw.disconnect())

sessionDirectoryContract('in process', async () => createMemoryStore())
sessionDirectoryContract('Redis', () => openStore(uniquePrefix()))

const session = (id: string, subject = 'alice') => ({ id, subject, tenant: undefined, profile: 'default', dialect: 'ga' as const, deployment: 'dep', since: 1_800_000_000_000 })
const places = async (store: Store) => (await store.directory.page(100)).sessions.map(({ instance, id }) => `${instance} ${id}`)

describe('several instances on one Redis', () => {
  it('list each other’s sessions, ordered by instance', async () => {
    const prefix = uniquePrefix()
    const [b, a] = [await openStore(prefix, { instance: 'b' }), await openStore(prefix, { instance: 'a' })]
    b.directory.register(session('1'))
    a.directory.register(session('2'))
    a.directory.register(session('1'))
    await eventually(async () => expect(await places(b)).toEqual(['a 1', 'a 2', 'b 1']))
    const first = await a.directory.page(2)
    expect((await b.directory.page(2, first.next)).sessions).toMatchObject([{ instance: 'b', id: '1' }])
    await a.close(1_000)
    expect(await places(b)).toEqual(['b 1'])
    expect(await raw.zrange(`${prefix}relays`, '0', '-1')).toEqual(['b'])
  })

  it('end each other’s sessions once each, within a second', async () => {
    const prefix = uniquePrefix()
    const names = ['a', 'b', 'c']
    const stores = await Promise.all(names.map((instance) => openStore(prefix, { instance })))
    await eventually(async () => expect(await raw.pubsub('NUMSUB', `${prefix}revoked`)).toEqual([`${prefix}revoked`, 3]))
    const targets: EndTarget[] = []
    for (const { directory } of stores) directory.onEnd((target) => targets.push(target) && 2)
    const began = performance.now()
    const subject = 'é:{}\n\ud800'
    expect(await stores[0]?.directory.end({ subject })).toEqual({ ended: 6, asked: 3, answered: 3, everywhere: true })
    expect(performance.now() - began).toBeLessThan(1_000)
    expect(targets).toEqual([{ subject }, { subject }, { subject }])
  })

  it('wait a second for a dead instance and report it; its sessions expire', async () => {
    const prefix = uniquePrefix()
    const store = await openStore(prefix, { instance: 'here', leaseTtlMs: 1_500 })
    await raw.zadd(`${prefix}relays`, String(Date.now() + 1_500), 'dead')
    await raw.eval(
      "redis.call('ZADD', KEYS[1], 0, ARGV[1]) redis.call('PEXPIRE', KEYS[1], 1500)",
      1,
      `${prefix}sessions:{dead}`,
      `${String(1).padStart(15, '0')} 1 {"subject":"alice","profile":"p","dialect":"ga","deployment":"d"}`,
    )
    expect(await places(store)).toEqual(['dead 1'])
    const began = performance.now()
    expect(await store.directory.end({ subject: 'alice' })).toEqual({ ended: 0, asked: 2, answered: 1, everywhere: false })
    expect(performance.now() - began).toBeLessThan(2_000)
    await eventually(async () => expect(await places(store)).toEqual([]))
    await eventually(async () => expect(await store.directory.end({ subject: 'alice' })).toMatchObject({ asked: 1, everywhere: true }))
  })

  it('list sessions while they live, with an expiry on every key', async () => {
    const prefix = uniquePrefix()
    const store = await openStore(prefix, { instance: 'here', leaseTtlMs: 600 })
    store.directory.register(session('1'))
    await eventually(async () => expect(await places(store)).toEqual(['here 1']))
    const end = performance.now() + 1_500
    while (performance.now() < end) expect(await places(store)).toEqual(['here 1'])
    for (const key of [`${prefix}relays`, `${prefix}sessions:{here}`]) expect(await raw.pttl(key)).toBeGreaterThan(0)
  })

  it('leave out members that no relay wrote', async () => {
    const prefix = uniquePrefix()
    const store = await openStore(prefix, { instance: 'here' })
    await raw.zadd(`${prefix}sessions:{here}`, 0, 'rubbish', 0, `${'1'.repeat(15)} id {"subject":1}`, 0, `${'1'.repeat(15)} id {`)
    store.directory.register(session('1'))
    await eventually(async () => expect(await places(store)).toEqual(['here 1']))
    await raw.publish(`${prefix}revoked`, 'end:11111111-1111-1111-1111-111111111111:other:{"subject":1}')
    await raw.publish(`${prefix}revoked`, 'end:11111111-1111-1111-1111-111111111111:other:{')
    expect(await store.health()).toMatchObject({ status: 'ok' })
  })
})

describe('while Redis is away', () => {
  it('an instance ends its own sessions, and corrects its list when Redis is back', async () => {
    const server = await startRedis()
    const store = await openStore('r:', { url: new Secret(server.url), instance: 'here', leaseTtlMs: 1_500 })
    const unregister = store.directory.register(session('gone'))
    store.directory.register(session('stays'))
    await eventually(async () => expect(await places(store)).toEqual(['here gone', 'here stays']))
    await server.kill()
    store.directory.onEnd(() => 1)
    await eventually(async () => expect(await store.health()).toMatchObject({ status: 'degraded' }))
    await expect(store.directory.page(10)).rejects.toThrow()
    expect(await store.directory.end({ subject: 'alice' })).toEqual({ ended: 1, asked: 1, answered: 1, everywhere: false })
    unregister()
    store.directory.register(session('new'))
    await server.restart()
    await eventually(async () => expect(await places(store)).toEqual(['here new', 'here stays']))
    await server.stop()
  })
})
