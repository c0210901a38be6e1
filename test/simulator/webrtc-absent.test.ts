// Without node-datachannel the simulator does all but answer calls, and says what is missing.
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'

vi.mock('node-datachannel', () => {
  throw new Error('Cannot find package')
})

let simulator: Simulator
beforeAll(async () => {
  simulator = await startSimulator()
})
afterAll(() => simulator.close())

it('answers 501 to a call', async () => {
  const minted = await fetch(`${simulator.url}/openai/v1/realtime/client_secrets`, {
    method: 'POST',
    headers: { 'api-key': 'k' },
    body: JSON.stringify({ session: { type: 'realtime', model: 'gpt-realtime' } }),
  })
  const { value } = (await minted.json()) as { value: string }
  const answer = await fetch(`${simulator.url}/openai/v1/realtime/calls`, {
    method: 'POST',
    headers: { authorization: `Bearer ${value}`, 'content-type': 'application/sdp' },
    body: 'v=0',
  })
  expect([answer.status, ((await answer.json()) as { error: object }).error]).toEqual([501, expect.objectContaining({ code: 'webrtc_peer_missing' })])
})
