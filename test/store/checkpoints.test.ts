// Checkpoints of audits in Redis: all of them, oldest first, over pages; and the command reads them there.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { parseRedisUrl } from '../../src/config/redis-url.js'
import { createRedisCheckpoints } from '../../src/store/redis/checkpoints.js'
import { connectRedis, type RedisConnection } from '../../src/store/redis/connection.js'
import { redisKeys } from '../../src/store/redis/keys.js'
import { uniquePrefix } from '../support/redis.js'

let connection: RedisConnection
afterEach(() => connection.close())

async function connected(): Promise<RedisConnection> {
  connection = connectRedis(parseRedisUrl(process.env.REDIS_URL ?? ''), { ready: () => undefined, lost: () => undefined, problem: () => undefined })
  await vi.waitFor(() => expect(connection.isReady()).toBe(true), { timeout: 8000, interval: 20 })
  return connection
}

describe('checkpoints in Redis', () => {
  it('are all there, oldest first, however many', async () => {
    const book = createRedisCheckpoints(await connected(), redisKeys(uniquePrefix()))
    expect(await book.all()).toEqual([])
    const notes = Array.from({ length: 2100 }, (_, n) => `note ${n}\nwith lines\n`)
    for (const note of notes) await book.keep(note)
    expect(await book.all()).toEqual(notes)
  })

  it('reject once Redis is away', async () => {
    const book = createRedisCheckpoints(await connected(), redisKeys(uniquePrefix()))
    connection.close()
    await expect(book.keep('note')).rejects.toThrow()
    await expect(book.all()).rejects.toThrow()
  })
})
