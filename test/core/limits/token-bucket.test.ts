// The token bucket as a table of decisions, and its one promise: never more than burst plus refill (plus one debt).
import { describe, expect, it } from 'vitest'
import { type Bucket, isFull, MAX_RETRY_MS, takeTokens } from '../../../src/core/limits/token-bucket.js'
import { fc } from '../../support/property.js'

const rule = { perSecond: 10, burst: 5 }

describe('takeTokens', () => {
  it.each([
    { id: 'unknown-is-full', bucket: undefined, cost: 5, now: 1000, ok: true, retryAfterMs: 0, tokens: 0 },
    { id: 'refusal-costs-nothing', bucket: { tokens: 2, at: 1000 }, cost: 3, now: 1000, ok: false, retryAfterMs: 100, tokens: 2 },
    { id: 'refills-with-time', bucket: { tokens: 0, at: 1000 }, cost: 1, now: 1100, ok: true, retryAfterMs: 0, tokens: 0 },
    { id: 'refills-up-to-burst', bucket: { tokens: 0, at: 0 }, cost: 1, now: 60_000, ok: true, retryAfterMs: 0, tokens: 4 },
    { id: 'above-burst-leaves-a-debt', bucket: undefined, cost: 8, now: 1000, ok: true, retryAfterMs: 0, tokens: -3 },
    { id: 'debt-is-paid-first', bucket: { tokens: -3, at: 1000 }, cost: 1, now: 1000, ok: false, retryAfterMs: 400, tokens: -3 },
    { id: 'clock-backwards-refills-nothing', bucket: { tokens: 1, at: 5000 }, cost: 2, now: 1000, ok: false, retryAfterMs: 100, tokens: 1 },
    { id: 'zero-cost-is-free', bucket: { tokens: 0, at: 1000 }, cost: 0, now: 1000, ok: true, retryAfterMs: 0, tokens: 0 },
    { id: 'negative-cost-gives-nothing-back', bucket: { tokens: 1, at: 1000 }, cost: -5, now: 1000, ok: true, retryAfterMs: 0, tokens: 1 },
    { id: 'nan-cost-is-free', bucket: { tokens: 1, at: 1000 }, cost: Number.NaN, now: 1000, ok: true, retryAfterMs: 0, tokens: 1 },
  ])('$id', ({ bucket, cost, now, ok, retryAfterMs, tokens }) => {
    const result = takeTokens(bucket, cost, rule, now)
    expect(result).toMatchObject({ ok, retryAfterMs })
    expect(result.bucket.tokens).toBeCloseTo(tokens)
  })

  it('keeps the later clock, so that a jump back and forth refills once', () => {
    const back = takeTokens({ tokens: 0, at: 5000 }, 1, rule, 1000)
    expect(back.bucket.at).toBe(5000)
    expect(takeTokens(back.bucket, 1, rule, 5050).ok).toBe(false)
  })

  it('never asks to wait longer than an hour, even if nothing refills', () => {
    expect(takeTokens({ tokens: 0, at: 0 }, 1, { perSecond: 0, burst: 1 }, 9e12).retryAfterMs).toBe(MAX_RETRY_MS)
    expect(takeTokens({ tokens: 0, at: 0 }, 1, { perSecond: 1e-9, burst: 1 }, 1).retryAfterMs).toBe(MAX_RETRY_MS)
  })

  it('grants no more than burst, refill and one debt for any requests', () => {
    const asks = fc.array(fc.record({ wait: fc.integer({ min: 0, max: 2000 }), cost: fc.integer({ min: 1, max: 12 }) }), { maxLength: 60 })
    fc.assert(
      fc.property(asks, (list) => {
        let bucket: Bucket | undefined
        let now = 0
        let granted = 0
        for (const { wait, cost } of list) {
          now += wait
          const result = takeTokens(bucket, cost, rule, now)
          bucket = result.bucket
          if (result.ok) granted += cost
          expect(granted).toBeLessThanOrEqual(rule.burst + (now / 1000) * rule.perSecond + 12 + 1e-6)
        }
      }),
    )
  })

  it('grants a caller that waits as long as it was told', () => {
    fc.assert(
      fc.property(fc.double({ min: -20, max: 5, noNaN: true }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 500 }), (tokens, cost, perSecond) => {
        const slow = { perSecond, burst: 5 }
        const refused = takeTokens({ tokens, at: 1000 }, cost, slow, 1000)
        fc.pre(!refused.ok)
        expect(takeTokens(refused.bucket, cost, slow, 1000 + refused.retryAfterMs).ok).toBe(true)
      }),
    )
  })
})

describe('isFull', () => {
  it('is true if forgetting the bucket changes nothing', () => {
    expect(isFull({ tokens: 4, at: 1000 }, rule, 1099)).toBe(false)
    expect(isFull({ tokens: 4, at: 1000 }, rule, 1100)).toBe(true)
  })
})
