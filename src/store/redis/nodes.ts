// Names the hosts of a Redis URL, which says nothing of its password.
import { parseRedisUrl, type RedisNode } from '../../config/redis-url.js'
import type { Secret } from '../../config/secret.js'

export function redisNodes({ url, entra }: { readonly url: Secret; readonly entra: boolean }): readonly RedisNode[] {
  return parseRedisUrl(url.reveal(), entra).nodes
}
