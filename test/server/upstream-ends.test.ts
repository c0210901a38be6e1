// Every way in which an upstream can refuse, stall, misbehave or die: the client gets a clear reason in time and nothing private, and nothing stays open.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { RefusalCode } from '../../src/core/protocol/errors.js'
import type { Faults, SimulatorOptions } from '../../src/simulator/simulator.js'
import { canariesIn } from '../support/canaries.js'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
import { API_KEY, DEPLOYMENT, type RunningRelay, runRelay } from '../support/running-relay.js'

/** Sessions end with their upstream here. A subject may have one session, so a refused next session shows that the last one still holds its place. */
const ENV = { MAX_SESSIONS_PER_USER: '1', UPSTREAM_RECONNECT_SECONDS: '0' }
const CONNECT_MS = 1200
/** Longest time from the cause to the close if there is nothing to wait for. */
const AT_ONCE_MS = 3000

let running: RunningRelay
beforeAll(async () => {
  running = await runRelay({ env: ENV })
})
afterAll(() => running.close())

const connect = async (to = running) => connectClient(`${to.wsUrl}/v1/realtime`, await to.token())

interface End {
  readonly code: RefusalCode
  readonly closeCode: number
  readonly withinMs?: number
  readonly retryAfterSeconds?: number
}

/** Waits for the close and checks what must be true of every end. */
async function expectEnd(client: RealtimeClient, end: End, to = running): Promise<void> {
  const started = performance.now()
  const { code, reason } = await client.closed()
  expect(performance.now() - started).toBeLessThan(end.withinMs ?? AT_ONCE_MS)
  expect(reason).toMatch(new RegExp(`^${end.code}: `))
  expect(code).toBe(end.closeCode)
  const last = client.events.at(-1)
  expect(last).toMatchObject({
    type: 'error',
    event_id: expect.any(String),
    error: { code: end.code, type: expect.any(String), message: expect.any(String), param: null, event_id: null },
  })
  if (end.retryAfterSeconds !== undefined) {
    expect(reason).toContain(`retry after ${end.retryAfterSeconds} s`)
    expect(JSON.stringify(last)).toContain(`Retry after ${end.retryAfterSeconds} s.`)
  }
  expect(canariesIn(client.frames.join('\n') + reason, ['127.0.0.1', new URL(to.simulator.url).host])).toEqual([])
  await nothingLeft(to)
}

async function nothingLeft(to = running): Promise<void> {
  await vi.waitFor(
    async () => {
      expect(to.simulator.sessions()).toBe(0)
      expect(await (await fetch(`${to.relay.adminUrl}/metrics`)).text()).toContain('\nrelay_sessions 0\n')
    },
    { timeout: 8000, interval: 20 },
  )
}

async function goesOn(to = running): Promise<void> {
  to.simulator.setFaults({})
  const client = await connect(to)
  expect((await client.ask('Are you well?')).at(-1)).toMatchObject({ type: 'response.done', response: { status: 'completed' } })
  client.close()
  await client.closed()
  await nothingLeft(to)
}

/** Starts an answer and triggers the fault inside it. */
async function askUnder(faults: Faults): Promise<RealtimeClient> {
  const client = await connect()
  await client.next('session.created')
  running.simulator.setFaults(faults)
  client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Tell me a long story please' }] } })
  client.send({ type: 'response.create' })
  return client
}

describe('an upstream that ends in the middle of an answer', () => {
  const lost = { code: 'upstream_lost', closeCode: 4502 } as const
  it.each<[string, NonNullable<Faults['end']>, End]>([
    ['resets the connection', { how: 'rst', at: 'response', afterDeltas: 3 }, lost],
    ['ends the connection without a close', { how: 'fin', at: 'response', afterDeltas: 3 }, lost],
    ['closes with 1011', { how: 'close', code: 1011, at: 'response', reason: `key ${API_KEY} of ${DEPLOYMENT}` }, lost],
    ['closes with 1000', { how: 'close', code: 1000, at: 'response' }, lost],
    ['closes with 4000 and a reason of its own', { how: 'close', code: 4000, at: 'response', reason: API_KEY }, lost],
    ['ends the session at its cap with 1001', { how: 'close', code: 1001, at: 'response' }, { code: 'session_over', closeCode: 4410 }],
  ])('%s', async (_how, end, expected) => {
    const client = await askUnder({ end })
    await expectEnd(client, expected)
    await goesOn()
  })

  it('is noticed between answers as well', async () => {
    const client = await connect()
    await client.next('session.created')
    running.simulator.setFaults({ end: { how: 'rst', at: 'now' } })
    await expectEnd(client, lost)
    await goesOn()
  })
})

describe('an upstream that refuses the handshake, quoting the key', () => {
  it.each([401, 403, 404, 400, 500, 503, 302])('%i', async (status) => {
    running.simulator.setFaults({ refuse: { status, location: 'http://127.0.0.1:1/' } })
    await expectEnd(await connect(), { code: 'upstream_refused', closeCode: 4502 })
    await goesOn()
  })

  it('503 says when to come back', async () => {
    const own = await runRelay({ env: ENV, simulator: { faults: { refuse: { status: 503, retryAfterSeconds: 9 } } } })
    await expectEnd(await connect(own), { code: 'upstream_refused', closeCode: 4502, retryAfterSeconds: 9 }, own)
    await own.close()
  })

  it('429 means the quota: the client learns when to come back, and the next client too, without a dial', async () => {
    const own = await runRelay({ env: ENV, simulator: { faults: { refuse: { status: 429, retryAfterSeconds: 7, times: 1 } } } })
    await expectEnd(await connect(own), { code: 'rate_limited', closeCode: 4429, retryAfterSeconds: 7 }, own)
    await expectEnd(await connect(own), { code: 'rate_limited', closeCode: 4429, retryAfterSeconds: 7 }, own)
    expect(own.simulator.received).toEqual([])
    await own.close()
  })

  it('a closed port', async () => {
    const own = await runRelay({ env: ENV })
    await own.simulator.close()
    const client = await connect(own)
    const { code, reason } = await client.closed()
    expect({ code, reason }).toEqual({ code: 4502, reason: 'upstream_refused: back_off' })
    await own.close()
  })
})

describe('an upstream that stalls', () => {
  let impatient: RunningRelay
  beforeAll(async () => {
    impatient = await runRelay({ env: { ...ENV, UPSTREAM_CONNECT_TIMEOUT_SECONDS: String(CONNECT_MS / 1000) } })
  })
  afterAll(() => impatient.close())

  it('at the handshake', async () => {
    impatient.simulator.setFaults({ hang: true })
    await expectEnd(await connect(impatient), { code: 'upstream_timeout', closeCode: 4504, withinMs: CONNECT_MS + AT_ONCE_MS }, impatient)
    await goesOn(impatient)
  })

  it('before session.created', async () => {
    impatient.simulator.setFaults({ silent: true })
    await expectEnd(await connect(impatient), { code: 'upstream_timeout', closeCode: 4504, withinMs: 2 * CONNECT_MS + AT_ONCE_MS }, impatient)
    await goesOn(impatient)
  })

  it('while the client leaves: the dial ends with it', async () => {
    impatient.simulator.setFaults({ hang: true })
    const client = await connect(impatient)
    client.close()
    expect((await client.closed()).code).toBe(1000)
    await nothingLeft(impatient)
    await goesOn(impatient)
  })
})

describe('an upstream that does not take the configuration', () => {
  it('refuses session.update', async () => {
    running.simulator.setFaults({ rejectSessionUpdate: true })
    await expectEnd(await connect(), { code: 'upstream_refused', closeCode: 4502 })
    await goesOn()
  })

  it.each<[string, NonNullable<Faults['end']>]>([
    ['resets right after the upgrade', { how: 'rst', at: 'open' }],
    ['closes right after the upgrade', { how: 'close', code: 1001, at: 'open', reason: API_KEY }],
  ])('%s', async (_how, end) => {
    running.simulator.setFaults({ end })
    await expectEnd(await connect(), { code: 'upstream_refused', closeCode: 4502 })
    await goesOn()
  })

  it('accepts it and closes', async () => {
    running.simulator.setFaults({ end: { how: 'close', code: 1008, at: 'update', reason: API_KEY } })
    await expectEnd(await connect(), { code: 'upstream_lost', closeCode: 4502 })
    await goesOn()
  })
})

describe('OpenAI’s way: 101, then an error, then a close', () => {
  const openai = (simulator: SimulatorOptions, key: string, model = DEPLOYMENT) => {
    const env = (url: string) => ({
      ...ENV,
      AZURE_OPENAI_ENDPOINT: '',
      AZURE_OPENAI_DEPLOYMENT: '',
      AZURE_OPENAI_API_KEY: '',
      OPENAI_API_KEY: key,
      OPENAI_MODEL: model,
      OPENAI_BASE_URL: `${url}/v1`,
    })
    return runRelay({ simulator: { style: 'openai', ...simulator }, env })
  }

  it('bad key', async () => {
    const own = await openai({}, 'sk-canary-of-this-test-only')
    const client = await connect(own)
    await expectEnd(client, { code: 'upstream_refused', closeCode: 4502 }, own)
    expect(canariesIn(client.frames.join(), ['sk-', 'canary', 'Incorrect API key', 'platform'])).toEqual([])
    await own.close()
  })

  it('unknown model', async () => {
    const own = await openai({}, API_KEY, 'model-nobody-knows')
    const client = await connect(own)
    await expectEnd(client, { code: 'upstream_refused', closeCode: 4502 }, own)
    expect(client.frames.join()).not.toContain('model-nobody-knows')
    await own.close()
  })

  it('good key: the conversation works', async () => {
    const own = await openai({}, API_KEY)
    await goesOn(own)
    await own.close()
  })
})

describe('an upstream that sends malformed or failing events', () => {
  it('has its malformed events ignored, and the conversation goes on', async () => {
    running.simulator.setFaults({ garbage: ['bad_json', 'binary', 'unknown_type', 'not_an_object', 'no_type'] })
    const client = await connect()
    const events = await client.ask('Are you well?')
    expect(events.at(-1)).toMatchObject({ response: { status: 'completed' } })
    expect(new Set(client.events.map((event) => event.type.split('.')[0]))).toEqual(new Set(['session', 'conversation', 'response']))
    client.close()
    await client.closed()
    await nothingLeft()
    await goesOn()
  })

  it('ends its session at the cap of the service', async () => {
    const own = await runRelay({ env: ENV, simulator: { sessionSeconds: 1 } })
    const client = await connect(own)
    await client.next('session.created')
    await expectEnd(client, { code: 'session_over', closeCode: 4410, withinMs: 3000 }, own)
    await own.close()
  })

  it('fails a response: the client reads a public reason and goes on', async () => {
    const client = await connect()
    await client.next('session.created')
    running.simulator.setFaults({ failResponse: 'server_error' })
    expect((await client.ask('Are you well?')).at(-1)).toMatchObject({ response: { status: 'failed', status_details: { error: { type: 'server_error' } } } })
    running.simulator.setFaults({})
    expect((await client.ask('And now?')).at(-1)).toMatchObject({ response: { status: 'completed' } })
    client.close()
    await client.closed()
    await nothingLeft()
  })
})
