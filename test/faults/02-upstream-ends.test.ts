// Faults 2 and 3: the upstream's connection ends in the middle of a response, by RST or by FIN without a close frame.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { API_KEY, clearEnd, DEPLOYMENT, type RelayProcess, startRelayProcess } from './relay-process.js'

let upstream: Simulator
let relay: RelayProcess

beforeAll(async () => {
  upstream = await startSimulator({ apiKey: API_KEY, deployments: [DEPLOYMENT], speed: Number.POSITIVE_INFINITY })
  relay = await startRelayProcess({ upstream: upstream.url })
})
afterAll(async () => {
  await relay.stop()
  await upstream.close()
})

it.each(['rst', 'fin'] as const)('by %s: a clear end within a second, and nothing stays open', async (how) => {
  const client = await relay.connect()
  await client.next('session.created')
  upstream.setFaults({ end: { how, at: 'response', afterDeltas: 2 } })
  client.send({ type: 'response.create' })
  await client.next('response.created')
  const began = performance.now()
  await clearEnd(client, 'upstream_lost', 4502)
  expect(performance.now() - began).toBeLessThan(1000)
  upstream.setFaults({})
  await relay.nothingLeft()
})
