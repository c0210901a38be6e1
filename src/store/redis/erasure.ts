// Removes what Redis holds of one user: counters of what was used, reservations, and the user's name in the reports on limits.
import { Cluster } from 'ioredis'
import type { ErasedOfStore, SubjectErasure } from '../../ports/store.js'
import type { RedisClient, RedisConnection } from './connection.js'
import { encodeKeyPart, type RedisKeys } from './keys.js'

const TIMEOUT_MS = 5000
const PAGE = 1000
const SUBJECT_FIELD = 'subject'

export function createRedisErasure(connection: RedisConnection, keys: RedisKeys, prefix: string): SubjectErasure {
  const ask = <T>(command: (client: RedisClient) => Promise<T>) => connection.ask(command, TIMEOUT_MS)

  /** Of all nodes that hold keys. The same key may come twice. */
  async function matching(pattern: string): Promise<readonly string[]> {
    const nodes = await ask(async (client) => (client instanceof Cluster ? client.nodes('master') : [client]))
    const found = new Set<string>()
    for (const node of nodes) {
      let cursor = '0'
      do {
        const [next, page] = await ask(() => node.scan(cursor, 'MATCH', pattern, 'COUNT', PAGE))
        for (const key of page) found.add(key)
        cursor = next
      } while (cursor !== '0')
    }
    return [...found]
  }

  /** A report without the name would be of no other use than before, but a stream's entry cannot be changed. */
  async function forgetIn(stream: string, subject: string): Promise<number> {
    let forgotten = 0
    for (let from = '-'; ; ) {
      const page = await ask((client) => client.xrange(stream, from, '+', 'COUNT', PAGE))
      const ids = page.filter(([, fields]) => fields.some((field, index) => index % 2 === 1 && fields[index - 1] === SUBJECT_FIELD && field === subject)).map(([id]) => id)
      if (ids.length > 0) forgotten += await ask((client) => client.xdel(stream, ...ids))
      const last = page.at(-1)?.[0]
      if (page.length < PAGE || last === undefined) return forgotten
      from = `(${last}`
    }
  }

  return {
    async erase(subject): Promise<ErasedOfStore> {
      const own = [...(await matching(`${glob(prefix)}usage:{${glob(encodeKeyPart(subject))}}:*`)), keys.holds(subject)]
      const removed: string[] = []
      for (const key of own) if ((await ask((client) => client.del(key))) > 0) removed.push(key.slice(prefix.length))
      let reports = 0
      for (const stream of await matching(`${glob(prefix)}limits:{*}:log`)) reports += await forgetIn(stream, subject)
      const live = await ask((client) => client.zcard(keys.lease(subject)))
      const revoked = (await ask((client) => client.zscore(keys.revoked, `sub:${subject}`))) !== null
      return { removed, reports, live, isRevoked: revoked }
    },
  }
}

/** Text that a pattern of SCAN takes for itself alone. */
function glob(text: string): string {
  return text.replace(/[\\*?[\]^]/g, '\\$&')
}
