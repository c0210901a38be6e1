// Calls that last longer than their upstream: each moves in time, none is closed, and no answer is cut. `npm run test:chaos` has a hundred of ten minutes.
import { expect, it } from 'vitest'
import { cappedCalls } from '../chaos/capped.js'
import { runRelay } from '../support/running-relay.js'

it('twelve calls, each answered on and on, outlive their upstreams', async () => {
  const running = await runRelay({ simulator: { sessionSeconds: 20 }, env: { UPSTREAM_SESSION_SECONDS: '18' } })
  const { problems, answers, rollovers } = await cappedCalls(running, 12, 22_000, 2000)
  const text = await (await fetch(`${running.relay.adminUrl}/metrics`)).text()
  await running.close()
  expect(problems).toEqual([])
  expect(answers).toBeGreaterThan(50)
  expect(rollovers.quiet + rollovers.forced).toBeGreaterThanOrEqual(12)
  expect(text).not.toMatch(/^relay_cut_answers_total\{.*\} [^0]/m)
}, 60_000)
