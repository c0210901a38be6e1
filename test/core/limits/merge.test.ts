// The sheet of limit reports: which of two reports counts and why. The order of arrival never matters.
import { describe, expect, it } from 'vitest'
import { type LimitRecord, mergeLimit, PROVIDER_HEAD_START_MS, SOURCE_RANK, toLimitRecord } from '../../../src/core/limits/merge.js'
import { fc } from '../../support/property.js'

const T = 1_790_000_000_000
const hold = PROVIDER_HEAD_START_MS

function record(source: LimitRecord['source'], at: number, rest: { limit?: number; remaining?: number; resetAt?: number } = { remaining: 10 }): LimitRecord {
  return { name: 'tokens', source, at, ...rest }
}

const SHEET: { id: string; kept: LimitRecord; incoming: LimitRecord; counts: 'kept' | 'incoming'; rationale: string }[] = [
  { id: 'newer-event', kept: record('event', T), incoming: record('event', T + 1), counts: 'incoming', rationale: 'the later word of the provider' },
  { id: 'older-event', kept: record('event', T), incoming: record('event', T - 1), counts: 'kept', rationale: 'a slow relay must not turn time back' },
  { id: 'newer-429', kept: record('event', T), incoming: record('http_429', T + 1), counts: 'incoming', rationale: 'a refusal now says more than what was left before' },
  { id: 'event-after-429', kept: record('http_429', T), incoming: record('event', T + 1), counts: 'incoming', rationale: 'the provider said later what is left' },
  { id: 'older-429', kept: record('event', T), incoming: record('http_429', T - 1), counts: 'kept', rationale: 'as above, other way round' },
  { id: 'event-and-429-at-once', kept: record('http_429', T), incoming: record('event', T), counts: 'incoming', rationale: 'an event carries the numbers themselves' },
  { id: 'usage-under-a-fresh-event', kept: record('event', T), incoming: record('usage', T + hold - 1), counts: 'kept', rationale: 'our arithmetic only fills in' },
  { id: 'usage-at-the-end-of-the-hold', kept: record('event', T), incoming: record('usage', T + hold), counts: 'kept', rationale: 'at the same standing the provider counts' },
  { id: 'usage-after-the-hold', kept: record('event', T), incoming: record('usage', T + hold + 1), counts: 'incoming', rationale: 'the provider has gone silent' },
  { id: 'usage-under-a-fresh-429', kept: record('http_429', T), incoming: record('usage', T + 1), counts: 'kept', rationale: 'our arithmetic only fills in' },
  { id: 'event-over-usage', kept: record('usage', T), incoming: record('event', T + 1), counts: 'incoming', rationale: 'the provider speaks at last' },
  { id: 'late-event-over-usage', kept: record('usage', T), incoming: record('event', T - 1000), counts: 'incoming', rationale: 'arrived late, still within its hold' },
  { id: 'too-late-event', kept: record('usage', T), incoming: record('event', T - hold - 1), counts: 'kept', rationale: 'its hold was over when usage was counted' },
  { id: 'code-over-event', kept: record('event', T), incoming: record('inference_rate_limit_exceeded', T + 1), counts: 'incoming', rationale: 'a response failed for it later' },
  { id: 'event-over-code', kept: record('rate_limit_exceeded', T), incoming: record('event', T + 1), counts: 'incoming', rationale: 'the provider said later what is left' },
  { id: 'code-and-429-at-once', kept: record('http_429', T), incoming: record('rate_limit_exceeded', T), counts: 'kept', rationale: 'a refused dial is the stronger word' },
  { id: 'usage-under-a-fresh-code', kept: record('inference_rate_limit_exceeded', T), incoming: record('usage', T + 1), counts: 'kept', rationale: 'our arithmetic only fills in' },
  { id: 'usage-over-configured', kept: record('configured', T + 9), incoming: record('usage', T), counts: 'incoming', rationale: 'anything seen beats the configuration' },
  { id: 'configured-under-an-old-event', kept: record('event', 0), incoming: record('configured', T), counts: 'kept', rationale: 'anything seen beats the configuration' },
  { id: 'newer-configured', kept: record('configured', T), incoming: record('configured', T + 1), counts: 'incoming', rationale: 'the operator changed it' },
  { id: 'newer-usage', kept: record('usage', T), incoming: record('usage', T + 1), counts: 'incoming', rationale: 'later counts' },
  { id: 'same-time-less-left', kept: record('event', T, { remaining: 10 }), incoming: record('event', T, { remaining: 9 }), counts: 'incoming', rationale: 'the cautious number' },
  { id: 'same-time-more-left', kept: record('event', T, { remaining: 9 }), incoming: record('event', T, { remaining: 10 }), counts: 'kept', rationale: 'the cautious number' },
  {
    id: 'same-time-says-what-is-left',
    kept: record('event', T, { limit: 5 }),
    incoming: record('event', T, { remaining: 10 }),
    counts: 'incoming',
    rationale: 'a number beats none',
  },
  { id: 'same-time-lower-limit', kept: record('event', T, { limit: 5 }), incoming: record('event', T, { limit: 4 }), counts: 'incoming', rationale: 'the cautious number' },
  {
    id: 'same-time-later-reset',
    kept: record('event', T, { resetAt: T + 1 }),
    incoming: record('event', T, { resetAt: T + 2 }),
    counts: 'incoming',
    rationale: 'the cautious number',
  },
]

describe('mergeLimit', () => {
  it('takes the first report', () => {
    expect(mergeLimit(undefined, record('usage', T))).toEqual(record('usage', T))
  })

  it.each(SHEET)('$id: $rationale', ({ kept, incoming, counts }) => {
    expect(mergeLimit(kept, incoming)).toBe(counts === 'kept' ? kept : incoming)
    expect(mergeLimit(incoming, kept), 'in the other order').toEqual(counts === 'kept' ? kept : incoming)
  })

  it('takes the winner whole, so that no number is shown with another report’s time', () => {
    expect(mergeLimit(record('event', T, { limit: 100, remaining: 5 }), record('http_429', T + 1, { remaining: 0 }))).toEqual(record('http_429', T + 1, { remaining: 0 }))
  })

  it('gives the same result for any order of any reports', () => {
    const number = fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined })
    const anyRecord = fc
      .record({
        source: fc.constantFrom(...Object.keys(SOURCE_RANK)),
        at: fc.constantFrom(0, 1, hold - 1, hold, hold + 1, 2 * hold),
        limit: number,
        remaining: number,
        reset: number,
      })
      .map(({ source, at, limit, remaining, reset }) =>
        toLimitRecord(
          { name: 'tokens', ...(limit !== undefined && { limit }), ...(remaining !== undefined && { remaining }), ...(reset !== undefined && { resetSeconds: reset * hold }) },
          source as LimitRecord['source'],
          T + at,
        ),
      )
      .filter((made) => made !== undefined)
    const shuffled = fc.array(anyRecord, { minLength: 1, maxLength: 8 }).chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })))
    const fold = (list: LimitRecord[]) => list.reduce<LimitRecord | undefined>(mergeLimit, undefined)
    fc.assert(
      fc.property(shuffled, ([first, second]) => {
        expect(fold(second)).toEqual(fold(first))
        const winner = fold(first)
        for (const one of first) expect(mergeLimit(winner, one)).toBe(winner)
      }),
      { numRuns: 500 },
    )
  })
})

describe('toLimitRecord', () => {
  it.each([
    { id: 'all', reported: { name: 'tokens', limit: 15_000_000, remaining: 14_998_954, resetSeconds: 0.004 }, made: { limit: 15_000_000, remaining: 14_998_954, resetAt: T + 4 } },
    { id: 'floats', reported: { name: 'tokens', remaining: 0.5, resetSeconds: 1.0004 }, made: { remaining: 0.5, resetAt: T + 1000 } },
    { id: 'unknown-name', reported: { name: 'images.per_day', remaining: 3 }, made: { remaining: 3 } },
    { id: 'only-a-reset', reported: { name: 'requests', resetSeconds: 7 }, made: { resetAt: T + 7000 } },
    { id: 'not-finite-left-out', reported: { name: 'tokens', limit: Number.NaN, remaining: 1, resetSeconds: Number.POSITIVE_INFINITY }, made: { remaining: 1 } },
    { id: 'absurd-reset-left-out', reported: { name: 'tokens', remaining: 1, resetSeconds: 1e300 }, made: { remaining: 1 } },
  ])('$id', ({ reported, made }) => {
    expect(toLimitRecord(reported, 'event', T)).toEqual({ name: reported.name, source: 'event', at: T, ...made })
  })

  it.each([
    { id: 'no-number', reported: { name: 'tokens' }, at: T },
    { id: 'bad-name', reported: { name: 'a b', remaining: 1 }, at: T },
    { id: 'empty-name', reported: { name: '', remaining: 1 }, at: T },
    { id: 'long-name', reported: { name: 'x'.repeat(65), remaining: 1 }, at: T },
    { id: 'name-of-two-lines', reported: { name: 'tokens\n', remaining: 1 }, at: T },
    { id: 'no-time', reported: { name: 'tokens', remaining: 1 }, at: Number.NaN },
    { id: 'time-of-no-year', reported: { name: 'tokens', remaining: 1 }, at: 1e300 },
  ])('refuses $id', ({ reported, at }) => {
    expect(toLimitRecord(reported, 'event', at)).toBeUndefined()
  })

  it('refuses a source it does not know', () => {
    expect(toLimitRecord({ name: 'tokens', remaining: 1 }, 'constructor' as 'event', T)).toBeUndefined()
  })
})
