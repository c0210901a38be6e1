// Redis fails in the middle of a conversation. The conversation is not delayed, and missing records are written within two seconds after Redis is back.
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RateLimitStyle } from '../../src/simulator/options.js'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
import { type OwnRedis, startRedis } from '../support/redis.js'
import { DEPLOYMENT, type RunningRelay, runRelay } from '../support/running-relay.js'

const RECOVERY_MS = 2000
/** A turn that waited for Redis would take at least the store's shortest time limit. */
const TURN_MS = 250

let redis: OwnRedis
let raw: Redis
let running: RunningRelay
let client: RealtimeClient
let subject: string
let users = 0

const start = (rateLimits: RateLimitStyle) => runRelay({ env: { REDIS_URL: redis.url, REDIS_KEY_PREFIX: 'voice:' }, simulator: { rateLimits } })
const untilReady = (of: RunningRelay) =>
  vi.waitFor(async () => expect(await (await fetch(`${of.relay.url}/readyz`)).json()).toMatchObject({ checks: { limits: { status: 'ok' } } }), { timeout: 8000, interval: 50 })
const limits = () => raw.hgetall(`voice:limits:{${DEPLOYMENT}}`)
const usage = () => raw.hgetall(`voice:usage:{${subject}}:${new Date().toISOString().slice(0, 10)}`)

beforeAll(async () => {
  redis = await startRedis()
  raw = new Redis(redis.url, { retryStrategy: () => 50, maxRetriesPerRequest: null })
  raw.on('error', () => undefined)
  running = await start('both')
  await untilReady(running)
})
afterAll(async () => {
  await running?.close()
  raw?.disconnect()
  await redis?.stop()
})
beforeEach(async () => {
  subject = `user-${++users}`
  client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token(subject))
  await client.next('session.created')
})
afterEach(() => client.close())

/** Runs turns one after another. Resolves to their median time in milliseconds and to the end of the last one. */
async function turns(count: number): Promise<{ medianMs: number; lastAt: number }> {
  const times: number[] = []
  for (let turn = 0; turn < count; turn++) {
    const before = performance.now()
    const events = await client.ask('Good morning')
    times.push(performance.now() - before)
    expect(events.at(-1)).toMatchObject({ response: { status: 'completed' } })
  }
  return { medianMs: times.sort((a, b) => a - b)[Math.floor(count / 2)] ?? 0, lastAt: Date.now() }
}

/** Waits up to two seconds until Redis has the report of the last turn and all usage. */
async function caughtUp(lastAt: number, responses: number): Promise<void> {
  const before = performance.now()
  await vi.waitFor(
    async () => {
      const [hash, used] = await Promise.all([limits(), usage()])
      expect(hash).toMatchObject({ 'tokens.source': 'event', 'requests.source': 'event' })
      // The report follows its response by some milliseconds.
      expect(Number(hash['tokens.at'])).toBeGreaterThan(lastAt - 200)
      expect(used.responses).toBe(String(responses))
    },
    { timeout: RECOVERY_MS, interval: 20 },
  )
  expect(performance.now() - before).toBeLessThan(RECOVERY_MS)
}

describe('in the middle of a conversation Redis', () => {
  it('is killed and comes back empty', async () => {
    await turns(1)
    await caughtUp(0, 1)
    await redis.kill()
    const { medianMs, lastAt } = await turns(5)
    expect(medianMs).toBeLessThan(TURN_MS)
    await redis.restart()
    // The one before the kill is gone with the old Redis.
    await caughtUp(lastAt, 5)
  })

  it('freezes and thaws', async () => {
    redis.freeze()
    const { medianMs, lastAt } = await turns(5)
    expect(medianMs).toBeLessThan(TURN_MS)
    redis.thaw()
    await caughtUp(lastAt, 5)
  })

  it('becomes read-only and writable again', async () => {
    await raw.replicaof('127.0.0.1', '1')
    const { medianMs, lastAt } = await turns(5)
    expect(medianMs).toBeLessThan(TURN_MS)
    await raw.replicaof('NO', 'ONE')
    await caughtUp(lastAt, 5)
  })

  it('is unreachable, and new sessions still begin', async () => {
    await redis.kill()
    const other = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token('newcomer'))
    expect((await other.ask('hello')).at(-1)).toMatchObject({ response: { status: 'completed' } })
    // An answer of `/readyz` stands for a second.
    const degraded = { status: 'degraded', checks: { limits: { status: 'degraded' } } }
    await vi.waitFor(async () => expect(await (await fetch(`${running.relay.url}/readyz`)).json()).toMatchObject(degraded), { timeout: 8000, interval: 50 })
    other.close()
    await redis.restart()
    await untilReady(running)
  })
})

describe('what is written', () => {
  it.each<RateLimitStyle>(['tokens', 'both', 'floats'])('of reports in the shape “%s”: the latest in the hash, all in the stream', async (style) => {
    const own = await start(style)
    await untilReady(own)
    await raw.del(`voice:limits:{${DEPLOYMENT}}`, `voice:limits:{${DEPLOYMENT}}:log`)
    const talker = await connectClient(`${own.wsUrl}/v1/realtime`, await own.token(subject))
    await talker.ask('hello')
    await talker.ask('hello again')
    const names = style === 'tokens' ? ['tokens'] : ['requests', 'tokens']
    const entries = await vi.waitFor(async () => {
      const found = (await raw.xrange(`voice:limits:{${DEPLOYMENT}}:log`, '-', '+')).map(([, flat]) =>
        Object.fromEntries(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? '']] : []))),
      )
      expect(found.filter(({ limit }) => limit !== undefined && limit !== '')).toHaveLength(2 * names.length)
      return found
    })
    const hash = await limits()
    for (const name of names) {
      const last = entries.findLast((entry) => entry.name === name && entry.limit !== '' && entry.limit !== undefined)
      expect(last).toMatchObject({ name, subject, limit: hash[`${name}.limit`], remaining: hash[`${name}.remaining`], session: expect.stringMatching(/.{8,}/) })
      expect(hash).toMatchObject({ [`${name}.source`]: 'event', [`${name}.at`]: last?.at })
      expect(Number(hash[`${name}.reset_at`])).toBeGreaterThanOrEqual(Number(hash[`${name}.at`]))
      if (style === 'floats') expect(hash[`${name}.remaining`]).toMatch(/\.5$/)
    }
    talker.close()
    await own.close()
  })

  it('is also written at shutdown if Redis is back in time; shutdown waits no longer', async () => {
    const own = await start('both')
    await untilReady(own)
    const talker = await connectClient(`${own.wsUrl}/v1/realtime`, await own.token(subject))
    await talker.ask('hello')
    redis.freeze()
    await talker.ask('and again')
    const draining = own.relay.drain()
    expect((await talker.closed()).code).toBe(1012)
    redis.thaw()
    await draining
    expect(await usage()).toMatchObject({ responses: '2', sessions: '1' })
    await own.close()

    const late = await start('both')
    await untilReady(late)
    const last = await connectClient(`${late.wsUrl}/v1/realtime`, await late.token(subject))
    redis.freeze()
    await last.ask('hello')
    const before = performance.now()
    await late.close()
    expect(performance.now() - before).toBeLessThan(5000)
    redis.thaw()
  })
})
