// A hundred calls of ten minutes over an upstream that ends every session after one: none is closed, and none is moved before a quiet point while there is one.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type RunningRelay, runRelay } from '../support/running-relay.js'
import { cappedCalls } from './capped.js'

const CALLS = Number(process.env.CHAOS_CALLS ?? 100)
const MINUTES = Number(process.env.CHAOS_MINUTES ?? 10)

let running: RunningRelay
beforeAll(async () => {
  running = await runRelay({
    simulator: { sessionSeconds: 61, speed: 2 },
    env: { UPSTREAM_SESSION_SECONDS: '60', MAX_SESSIONS: '1000', CONNECTS_PER_SECOND: '10000', IDLE_TIMEOUT_SECONDS: '3600' },
  })
})
afterAll(() => running.close())

it(`${CALLS} calls over a cap of a minute for ${MINUTES} minutes`, async () => {
  const { problems, answers, p50, p99, rollovers } = await cappedCalls(running, CALLS, MINUTES * 60_000, 60_000)
  console.log(`${answers} answers, begun after ${p50} ms (p50), ${p99} ms (p99); moves: ${JSON.stringify(rollovers)}`)
  const text = await (await fetch(`${running.relay.adminUrl}/metrics`)).text()
  expect(problems).toEqual([])
  // On a machine that stands still for seconds a session may find no quiet point in the ten seconds that it has.
  expect(rollovers.forced).toBeLessThanOrEqual(rollovers.quiet * 0.005)
  expect(rollovers.quiet).toBeGreaterThan(CALLS * (MINUTES - 2))
  expect(text).not.toMatch(/^relay_upstream_losses_total\{.*\} [^0]/m)
})
