// A call whose upstream is lost goes on at another one, among those where its profile lets it go, whatever dialect that one speaks.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { connectClient } from '../support/realtime-client.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'

const NAMES = ['west', 'east', 'old']
const PREVIEW = { apiVersion: '2025-04-01-preview' }
let sims: Simulator[]
let running: RunningRelay
const folder = mkdtempSync(join(tmpdir(), 'fail-over-'))

beforeAll(async () => {
  sims = await Promise.all(NAMES.map((name) => startSimulator({ apiKey: `key-${name}`, deployments: [name], speed: Number.POSITIVE_INFINITY })))
  const upstreams = sims.map(({ url }, i) => ({
    name: NAMES[i],
    endpoint: url,
    deployment: NAMES[i],
    apiKey: `key-${NAMES[i]}`,
    priority: i,
    zone: i === 0 ? 'us' : 'eu',
    ...(i === 2 && PREVIEW),
  }))
  const profiles = join(folder, 'profiles.json')
  writeFileSync(profiles, JSON.stringify({ default: {}, european: { zones: ['eu'] }, american: { zones: ['us'] } }))
  const single = { AZURE_OPENAI_ENDPOINT: '', AZURE_OPENAI_DEPLOYMENT: '', AZURE_OPENAI_API_KEY: '' }
  running = await runRelay({ env: { ...single, UPSTREAMS: JSON.stringify(upstreams), PROFILES_FILE: profiles } })
})
afterAll(async () => {
  await running.close()
  await Promise.all(sims.map((one) => one.close()))
  rmSync(folder, { recursive: true })
})
beforeEach(() => {
  for (const one of sims) one.setFaults({})
})

const dialled = () => sims.map((one) => one.received.length)
/** At the second answer of a session. */
const killNext = (index: number) => sims[index]?.setFaults({ end: { at: 'event', times: 1, type: 'response.created', nth: 2, how: 'rst' } })

describe('a call whose upstream is lost', () => {
  it.each([
    ['default', [0, 1]],
    ['european', [1, 2]],
    ['american', [0, 0]],
  ] as const)('goes on where its profile lets it go: %s', async (profile, [first, next]) => {
    const before = dialled()
    const client = await connectClient(`${running.wsUrl}/v1/realtime`, await running.token('alice', { profile }))
    await client.next('session.created')
    await client.ask('Remember the blue boat')
    killNext(first)
    const events = await client.ask('And the second question')
    expect(events.at(-1)).toMatchObject({ type: 'response.done', response: { status: 'completed' } })
    const expected = before.map((count, i) => count + Number(i === first) + Number(i === next))
    expect(dialled()).toEqual(expected)
    expect(client.events.filter(({ type }) => type === 'error' || type === 'session.created')).toHaveLength(1)
    const known = JSON.stringify(sims[next]?.conversations().at(-1))
    for (const words of ['Remember the blue boat', 'And the second question']) expect(known).toContain(words)
    client.close()
    await client.closed()
  })
})
