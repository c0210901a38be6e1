// The Entra ID tokens that sign in to Redis, if it wants them.
import type { Config } from '../config/config.js'
import { proxyFor } from '../config/proxy.js'
import { createEntraTokens, type EntraTokens, type TokenCredential, type UpstreamLog } from '../upstream/azure-credential.js'

const REDIS_SCOPE = 'https://redis.azure.com/.default'
/** Azure wants the next token three minutes before the last one ends. Earlier than five the library has none. */
const LEAD_MS = { least: 200_000, spread: 60_000 }

export function redisTokens({ redis, proxies }: Partial<Pick<Config, 'redis' | 'proxies'>>, log: UpstreamLog, credential?: TokenCredential): EntraTokens | undefined {
  if (!redis?.entra) return undefined
  const way = proxies && (proxies.https || proxies.http) ? (url: URL) => proxyFor(url, proxies) : undefined
  return createEntraTokens(REDIS_SCOPE, log, credential, way, LEAD_MS)
}
