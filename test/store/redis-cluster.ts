// A Redis Cluster of three masters on loopback, for tests.
import { Redis } from 'ioredis'
import { vi } from 'vitest'
import { freePort, type OwnRedis, startRedis } from '../support/redis.js'

export interface OwnCluster {
  readonly url: string
  readonly nodes: readonly OwnRedis[]
  stop(): Promise<void>
}

const SLOTS = 16_384

/** Needs a server on this machine, not in Docker: nodes and client must use the same addresses. Resolves within 20 s or rejects. */
export async function startRedisCluster(): Promise<OwnCluster> {
  const nodes: OwnRedis[] = []
  try {
    for (let i = 0; i < 3; i++) nodes.push(await startRedis(['--cluster-enabled', 'yes', '--cluster-port', String(await freePort()), '--cluster-node-timeout', '2000']))
    const clients = nodes.map((node) => new Redis(node.url))
    const [first] = clients
    const busPort = async (client: Redis) => Number(String(await client.call('CONFIG', 'GET', 'cluster-port')).split(',')[1])
    for (const [i, client] of clients.entries()) {
      const slots = Array.from({ length: SLOTS }, (_, slot) => slot).filter((slot) => slot % 3 === i)
      await client.cluster('ADDSLOTS', ...slots)
      if (i > 0) await first?.call('CLUSTER', 'MEET', '127.0.0.1', String(nodes[i]?.port), String(await busPort(client)))
    }
    const whole = async (client: Redis) => /cluster_state:ok.*cluster_known_nodes:3/s.test(await client.cluster('INFO'))
    await vi.waitUntil(async () => (await Promise.all(clients.map(whole))).every(Boolean), { timeout: 20_000, interval: 50 })
    for (const client of clients) client.disconnect()
  } catch (error) {
    await Promise.all(nodes.map((node) => node.stop()))
    throw error
  }
  return {
    url: `redis+cluster://${nodes.map((node) => `127.0.0.1:${node.port}`).join(',')}`,
    nodes,
    stop: async () => void (await Promise.all(nodes.map((node) => node.stop()))),
  }
}
