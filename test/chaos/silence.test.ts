// What a caller hears of a lost upstream: half a second of silence at most, one in twenty times a second.
import { expect, it } from 'vitest'
import { quantile, silences } from './silence.js'

const CALLS = Number(process.env.CHAOS_SILENCES ?? 60)

it(`${CALLS} answers whose upstream is lost, 200 ms away`, async () => {
  const { withLoss, without } = await silences(CALLS)
  const [p50, p95] = [quantile(withLoss, 0.5), quantile(withLoss, 0.95)]
  console.log(`silence: p50 ${p50.toFixed(0)} ms, p95 ${p95.toFixed(0)} ms, ${Math.max(...withLoss).toFixed(0)} ms at most; undisturbed ${quantile(without, 0.95).toFixed(0)} ms`)
  expect(p50).toBeLessThanOrEqual(500)
  expect(p95).toBeLessThanOrEqual(1000)
})
