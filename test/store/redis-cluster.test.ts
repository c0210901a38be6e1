// The Redis store on a real cluster of three nodes: scripts stay in one slot, messages reach every instance, a lost node is survived.
import { Cluster } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import type { AskedSession, SessionKeeper } from '../../src/ports/keeper.js'
import type { Store } from '../../src/ports/store.js'
import { createRedisStore } from '../../src/store/redis/store.js'
import { sessionDirectoryContract } from '../contract/store/directory.js'
import { storeContract } from '../contract/store.js'
import { redisBinary, uniquePrefix } from '../support/redis.js'
import { type OwnCluster, startRedisCluster } from './redis-cluster.js'

const available = redisBinary() !== undefined

describe.skipIf(!available)(`Redis Cluster${available ? '' : ' (skipped: no redis-server or valkey-server on this machine, and Docker cannot run a cluster on loopback)'}`, () => {
  let cluster: OwnCluster
  let raw: Cluster
  const prefixes = new WeakMap<Store, string>()

  async function openStore(prefix: string, now?: () => number): Promise<Store> {
    const store = createRedisStore({ url: new Secret(cluster.url), keyPrefix: prefix, usageRetentionDays: 35, reserveTimeoutMs: 5_000, ...(now && { now }) })
    prefixes.set(store, prefix)
    await vi.waitFor(async () => expect(await store.health()).toMatchObject({ status: 'ok' }), { timeout: 10_000, interval: 20 })
    return store
  }

  beforeAll(async () => {
    cluster = await startRedisCluster()
    raw = new Cluster(cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })))
    raw.on('error', () => undefined)
  })
  afterAll(async () => {
    raw.disconnect()
    await cluster.stop()
  })

  storeContract('Redis Cluster', async () => {
    const prefix = uniquePrefix()
    return {
      shared: true,
      open: (now) => openStore(prefix, now),
      usageOf: async (store, subject, day) =>
        Object.fromEntries(Object.entries(await raw.hgetall(`${prefixes.get(store)}usage:{${subject}}:${day}`)).map(([name, value]) => [name, Number(value)])),
    }
  })

  sessionDirectoryContract('Redis Cluster', () => openStore(uniquePrefix()))

  it('stores connected to other nodes list and end sessions', async () => {
    const prefix = uniquePrefix()
    const stores = await Promise.all([1, 2, 3, 4].map(() => openStore(prefix)))
    for (const [n, { directory }] of stores.entries()) {
      directory.onEnd(() => 1)
      directory.register({ id: String(n), subject: 'alice', tenant: undefined, profile: 'p', dialect: 'ga', deployment: 'd', since: 0 })
    }
    await vi.waitFor(async () => expect((await stores[0]?.directory.page(10))?.sessions).toHaveLength(4), { timeout: 5_000, interval: 10 })
    // Each store must have subscribed first.
    await vi.waitFor(async () => expect(await stores[0]?.directory.end({ subject: 'alice' })).toEqual({ ended: 4, asked: 4, answered: 4, everywhere: true }), { timeout: 10_000 })
    await Promise.all(stores.map((store) => store.close(500)))
  })

  it('a session moves between stores connected to other nodes', async () => {
    const prefix = uniquePrefix()
    const [a, b] = await Promise.all([openStore(prefix), openStore(prefix)])
    const [from, to] = [a.keeper, b.keeper] as [SessionKeeper, SessionKeeper]
    // Ids of several slots.
    for (const letter of ['a', 'b', 'c', 'd', 'e']) {
      const session = { id: letter.repeat(22), epoch: 1, subject: 'ab12', proofs: ['c'.repeat(64)] }
      const heard = new Promise<AskedSession>((resolve) => from.onAsked(resolve))
      expect(await from.keep(session, 1000, Buffer.from('snapshot'))).toBe(true)
      const claimed = await to.claim({ id: session.id, proof: 'c'.repeat(64), subject: 'ab12' })
      expect(claimed).toMatchObject({ owner: from.instance, epoch: 2 })
      // The owner must have subscribed first.
      const asking = setInterval(() => void to.ask(from.instance, { id: session.id, epoch: 2, received: 5 }), 50)
      const asked = await heard
      clearInterval(asking)
      expect(asked).toEqual({ id: session.id, epoch: 2, received: 5 })
      await from.hand(asked, Buffer.from('sealed'))
      expect(await to.take(session.id, 2)).toEqual(Buffer.from('sealed'))
      expect(await to.takeSnapshot(session.id)).toEqual(Buffer.from('snapshot'))
      expect(await from.keep(session, 1000)).toBe(false)
    }
    await Promise.all([a.close(500), b.close(500)])
  })

  it('a revocation reaches stores connected to other nodes', async () => {
    const prefix = uniquePrefix()
    const stores = await Promise.all([1, 2, 3, 4].map(() => openStore(prefix)))
    const heard = new Set<number>()
    stores.forEach((store, i) => void store.revocations.onRevoked(() => heard.add(i)))
    await stores[0]?.revocations.revoke({ subject: 'mallory' }, Date.now() + 60_000)
    await vi.waitFor(() => expect(heard.size).toBe(4), { timeout: 5_000, interval: 10 })
    await Promise.all(stores.map((store) => store.close(500)))
  })

  it('with one node frozen, `take` still answers in time, and reports for that node are written when it is back', async () => {
    const prefix = uniquePrefix()
    const store = await openStore(prefix)
    cluster.nodes[0]?.freeze()
    const deployments = Array.from({ length: 30 }, (_, i) => `d${i}`)
    for (const deployment of deployments) store.limits.recordLimits({ deployment, source: 'event', at: Date.now(), limits: [{ name: 'tokens', remaining: 1 }] })
    const start = performance.now()
    const taken = await Promise.all(deployments.map((key) => store.rates.take(key, 1, { perSecond: 1, burst: 1 })))
    expect(taken.every(({ ok }) => ok)).toBe(true)
    expect(performance.now() - start).toBeLessThan(900)
    cluster.nodes[0]?.thaw()
    const written = async () => (await Promise.all(deployments.map((deployment) => raw.exists(`${prefix}limits:{${deployment}}`)))).filter(Boolean)
    await vi.waitFor(async () => expect(await written()).toHaveLength(30), { timeout: 10_000, interval: 20 })
    await store.close(500)
  })
})
