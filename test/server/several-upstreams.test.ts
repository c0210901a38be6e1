// A relay with two deployments, of which the first refuses. The client notices only the delay.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'

const KEYS = ['canary-key-first-1', 'canary-key-second-2']
const NAMES = ['canary-deployment-first', 'canary-deployment-second']
let sims: Simulator[]
let running: RunningRelay

beforeAll(async () => {
  sims = await Promise.all(KEYS.map((apiKey, i) => startSimulator({ apiKey, deployments: [NAMES[i] as string], speed: Number.POSITIVE_INFINITY })))
  const upstreams = sims.map(({ url }, i) => ({ name: `up-${i}`, provider: 'azure', endpoint: url, deployment: NAMES[i], apiKey: KEYS[i], priority: i }))
  const single = { AZURE_OPENAI_ENDPOINT: '', AZURE_OPENAI_DEPLOYMENT: '', AZURE_OPENAI_API_KEY: '' }
  running = await runRelay({ env: { ...single, UPSTREAMS: JSON.stringify(upstreams), UPSTREAM_CONNECT_TIMEOUT_SECONDS: '1' } })
})
afterAll(async () => {
  await running.close()
  await Promise.all(sims.map((one) => one.close()))
})

const connect = async () => connectClient(`${running.wsUrl}/v1/realtime`, await running.token())
const expectNothingShown = (client: RealtimeClient) => {
  const seen = client.frames.join('\n')
  for (const secret of [...KEYS, ...NAMES]) expect(seen.includes(secret), secret).toBe(false)
}

describe('a relay with two deployments', () => {
  it.each([
    { id: 'works', faults: {}, reached: 0 },
    { id: 'refuses', faults: { refuse: { status: 503 } }, reached: 1 },
    { id: 'does not answer', faults: { hang: true }, reached: 1 },
    { id: 'is out of quota', faults: { refuse: { status: 429, retryAfterSeconds: 60 } }, reached: 1 },
  ])('gives the client a session like any other when the first $id', async ({ faults, reached }) => {
    sims[0]?.setFaults(faults)
    const before = sims.map((one) => one.received.length)
    const client = await connect()
    await client.next('session.created')
    const events = await client.ask('Good morning to you')
    expect(events.at(-1)).toMatchObject({ type: 'response.done', response: { status: 'completed' } })
    expect(client.events.map((event) => event.type).filter((type) => type === 'session.created' || type === 'error')).toEqual(['session.created'])
    expect(sims.map((one, i) => one.received.length - (before[i] ?? 0))).toEqual(reached === 0 ? [1, 0] : [0, 1])
    expectNothingShown(client)
    client.close()
    await client.closed()
  })

  it('tells the client when to come back if no deployment is left', async () => {
    // The first one still asks for a pause from the test before.
    sims[1]?.setFaults({ refuse: { status: 429, retryAfterSeconds: 20 } })
    const client = await connect()
    expect(await client.next('error')).toMatchObject({ error: { code: 'rate_limited', message: 'Too much at once. Try again later. Retry after 20 s.' } })
    expect(await client.closed()).toEqual({ code: 4429, reason: 'rate_limited: back_off; retry after 20 s' })
    expectNothingShown(client)
  })
})
