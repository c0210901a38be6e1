// The picture of one limit: the use of all instances beside the provider's reports. The order of reports never matters.
import { describe, expect, it } from 'vitest'
import { type LimitSource, PROVIDER_HEAD_START_MS, type ReportedLimit, SOURCE_RANK } from '../../../src/core/limits/merge.js'
import { applyReported, type LimitPicture, WINDOW_MS } from '../../../src/core/limits/picture.js'
import { fc } from '../../support/property.js'

const MINUTE = WINDOW_MS
const T = 29_833_334 * MINUTE
const HOLD = PROVIDER_HEAD_START_MS

type Step = readonly [source: LimitSource, at: number, numbers: Omit<ReportedLimit, 'name'>]

const apply = (steps: readonly Step[]) => steps.reduce<LimitPicture>((picture, [source, at, numbers]) => applyReported(picture, { name: 'tokens', ...numbers }, source, T + at), {})

const SHEET: { id: string; steps: Step[]; shown: object; used: number | undefined; rationale: string }[] = [
  {
    id: 'use-alone',
    steps: [['usage', 5, { used: 10 }]],
    shown: { source: 'usage', resetAt: T + MINUTE, at: T + 5 },
    used: 10,
    rationale: 'nobody told a limit, so nobody can say what is left',
  },
  {
    id: 'sum-in-the-minute',
    steps: [
      ['usage', 5, { used: 10 }],
      ['usage', 3, { used: 4 }],
    ],
    shown: { source: 'usage', resetAt: T + MINUTE, at: T + 5 },
    used: 14,
    rationale: 'a relay whose report comes late used the same minute',
  },
  {
    id: 'next-minute',
    steps: [
      ['usage', MINUTE - 1, { used: 10 }],
      ['usage', MINUTE, { used: 4 }],
      ['usage', 1, { used: 900 }],
    ],
    shown: { source: 'usage', resetAt: T + 2 * MINUTE, at: T + MINUTE },
    used: 4,
    rationale: 'the minute is over, and what comes late belongs to it',
  },
  {
    id: 'event-stands',
    steps: [
      ['event', 0, { limit: 100, remaining: 80 }],
      ['usage', 10, { used: 30 }],
    ],
    shown: { source: 'event', limit: 100, remaining: 80, at: T },
    used: 30,
    rationale: 'the provider’s word stands for its head start',
  },
  {
    id: 'known-limit-after-the-hold',
    steps: [
      ['event', 0, { limit: 100, remaining: 80 }],
      ['usage', HOLD + 1, { used: 30 }],
    ],
    shown: { source: 'usage', limit: 100, remaining: 70, resetAt: T + 3 * MINUTE, at: T + HOLD + 1 },
    used: 30,
    rationale: 'the provider went silent, but its limit is known',
  },
  {
    id: 'limit-of-the-latest-that-names-one',
    steps: [
      ['event', 0, { limit: 100, remaining: 80 }],
      ['http_429', 1, { remaining: 0, resetSeconds: 1 }],
      ['usage', HOLD + 2, { used: 30 }],
    ],
    shown: { source: 'usage', limit: 100, remaining: 70 },
    used: 30,
    rationale: 'a refusal names no limit and takes none away',
  },
  {
    id: 'configured-limit',
    steps: [
      ['configured', 900, { limit: 50 }],
      ['usage', 10, { used: 30 }],
    ],
    shown: { source: 'usage', limit: 50, remaining: 20 },
    used: 30,
    rationale: 'what is configured says what use is measured by',
  },
  {
    id: 'limit-told-after-the-use',
    steps: [
      ['usage', 10, { used: 30 }],
      ['configured', 900, { limit: 50 }],
    ],
    shown: { source: 'usage', limit: 50, remaining: 20 },
    used: 30,
    rationale: 'as above, other way round',
  },
  {
    id: 'provider-limit-over-configured',
    steps: [
      ['configured', HOLD + 9, { limit: 50 }],
      ['event', 0, { limit: 100, remaining: 80 }],
      ['usage', HOLD + 1, { used: 30 }],
    ],
    shown: { source: 'usage', limit: 100, remaining: 70 },
    used: 30,
    rationale: 'the provider knows its limit better than the operator',
  },
  {
    id: 'over-the-limit',
    steps: [
      ['configured', 0, { limit: 50 }],
      ['usage', 10, { used: 80 }],
    ],
    shown: { source: 'usage', limit: 50, remaining: 0 },
    used: 80,
    rationale: 'less than nothing is not left',
  },
  {
    id: 'event-over-use',
    steps: [
      ['usage', 10, { used: 30 }],
      ['event', 5, { remaining: 7 }],
    ],
    shown: { source: 'event', remaining: 7, at: T + 5 },
    used: 30,
    rationale: 'the provider speaks at last',
  },
  {
    id: 'no-use',
    steps: [
      ['event', 5, { remaining: 7 }],
      ['usage', 10, { used: 0 }],
      ['usage', 10, { used: Number.NaN }],
      ['usage', -T - 1, { used: 5 }],
    ],
    shown: { source: 'event', remaining: 7, at: T + 5 },
    used: undefined,
    rationale: 'nothing, no number, no time',
  },
]

describe('applyReported', () => {
  it.each(SHEET)('$id: $rationale', ({ steps, shown, used }) => {
    const picture = apply(steps)
    expect(picture.shown).toMatchObject(shown)
    expect(picture.window?.used).toBe(used)
    expect(apply([...steps].reverse()), 'in the other order').toEqual(picture)
  })

  it('gives the same picture for any order of any reports', () => {
    const number = fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined })
    const step = fc
      .record({
        source: fc.constantFrom(...(Object.keys(SOURCE_RANK) as LimitSource[])),
        at: fc.constantFrom(0, 1, MINUTE - 1, MINUTE, HOLD, HOLD + 1, HOLD + MINUTE),
        limit: number,
        remaining: number,
        resetSeconds: number,
        used: number,
      })
      .map(({ source, at, ...numbers }): Step => [source, at, Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== undefined))])
    const orders = fc.array(step, { minLength: 1, maxLength: 10 }).chain((steps) => fc.tuple(fc.constant(steps), fc.shuffledSubarray(steps, { minLength: steps.length })))
    fc.assert(
      fc.property(orders, ([first, second]) => {
        expect(apply(second)).toEqual(apply(first))
      }),
      { numRuns: 1_000 },
    )
  })
})
