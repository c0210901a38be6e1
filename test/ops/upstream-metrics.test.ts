// Limits, breakers and usage in metrics: merged over processes, and served even if the store does not answer.
import { describe, expect, it } from 'vitest'
import { createMetrics, mergedText } from '../../src/ops/metrics.js'
import type { LimitState, LimitsBook } from '../../src/ports/store.js'
import { createMemoryStore } from '../../src/store/memory/store.js'

const limits = (remaining: number): LimitState[] => [
  { name: 'tokens', remaining, source: 'event', at: 1 },
  { name: 'requests', limit: 5, source: 'configured', at: 1 },
]

function watching(limitsOf: LimitsBook['limitsOf'], breaker: 'closed' | 'open' = 'closed') {
  const metrics = createMetrics({ processMetrics: false })
  const upstreams = ['a', 'b'].map((name) => ({ name, deployment: 'shared', breaker }))
  metrics.upstreams.watch({ upstreams: () => upstreams, limits: { limitsOf, recordLimits: () => undefined } })
  return metrics
}

describe('what upstreams allow', () => {
  it('is one number for all processes, while breakers are counted per process', async () => {
    const all = [watching(async () => limits(70)), watching(async () => limits(50), 'open')]
    const text = await mergedText(await Promise.all(all.map((one) => one.snapshot())), 'text')
    expect(text).toContain('relay_limit_remaining{upstream="a",name="tokens"} 50\n')
    expect(text).not.toContain('name="requests"')
    for (const state of ['closed', 'open']) expect(text).toContain(`relay_breaker_state{upstream="a",state="${state}"} 1\n`)
    expect(text).toContain('relay_breaker_state{upstream="a",state="half_open"} 0\n')
  })

  it('is left out if the store rejects or does not answer, and dropped once the store does not know it', async () => {
    expect(await watching(() => new Promise(() => undefined)).text()).toContain('relay_breaker_state{upstream="b",state="closed"} 1')
    let away = false
    const metrics = watching(async () => {
      if (away) throw new Error('away')
      return limits(7)
    })
    expect(await metrics.text()).toContain('name="tokens"} 7')
    away = true
    expect(await metrics.text()).not.toContain('name="tokens"')
  })
})

describe('usage', () => {
  it('is counted by profile on its way to the store, for any numbers', async () => {
    const metrics = createMetrics({ processMetrics: false })
    const usage = metrics.upstreams.counted(createMemoryStore({ now: () => 0 }).usage)
    const report = { subject: 'canary-user', deployment: 'd', profile: 'gold', at: 0 }
    for (let n = 0; n < 2; n++) usage.recordUsage({ ...report, counters: { responses: 1, input_tokens: 5, input_text_tokens: 4, cost_eur: 0.25, seconds: 3 } })
    usage.recordUsage({ ...report, counters: { input_tokens: Number.NaN, output_tokens: -1, cost_eur: Number.POSITIVE_INFINITY } })
    const text = await metrics.text()
    expect(text).toContain('relay_tokens_total{profile="gold",kind="input"} 10\n')
    expect(text).toContain('relay_tokens_total{profile="gold",kind="input_text"} 8\n')
    expect(text).toContain('relay_money_total{profile="gold",currency="eur"} 0.5\n')
    expect(text).not.toMatch(/canary-user|kind="output"|NaN/)
    expect(await usage.usageOf({ kind: 'subject', name: 'canary-user' }, '1970-01-01')).toMatchObject({ input_tokens: 10, cost_eur: 0.5 })
  })
})
