// Gives every test worker a real Redis in REDIS_URL (the given one, or one started for this run) and a temporary folder that is removed at the end.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { startRedis } from './redis.js'

/** Called once by vitest. Throws, which ends the run, if there is no Redis and none can be started. */
export async function setup(): Promise<() => Promise<void>> {
  const stopRedis = await provideRedis()
  // Workers are ended without a chance to clean up after themselves.
  const folder = mkdtempSync(join(tmpdir(), 'relay-tests-'))
  process.env.TMPDIR = folder
  return async () => {
    await stopRedis()
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function provideRedis(): Promise<() => Promise<void>> {
  const given = process.env.REDIS_URL
  if (given) {
    await answersOrThrow(given)
    return async () => undefined
  }
  const server = await startRedis()
  process.env.REDIS_URL = server.url
  return () => server.stop()
}

async function answersOrThrow(url: string): Promise<void> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 5_000, commandTimeout: 5_000 })
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    await redis.ping()
  } catch {
    throw new Error('REDIS_URL is set, but no Redis answers there: unset it to let the tests start their own server.')
  } finally {
    redis.disconnect()
  }
}
