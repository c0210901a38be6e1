// Relays that are killed or frozen, and a Redis that is, while clients come back: nothing hangs, and no tool runs twice.
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { parcelIn } from '../../src/relay/resume/parcel.js'
import { proofOf } from '../../src/relay/resume/secrets.js'
import { unseal } from '../../src/seal/sealed.js'
import { type OwnRedis, startRedis } from '../support/redis.js'
import { comeBack, enabled, type Returning, refusalOf } from '../support/returning.js'
import { type RelayProcess, type SharedRelays, shareRelays, untilShared } from '../support/shared-relays.js'

let redis: OwnRedis
let raw: Redis
let relays: SharedRelays
beforeAll(async () => {
  redis = await startRedis()
  raw = new Redis(redis.url, { retryStrategy: () => 50, maxRetriesPerRequest: null })
  raw.on('error', () => undefined)
})
afterAll(async () => {
  raw?.disconnect()
  await redis?.stop()
})
beforeEach(async () => {
  relays = await shareRelays(redis.url)
})
afterEach(() => relays.close())

const SNAPSHOTS = { RESUME_SNAPSHOTS: 'true' }
const open = async (of: RelayProcess, subject: string) => enabled(await of.door(subject))
const back = async (of: RelayProcess, subject: string, before: Pick<Returning, 'token' | 'received'>, own: readonly object[] = []) => comeBack(await of.door(subject), before, own)
const question = (text: string) => [
  { type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } },
  { type: 'response.create' },
]
const snapshotOf = ({ token }: Returning) => raw.getBuffer(`relay:resume:{${token.split('.')[0]}}:snapshot`)
/** How many of the client's messages its snapshot knows of: the client's secret opens it. */
const messagesIn = async (client: Returning) => {
  const [id = '', secret = ''] = client.token.split('.')
  const sealed = await snapshotOf(client)
  return sealed && parcelIn(unseal(id, sealed, proofOf(id, secret).key) ?? '')?.received
}
const recordOf = ({ token }: Returning) => raw.hgetall(`relay:resume:{${token.split('.')[0]}}`)
const told = () => JSON.stringify(relays.simulator.conversations().at(-1)?.items)
const stop = (relay: RelayProcess, signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT') => void relay.command.child.kill(signal)

describe('a relay that is killed', () => {
  it('with snapshots: the client goes on elsewhere, and sends again what was not kept', async () => {
    const [a, b] = await Promise.all([relays.start(SNAPSHOTS), relays.start(SNAPSHOTS)])
    const first = await open(a, 'alice')
    await first.ask('My boat is called Albatross.')
    await first.ask('It is red.')
    // Written after the client has its answer.
    await expect.poll(() => messagesIn(first)).toBe(4)
    stop(a, 'SIGKILL')
    await first.client.closed()
    const own = [...question('My boat is called Albatross.'), ...question('It is red.')]
    const moved = await back(b, 'alice', first, own)
    expect(moved.greeting).toMatchObject({ received: own.length })
    expect((await moved.ask('What is it called?')).at(-1)).toMatchObject({ type: 'response.done', response: { status: 'completed' } })
    expect(told()).toContain('Albatross')
    expect(told()).toContain('It is red')
    expect(moved.client.events.filter(({ type }) => type === 'error')).toEqual([])
    const metrics = await (await fetch(`${b.adminUrl}/metrics`)).text()
    expect(metrics).toMatch(/relay_resumes_total\{result="\w+",from="snapshot"\} 1/)
    moved.client.close()
  })

  it('with a tool at work: the tool is not run again', async () => {
    const [a, b] = await Promise.all([relays.start(SNAPSHOTS), relays.start(SNAPSHOTS)])
    relays.answerTools(false)
    const first = await open(a, 'bob')
    // Nothing comes after the call, so that the tool has begun and the turn is not over.
    relays.simulator.setFaults({ end: { at: 'event', times: 1, type: 'response.output_item.done', nth: 1, how: 'silence' } })
    first.say('What is the weather in Bremen?')
    await expect.poll(() => relays.toolRequests.length, { interval: 5, timeout: 10_000 }).toBe(1)
    stop(a, 'SIGKILL')
    await first.client.closed()
    relays.simulator.setFaults({})
    const moved = await back(b, 'bob', first, question('What is the weather in Bremen?'))
    expect(moved.greeting).toMatchObject({ received: 2 })
    expect(await moved.client.next('response.done')).toMatchObject({ response: { status: 'completed' } })
    expect(told()).toContain('Its outcome is unknown')
    expect(relays.toolRequests.length).toBe(1)
    moved.client.close()
  })

  it('without snapshots: the session is unknown, and said so soon', async () => {
    const [a, b] = await Promise.all([relays.start(), relays.start()])
    const first = await open(a, 'carol')
    await first.ask('Hello.')
    stop(a, 'SIGKILL')
    await first.client.closed()
    const before = performance.now()
    expect(await refusalOf(back(b, 'carol', first))).toBe('410 resume_unknown')
    expect(performance.now() - before).toBeLessThan(3000)
  })
})

describe('a relay that is frozen', () => {
  it('loses its session to another, and runs no tool once it is awake', async () => {
    const [a, b] = await Promise.all([relays.start(SNAPSHOTS), relays.start(SNAPSHOTS)])
    const first = await open(a, 'dora')
    await first.ask('My boat is called Albatross.')
    await expect.poll(async () => (await snapshotOf(first)) !== null).toBe(true)
    // The question is read by the frozen relay as soon as it is awake.
    stop(a, 'SIGSTOP')
    first.say('What is the weather in Bremen?')
    const before = performance.now()
    const moved = await back(b, 'dora', first)
    expect(performance.now() - before).toBeLessThan(4000)
    expect((await moved.ask('What is it called?')).at(-1)).toMatchObject({ type: 'response.done' })
    stop(a, 'SIGCONT')
    expect((await first.client.closed()).code).toBe(4409)
    expect(relays.toolRequests).toEqual([])
    expect((await moved.ask('Still here?')).at(-1)).toMatchObject({ type: 'response.done' })
    moved.client.close()
  })
})

describe('a Redis', () => {
  it('that is restarted empty: the session is known again, and moves', async () => {
    const [a, b] = await Promise.all([relays.start(), relays.start()])
    const first = await open(a, 'emil')
    await first.ask('My boat is called Albatross.')
    await redis.kill()
    await redis.restart()
    await first.ask('It is red.')
    await expect.poll(async () => (await recordOf(first)).epoch, { timeout: 4000 }).toBe('1')
    // Each of the relay's connections comes back by itself, within a second.
    await untilShared(b.url)
    await expect.poll(() => raw.pubsub('CHANNELS', 'relay:resume:*'), { timeout: 8000 }).toHaveLength(2)
    await first.lose()
    const moved = await back(b, 'emil', first)
    expect((await moved.ask('What is it called?')).at(-1)).toMatchObject({ type: 'response.done' })
    expect(told()).toContain('Albatross')
    moved.client.close()
  })

  it('that is frozen: the same process lets the client back, tools run, and another process refuses it in time', async () => {
    const [a, b] = await Promise.all([relays.start(), relays.start()])
    const first = await open(a, 'fritz')
    await first.ask('Hello.')
    redis.freeze()
    try {
      const before = performance.now()
      await first.ask('What is the weather in Bremen?')
      expect(relays.toolRequests.length).toBe(1)
      await first.lose()
      expect(await refusalOf(back(b, 'fritz', first))).toBe('410 resume_unknown')
      const again = await back(a, 'fritz', first)
      expect((await again.ask('And now?')).at(-1)).toMatchObject({ type: 'response.done' })
      expect(performance.now() - before).toBeLessThan(8000)
      again.client.close()
    } finally {
      redis.thaw()
    }
  })
})

it('a drain while Redis is frozen ends in time, and so does the wait of its client', async () => {
  const [a, b] = await Promise.all([relays.start({ DRAIN_SECONDS: '4' }), relays.start()])
  const first = await open(a, 'greta')
  await first.ask('Hello.')
  redis.freeze()
  try {
    const before = performance.now()
    stop(a, 'SIGTERM')
    expect((await first.client.closed()).code).toBe(1012)
    expect(await refusalOf(back(b, 'greta', first))).toBe('410 resume_unknown')
    expect((await a.command.ended).code).toBe(0)
    expect(performance.now() - before).toBeLessThan(9000)
  } finally {
    redis.thaw()
  }
})

describe('several workers', () => {
  it('are instances like any others', async () => {
    const relay = await relays.start({ WORKERS: '2', DRAIN_SECONDS: '3' })
    await relay.command.says(/"ready":2/)
    // Which worker a connection reaches is not known, so it is tried until both ways have been seen.
    for (let round = 0; round < 8; round++) {
      const first = await open(relay, `worker-${round}`)
      await first.ask('My boat is called Albatross.')
      await first.lose()
      const moved = await back(relay, `worker-${round}`, first)
      expect((await moved.ask('What is it called?')).at(-1)).toMatchObject({ type: 'response.done' })
      moved.client.close()
    }
    const metrics = await (await fetch(`${relay.adminUrl}/metrics`)).text()
    expect(metrics.split('\n').find((line) => line.startsWith('relay_resumes_total{result="recovered",from="moved"}'))).toMatch(/ [1-9]/)
    // Workers of a primary that is killed would outlive this test.
    relay.command.child.kill('SIGTERM')
    await relay.command.ended
  }, 30_000)
})
