// Prices usage in every shape. The expected prices are calculated by hand.
import { describe, expect, it } from 'vitest'
import { costOf, PRICE_FIELDS, type Price, type PriceTable, priceOf } from '../../../src/core/policy/price.js'
import type { JsonObject } from '../../../src/core/protocol/events.js'
import { tokenUsage } from '../../../src/core/protocol/token-usage.js'
import { fc } from '../../support/property.js'

const PRICE: Price = { input_text: 4, cached_text: 0.4, input_audio: 32, cached_audio: 0.4, input_image: 5, cached_image: 0.5, output_text: 16, output_audio: 64 }

const CASES: { id: string; usage: JsonObject; cost: number; rationale: string }[] = [
  {
    id: 'all-kinds',
    usage: {
      total_tokens: 1_300,
      input_tokens: 1_000,
      output_tokens: 300,
      input_token_details: {
        text_tokens: 400,
        audio_tokens: 500,
        image_tokens: 100,
        cached_tokens: 320,
        cached_tokens_details: { text_tokens: 192, audio_tokens: 128, image_tokens: 0 },
      },
      output_token_details: { text_tokens: 60, audio_tokens: 240 },
    },
    cost: (208 * 4 + 192 * 0.4 + 372 * 32 + 128 * 0.4 + 100 * 5 + 60 * 16 + 240 * 64) / 1e6,
    rationale: 'cached tokens are part of their kind',
  },
  { id: 'no-details', usage: { input_tokens: 10, output_tokens: 5 }, cost: (10 * 4 + 5 * 16) / 1e6, rationale: 'of an unknown kind: text' },
  {
    id: 'cached-without-kinds',
    usage: { input_tokens: 100, input_token_details: { text_tokens: 30, audio_tokens: 70, cached_tokens: 50 } },
    cost: (30 * 0.4 + 20 * 0.4 + 50 * 32) / 1e6,
    rationale: 'text is cached first',
  },
  {
    id: 'more-cached-than-there-was',
    usage: { input_tokens: 10, input_token_details: { text_tokens: 10, cached_tokens: 99, cached_tokens_details: { text_tokens: 99 } } },
    cost: (10 * 0.4) / 1e6,
    rationale: 'never below zero',
  },
  {
    id: 'broken',
    usage: { input_tokens: 'many', output_tokens: -5, input_token_details: null, output_token_details: { text_tokens: Number.NaN } },
    cost: 0,
    rationale: 'no amounts',
  },
  { id: 'nothing', usage: {}, cost: 0, rationale: 'no usage' },
]

describe('costOf', () => {
  it.each(CASES)('$id: $rationale', ({ usage, cost }) => {
    expect(costOf(tokenUsage(usage), PRICE)).toBeCloseTo(cost, 12)
  })

  it('prices audio that the service counts by length', () => {
    expect(costOf(tokenUsage({ type: 'duration', seconds: 90 }), { minute: 0.006 })).toBeCloseTo(0.009, 12)
    expect(costOf(tokenUsage({ type: 'duration', seconds: 90 }), PRICE)).toBe(0)
  })

  it('charges a cached token in full if it has no price of its own', () => {
    const usage = tokenUsage({ input_tokens: 10, input_token_details: { text_tokens: 10, cached_tokens: 10 } })
    expect(costOf(usage, { input_text: 4 })).toBeCloseTo(40 / 1e6, 12)
  })

  it('is never negative, never above the full price of all tokens, and counts every kind', () => {
    const count = fc.option(fc.integer({ min: 0, max: 10_000 }), { nil: undefined })
    const details = fc.record({
      text_tokens: count,
      audio_tokens: count,
      image_tokens: count,
      cached_tokens: count,
      cached_tokens_details: fc.record({ text_tokens: count, audio_tokens: count }),
    })
    const anyUsage = fc.record({ input_tokens: count, output_tokens: count, input_token_details: details, output_token_details: details })
    fc.assert(
      fc.property(anyUsage, (given) => {
        const usage = tokenUsage(given as unknown as JsonObject)
        const cost = costOf(usage, PRICE)
        const kinds = usage.inputOf.text + usage.inputOf.audio + usage.inputOf.image
        expect(cost).toBeGreaterThanOrEqual(0)
        expect(cost).toBeLessThanOrEqual((kinds * 32 + (usage.outputOf.text + usage.outputOf.audio) * 64) / 1e6 + 1e-9)
        expect(kinds).toBeGreaterThanOrEqual(given.input_tokens ?? 0)
        for (const kind of ['text', 'audio', 'image'] as const) expect(usage.cachedOf[kind]).toBeLessThanOrEqual(usage.inputOf[kind])
      }),
      { numRuns: 300 },
    )
  })
})

it('uses every field that a price table may have', () => {
  const details = { text_tokens: 2, audio_tokens: 2, image_tokens: 2 }
  const cached = { text_tokens: 1, audio_tokens: 1, image_tokens: 1 }
  const usage = tokenUsage({ input_token_details: { ...details, cached_tokens: 3, cached_tokens_details: cached }, output_token_details: details, seconds: 60 })
  expect(PRICE_FIELDS.filter((field) => !(costOf(usage, { [field]: 1 }) > 0))).toEqual([])
  expect(PRICE_FIELDS).toHaveLength(Object.keys(PRICE).length + 1)
})

describe('priceOf', () => {
  const table: PriceTable = { currency: 'USD', date: '2026-11-25', prices: { 'gpt-realtime': { input_text: 1 }, eu: { input_text: 2 }, '*': { input_text: 3 } } }

  it('takes the first known name, then the price of all other names', () => {
    expect(priceOf(table, ['eu', 'gpt-realtime'])).toEqual({ input_text: 2 })
    expect(priceOf(table, [undefined, 'gpt-realtime'])).toEqual({ input_text: 1 })
    expect(priceOf(table, ['constructor'])).toEqual({ input_text: 3 })
    expect(priceOf({ ...table, prices: {} }, ['constructor', '__proto__'])).toBeUndefined()
  })
})

it('what has no price costs nothing', () => {
  const usage = { ...tokenUsage({ input_tokens: 10, output_tokens: 5, output_token_details: { text_tokens: 2, audio_tokens: 3 } }), seconds: 60 }
  expect(costOf(usage, {})).toBe(0)
  expect(costOf(usage, { minute: 0.5 })).toBe(0.5)
})
