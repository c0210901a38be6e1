// Chooses the store: Redis if it is configured, else this process.
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Config } from '../config/config.js'
import type { Store } from '../ports/store.js'
import { createMemoryStore } from '../store/memory/store.js'
import type { TokenCredential } from '../upstream/azure-credential.js'

type StoreLog = Record<'info' | 'warn', (fields: object, message: string) => void>

/** A session that may go on elsewhere is known for longer than its client may be away. */
const KEPT_SPARE_MS = 30_000

/** Rejects if `REDIS_URL` is malformed, never because Redis is unreachable. */
export async function createStore(config: Config, log: StoreLog, credential?: TokenCredential): Promise<Store> {
  const { redis, usageRetentionDays, limits, webrtc } = config
  // Unique, even if all containers share a host name and a process id.
  const instance = `${hostname()
    .replaceAll(/[^A-Za-z0-9.-]/g, '-')
    .slice(0, 64)}-${process.pid}-${randomBytes(3).toString('hex')}`
  if (!redis) return createMemoryStore({ usageRetentionDays, instance, callsJournal: webrtc.journal })
  const [{ createRedisStore }, { redisTokens }] = await Promise.all([import('../store/redis/store.js'), import('./redis-tokens.js')])
  const keptMs = limits.resumeMs + KEPT_SPARE_MS
  return createRedisStore({ ...redis, tokens: redisTokens(config, log, credential), usageRetentionDays, instance, keptMs, log: ({ level, msg }) => log[level]({}, msg) })
}
