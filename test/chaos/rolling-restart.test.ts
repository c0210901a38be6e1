// A rolling restart under fifty calls that may be resumed: none is lost, and the gap is short.
import { expect, it } from 'vitest'
import { percentile } from './caller.js'
import { rollingRestart } from './rolling-restart.js'

it('fifty calls outlive a rolling restart of both relays', async () => {
  const { problems, moves, turns, backMs, answerMs } = await rollingRestart({ calls: 50, drainSeconds: 20, speed: 10 })
  const at = (sorted: readonly number[]) => [0.5, 0.95, 1].map((share) => Math.round(percentile(sorted, share))).join(' / ')
  console.log(`${turns} turns, ${moves} moves; back after ${at(backMs)} ms, answered after ${at(answerMs)} ms (p50 / p95 / most)`)
  expect(problems).toEqual([])
  expect(moves).toBeGreaterThanOrEqual(50)
  expect(percentile(backMs, 0.95)).toBeLessThan(1500)
  expect(percentile(answerMs, 0.95)).toBeLessThan(1500)
}, 300_000)
