// A rolling restart under a few calls: no session is lost. `npm run test:chaos` has fifty.
import { expect, it } from 'vitest'
import { percentile } from '../chaos/caller.js'
import { rollingRestart } from '../chaos/rolling-restart.js'

it('moves every call that may be resumed, with all that was said, within a second and a half', async () => {
  const { problems, moves, backMs, answerMs } = await rollingRestart({ calls: 6, drainSeconds: 6, speed: 30 })
  expect(problems).toEqual([])
  // Every call was on one of the two relays that were replaced.
  expect(moves).toBeGreaterThanOrEqual(6)
  expect(percentile(backMs, 0.95)).toBeLessThan(1500)
  expect(percentile(answerMs, 0.95)).toBeLessThan(1500)
}, 60_000)
