// Keeps signed checkpoints of audits in a stream, so that whoever can write an audit's folder cannot also take them away.
import type { CheckpointBook } from '../../ports/store.js'
import type { RedisConnection } from './connection.js'
import type { RedisKeys } from './keys.js'

const TIMEOUT_MS = 1000
/** A relay that is always at work makes one a minute: about two months of one, a week of ten. */
const MOST_KEPT = 100_000
const PAGE = 1000

export function createRedisCheckpoints(connection: RedisConnection, { checkpoints: key }: Pick<RedisKeys, 'checkpoints'>): CheckpointBook {
  return {
    async keep(checkpoint) {
      await connection.ask((client) => client.xadd(key, 'MAXLEN', '~', MOST_KEPT, '*', 'checkpoint', checkpoint), TIMEOUT_MS)
    },
    async all() {
      const found: string[] = []
      for (let from = '-'; ; ) {
        const page = await connection.ask((client) => client.xrange(key, from, '+', 'COUNT', PAGE), TIMEOUT_MS)
        for (const [, fields] of page) if (fields[1] !== undefined) found.push(fields[1])
        const last = page.at(-1)?.[0]
        if (page.length < PAGE || last === undefined) return found
        from = `(${last}`
      }
    },
  }
}
