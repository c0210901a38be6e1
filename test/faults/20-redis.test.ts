// Faults 20 to 24: Redis is frozen, killed, read-only, slow or full. No session notices, and the usage is written when Redis is back.
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import type { RealtimeClient } from '../support/realtime-client.js'
import { type OwnRedis, startRedis } from '../support/redis.js'
import { DEPLOYMENT, type RelayProcess, roundTrip, startRelayProcess } from './relay-process.js'

let redis: OwnRedis
let upstream: Simulator
let relay: RelayProcess
let client: RealtimeClient
let subject: string
let users = 0

beforeAll(async () => {
  redis = await startRedis(['--enable-debug-command', 'local'])
  upstream = await startSimulator({ speed: Number.POSITIVE_INFINITY, rateLimits: 'both' })
  relay = await startRelayProcess({ upstream: upstream.url, env: { REDIS_URL: redis.url } })
})
afterAll(async () => {
  await relay.stop()
  await upstream.close()
  await redis.stop()
})
beforeEach(async () => {
  subject = `user-${users++}`
  client = await relay.connect(subject)
  await client.next('session.created')
})

const asked = async <T>(question: (redis: Redis) => Promise<T>): Promise<T> => {
  const asking = new Redis(redis.url, { maxRetriesPerRequest: 1 })
  asking.on('error', () => undefined)
  try {
    return await question(asking)
  } finally {
    asking.disconnect()
  }
}
const usage = () => asked((one) => one.hgetall(`relay:usage:{${subject}}:${new Date().toISOString().slice(0, 10)}`))
const lastLimit = () => asked((one) => one.hget(`relay:limits:{${DEPLOYMENT}}`, 'tokens.at'))

/** Three answers and some markers while the fault lasts: no session waits for Redis. */
async function goOn(): Promise<number> {
  for (let n = 0; n < 3; n++) {
    await client.ask('Good morning')
    expect(await roundTrip(client)).toBeLessThan(1000)
  }
  return Date.now()
}

/** The total usage and the last state of the limits are in Redis soon after the fault. */
async function recovered(responses: number, since: number): Promise<void> {
  await expect.poll(usage, { timeout: 8000, interval: 50 }).toMatchObject({ responses: String(responses) })
  await expect.poll(async () => Number(await lastLimit()) > since - 5000, { timeout: 4000, interval: 50 }).toBe(true)
  expect(client.socket.readyState).toBe(client.socket.OPEN)
  client.close()
  await expect.poll(async () => (await usage()).sessions, { timeout: 8000, interval: 50 }).toBe('1')
}

describe('Redis', () => {
  it('20. frozen: the sessions go on, a new one opens, and the latest state is written after the thaw', async () => {
    redis.freeze()
    const at = await goOn()
    const another = await relay.connect('somebody-else')
    await another.next('session.created')
    another.close()
    redis.thaw()
    await recovered(3, at)
  })

  it('21. killed and restarted: the latest state is written and nothing of it is lost', async () => {
    await client.ask('Good morning')
    await redis.kill()
    const at = await goOn()
    await redis.restart()
    // Whatever was written before the kill is lost with it.
    await expect.poll(async () => Number((await usage()).responses), { timeout: 8000, interval: 50 }).toBeGreaterThanOrEqual(3)
    await expect.poll(async () => Number(await lastLimit()) > at - 5000, { timeout: 4000, interval: 50 }).toBe(true)
    client.close()
  })

  it('22. read-only, as after a fail-over: recording resumes', async () => {
    await asked((one) => one.call('REPLICAOF', '127.0.0.1', '1'))
    const at = await goOn()
    await asked((one) => one.call('REPLICAOF', 'NO', 'ONE'))
    await recovered(3, at)
  })

  it('23. slow: a pause of five seconds delays no session', async () => {
    void asked((one) => one.call('DEBUG', 'SLEEP', '5')).catch(() => undefined)
    const at = await goOn()
    await recovered(3, at)
  })

  it('24. full: write errors do not pile up in the log, and recording resumes', async () => {
    await asked((one) => one.config('SET', 'maxmemory', '1'))
    const lines = relay.output().split('\n').length
    const at = await goOn()
    expect(relay.output().split('\n').length - lines).toBeLessThan(20)
    await asked((one) => one.config('SET', 'maxmemory', '0'))
    await recovered(3, at)
  })
})
