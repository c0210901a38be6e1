// Which store keeps limits, usage, places and revocations: Redis where one is configured, else this process.
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Config } from './config-shape.js'
import { createMemoryStore } from './limits/memory.js'
import type { LimitStore } from './ports.js'

type StoreLog = Record<'info' | 'warn', (fields: object, message: string) => void>

/** Rejects about a malformed `REDIS_URL`; never because Redis is away. */
export async function createStore(config: Config, log: StoreLog): Promise<LimitStore> {
  const { redis, usageRetentionDays } = config
  // Unlike every other's, also where containers have one host name and one process each.
  const relay = `${hostname()
    .replaceAll(/[^A-Za-z0-9.-]/g, '-')
    .slice(0, 64)}-${process.pid}-${randomBytes(3).toString('hex')}`
  if (!redis) return createMemoryStore({ usageRetentionDays, relay })
  const { createRedisStore } = await import('./limits/redis.js')
  return createRedisStore({ ...redis, usageRetentionDays, relay, log: ({ level, msg }) => log[level]({}, msg) })
}
