// Which upstream is dialled next: a table of cases, and properties that hold for any history of dials.
import { describe, expect, it } from 'vitest'
import type { LimitRecord } from '../../../src/core/limits/merge.js'
import {
  type ChoiceState,
  choose,
  type DialOutcome,
  dialled,
  limitsSeen,
  openingChoice,
  type UpstreamSpec,
  viewOfUpstreams,
  type Wish,
} from '../../../src/core/upstreams/choice.js'
import { fc } from '../../support/property.js'

/** Extra dials that quiet times have saved up. */
const RETRY_BURST = 10
const T = 1_790_000_000_000
const spec = (name: string, priority = 0, weight = 1): UpstreamSpec => ({ name, priority, weight })
const limit = (rest: Partial<LimitRecord>): LimitRecord => ({ name: 'tokens', source: 'event', at: T, ...rest })
const LOST: DialOutcome = { type: 'failed' }

type Step = (state: ChoiceState) => ChoiceState
const after =
  (name: string, outcome: DialOutcome, at = T, times = 1): Step =>
  (state) =>
    Array.from({ length: times }).reduce<ChoiceState>((one) => dialled(one, name, outcome, at), state)
const knows =
  (name: string, ...limits: LimitRecord[]): Step =>
  (state) =>
    limitsSeen(state, name, limits)
const opened = (latencyMs: number): DialOutcome => ({ type: 'opened', latencyMs })

/** Share of each name over evenly spread draws, in percent. */
function shares(state: ChoiceState, now = T, tried: readonly string[] = [], wish: Omit<Wish, 'tried'> = {}): Record<string, number> {
  const found: Record<string, number> = {}
  for (let i = 0; i < 1000; i++) {
    const [, choice] = choose(state, { now, draw: (i + 0.5) / 1000, tried: new Set(tried), ...wish })
    const key = 'dial' in choice ? choice.dial : `${choice.refuse}${'retryAfterSeconds' in choice ? ` ${choice.retryAfterSeconds}` : ''}`
    found[key] = (found[key] ?? 0) + 1
  }
  return Object.fromEntries(Object.entries(found).map(([key, count]) => [key, Math.round(count / 10)]))
}

const EU = { zone: 'eu' }
const CASES: { id: string; specs: UpstreamSpec[]; steps: Step[]; at?: number; tried?: string[]; wish?: Omit<Wish, 'tried'>; shares: Record<string, number>; rationale: string }[] =
  [
    { id: 'priority', specs: [spec('a', 1), spec('b', 0)], steps: [], shares: { b: 100 }, rationale: 'the lowest goes first' },
    { id: 'weight', specs: [spec('a', 0, 3), spec('b', 0, 1)], steps: [], shares: { a: 75, b: 25 }, rationale: 'a share among equals' },
    {
      id: 'zone',
      specs: [spec('a', 0), { ...spec('b', 1), ...EU }],
      steps: [],
      wish: { zones: ['eu'] },
      shares: { b: 100 },
      rationale: 'a conversation stays where it may go, whatever is preferred',
    },
    {
      id: 'zone-down',
      specs: [spec('a', 0), { ...spec('b', 1), ...EU }],
      steps: [after('b', { type: 'rate_limited', retryAfterSeconds: 7 })],
      wish: { zones: ['eu'] },
      shares: { 'rate_limited 7': 100 },
      rationale: 'and goes nowhere if nothing there can be dialled, however free the others are',
    },
    { id: 'zone-of-none', specs: [spec('a')], steps: [], wish: { zones: ['eu'] }, tried: ['b'], shares: { tried: 100 }, rationale: 'an upstream without a zone is in none' },
    { id: 'avoid', specs: [spec('a', 0), spec('b', 1)], steps: [], wish: { avoid: 'a' }, shares: { b: 100 }, rationale: 'what was just lost is not dialled again at once' },
    { id: 'avoid-the-only', specs: [spec('a')], steps: [], wish: { avoid: 'a' }, shares: { a: 100 }, rationale: 'unless there is nothing else' },
    {
      id: 'avoid-with-others-down',
      specs: [spec('a', 0), spec('b', 1)],
      steps: [after('b', { type: 'rate_limited', retryAfterSeconds: 7 })],
      wish: { avoid: 'a' },
      shares: { a: 100 },
      rationale: 'or nothing else that can be dialled',
    },
    { id: 'next-priority', specs: [spec('a', 1), spec('b', 0)], steps: [], tried: ['b'], shares: { a: 100 }, rationale: 'fall over to what is left' },
    { id: 'all-tried', specs: [spec('a'), spec('b')], steps: [], tried: ['a', 'b'], shares: { tried: 100 }, rationale: 'the last failure is the answer' },
    {
      id: 'paused',
      specs: [spec('a'), spec('b', 1)],
      steps: [after('a', { type: 'rate_limited', retryAfterSeconds: 7 })],
      at: T + 6_999,
      shares: { b: 100 },
      rationale: 'Retry-After is honoured',
    },
    {
      id: 'pause-over',
      specs: [spec('a'), spec('b', 1)],
      steps: [after('a', { type: 'rate_limited', retryAfterSeconds: 7 })],
      at: T + 7_000,
      shares: { a: 100 },
      rationale: 'to the millisecond',
    },
    {
      id: 'pause-of-503',
      specs: [spec('a'), spec('b', 1)],
      steps: [after('a', { type: 'failed', retryAfterSeconds: 7 })],
      at: T + 6_999,
      shares: { b: 100 },
      rationale: 'whoever asks for a pause gets it',
    },
    {
      id: 'all-paused',
      specs: [spec('a'), spec('b', 1)],
      steps: [after('a', { type: 'rate_limited', retryAfterSeconds: 7 }), after('b', { type: 'rate_limited', retryAfterSeconds: 3.2 })],
      shares: { 'rate_limited 4': 100 },
      rationale: 'the earliest to come back, in whole seconds',
    },
    { id: 'two-failures', specs: [spec('a'), spec('b', 1)], steps: [after('a', LOST, T, 2)], shares: { a: 100 }, rationale: 'two may be chance' },
    { id: 'three-failures', specs: [spec('a'), spec('b', 1)], steps: [after('a', LOST, T, 3)], shares: { b: 100 }, rationale: 'three in a row open the breaker' },
    {
      id: 'success-between',
      specs: [spec('a'), spec('b', 1)],
      steps: [after('a', LOST, T, 2), after('a', opened(5)), after('a', LOST, T, 2)],
      shares: { a: 100 },
      rationale: 'in a row',
    },
    {
      id: 'all-open',
      specs: [spec('a'), spec('b', 1)],
      steps: [after('a', LOST, T, 3), after('b', LOST, T + 400, 3)],
      at: T + 500,
      shares: { 'upstream_refused 1': 100 },
      rationale: 'nobody to dial, and when to come back',
    },
    { id: 'alone', specs: [spec('a')], steps: [after('a', LOST, T, 50)], shares: { a: 100 }, rationale: 'without another one a breaker would only delay the return' },
    {
      id: 'half-open',
      specs: [spec('a'), spec('b', 1)],
      steps: [after('a', LOST, T, 3)],
      at: T + 1_000,
      shares: { a: 100 },
      rationale: 'after the pause one probe goes',
    },
    {
      id: 'late-failures',
      specs: [spec('a'), spec('b', 1)],
      steps: [after('a', LOST, T, 3), after('a', LOST, T + 900, 30)],
      at: T + 1_000,
      shares: { a: 100 },
      rationale: 'dials that began before it opened do not keep it open',
    },
    {
      id: 'failed-probe',
      specs: [spec('a'), spec('b', 1)],
      steps: [after('a', LOST, T, 3), after('a', LOST, T + 1_000)],
      at: T + 2_999,
      shares: { b: 100 },
      rationale: 'the pause doubles',
    },
    {
      id: 'given-up',
      specs: [spec('a'), spec('b', 1)],
      steps: [after('a', { type: 'given_up' }, T, 9)],
      shares: { a: 100 },
      rationale: 'a client that left says nothing about the upstream',
    },
    {
      id: 'no-tokens-left',
      specs: [spec('a'), spec('b', 1)],
      steps: [knows('a', limit({ limit: 1000, remaining: 0, resetAt: T + 60_000 }))],
      shares: { b: 100 },
      rationale: 'its first answer would fail',
    },
    {
      id: 'filling-evenly',
      specs: [spec('a')],
      steps: [knows('a', limit({ limit: 1000, remaining: 0, resetAt: T + 60_000 }))],
      at: T + 600,
      shares: { a: 100 },
      rationale: 'a hundredth of the minute brings a hundredth of the limit',
    },
    {
      id: 'little-left',
      specs: [spec('a'), spec('b', 1)],
      steps: [knows('a', limit({ limit: 1000, remaining: 0, resetAt: T + 60_000 }))],
      at: T + 5_999,
      shares: { b: 100 },
      rationale: 'below a tenth other relays may have taken the rest',
    },
    {
      id: 'enough-left',
      specs: [spec('a'), spec('b', 1)],
      steps: [knows('a', limit({ limit: 1000, remaining: 0, resetAt: T + 60_000 }))],
      at: T + 6_000,
      shares: { a: 100 },
      rationale: 'from a tenth on it goes first again',
    },
    {
      id: 'taken-since',
      specs: [spec('a'), spec('b', 1)],
      steps: [knows('a', limit({ name: 'requests', limit: 10, remaining: 5, resetAt: T + 60_000 })), after('a', opened(5), T, 5)],
      shares: { b: 100 },
      rationale: 'sessions opened since count, although nobody reported them yet',
    },
    {
      id: 'taken-and-read-again',
      specs: [spec('a'), spec('b', 1)],
      steps: [after('a', opened(5), T, 50), knows('a', limit({ name: 'requests', limit: 10, remaining: 5, resetAt: T + 60_000 }))],
      shares: { a: 100 },
      rationale: 'the report knows them now',
    },
    {
      id: 'when-there-is-one-request-again',
      specs: [spec('a')],
      steps: [knows('a', limit({ name: 'requests', limit: 6, remaining: 0, resetAt: T + 60_000 }))],
      shares: { 'rate_limited 10': 100 },
      rationale: 'a sixth of a minute for one of six',
    },
    {
      id: 'refusal-of-another-relay',
      specs: [spec('a'), spec('b', 1)],
      steps: [knows('a', limit({ name: 'requests', source: 'http_429', remaining: 0, resetAt: T + 5_000 }))],
      at: T + 4_999,
      shares: { b: 100 },
      rationale: 'what one relay was told holds for all',
    },
    {
      id: 'word-is-over',
      specs: [spec('a'), spec('b', 1)],
      steps: [knows('a', limit({ name: 'requests', source: 'http_429', remaining: 0, resetAt: T + 5_000 }))],
      at: T + 5_000,
      shares: { a: 100 },
      rationale: 'nothing is known about now',
    },
    {
      id: 'our-own-arithmetic',
      specs: [spec('a'), spec('b', 1)],
      steps: [knows('a', limit({ source: 'usage', limit: 100, remaining: 0, resetAt: T + 60_000 }))],
      shares: { b: 100 },
      rationale: 'a reason to prefer another one',
    },
    {
      id: 'our-own-arithmetic-alone',
      specs: [spec('a')],
      steps: [knows('a', limit({ source: 'usage', limit: 100, remaining: 0, resetAt: T + 60_000 }))],
      shares: { a: 100 },
      rationale: 'and none to refuse',
    },
    {
      id: 'refusal-without-a-time',
      specs: [spec('a')],
      steps: [knows('a', limit({ source: 'inference_rate_limit_exceeded', remaining: 0 }))],
      shares: { a: 100 },
      rationale: 'nobody could say when to come back',
    },
    {
      id: 'configured-alone',
      specs: [spec('a'), spec('b', 1)],
      steps: [knows('a', limit({ source: 'configured', limit: 100 }))],
      shares: { a: 100 },
      rationale: 'says nothing about what is left',
    },
    {
      id: 'room',
      specs: [spec('a'), spec('b')],
      steps: [knows('a', limit({ source: 'usage', limit: 100, remaining: 25, resetAt: T + 60_000 }))],
      shares: { a: 20, b: 80 },
      rationale: 'the emptier one gets less',
    },
    { id: 'latency', specs: [spec('a'), spec('b')], steps: [after('a', opened(50)), after('b', opened(150))], shares: { a: 75, b: 25 }, rationale: 'the slower one gets less' },
    {
      id: 'slowest',
      specs: [spec('a'), spec('b')],
      steps: [after('a', opened(50)), after('b', opened(5_000))],
      shares: { a: 80, b: 20 },
      rationale: 'but never nothing, or nobody would see it recover',
    },
    {
      id: 'old-latency',
      specs: [spec('a'), spec('b')],
      steps: [after('a', opened(50)), after('b', opened(5_000))],
      at: T + 60_000,
      shares: { a: 50, b: 50 },
      rationale: 'a minute later it says nothing',
    },
    {
      id: 'doubtful-behind-lower-priority',
      specs: [spec('a', 0), spec('b', 5)],
      steps: [knows('a', limit({ source: 'rate_limit_exceeded', remaining: 0 }))],
      shares: { b: 100 },
      rationale: 'better a far one that works',
    },
    {
      id: 'paused-and-open',
      specs: [spec('a'), spec('b')],
      steps: [after('a', { type: 'rate_limited', retryAfterSeconds: 30 }), after('b', LOST, T, 3)],
      shares: { 'rate_limited 1': 100 },
      rationale: 'a matter of quota, and the earliest of both',
    },
  ]

describe('choose', () => {
  it.each(CASES)('$id: $rationale', ({ specs, steps, at, tried, wish, shares: expected }) => {
    const state = steps.reduce((one, step) => step(one), openingChoice(specs, T))
    expect(shares(state, at ?? T, tried, wish)).toEqual(expected)
  })

  it('lets one probe at a time through a half-open breaker, and closes it when that works', () => {
    let state = openingChoice([spec('a'), spec('b', 1)], T)
    for (let i = 0; i < 3; i++) state = dialled(state, 'a', LOST, T)
    const ask = (now: number) => {
      const [next, choice] = choose(state, { now, draw: 0, tried: new Set() })
      state = next
      return 'dial' in choice ? choice.dial : choice.refuse
    }
    const now = T + 1_000
    expect([ask(now), ask(now), ask(now)]).toEqual(['a', 'b', 'b'])
    expect(viewOfUpstreams(state, now).map((view) => view.breaker)).toEqual(['half_open', 'closed'])
    state = dialled(state, 'a', { type: 'given_up' }, now)
    expect([ask(now), ask(now)], 'nobody waited for the probe').toEqual(['a', 'b'])
    expect(ask(now + 200_000), 'the probe was lost').toBe('a')
    state = dialled(state, 'a', opened(3), now)
    expect([ask(now), ask(now)]).toEqual(['a', 'a'])
    expect(viewOfUpstreams(state, now)[0]).toEqual({ name: 'a', breaker: 'closed', freeFrom: now, latencyMs: 3 })
  })

  it('probes a dead upstream that is the last one left a second after the last failure, one client at a time', () => {
    let state = openingChoice([spec('a'), spec('b')], T)
    let now = T
    const fail = (name: string, times = 1) => {
      for (let i = 0; i < times; i++) state = dialled(state, name, LOST, now)
    }
    const ask = () => {
      const [next, choice] = choose(state, { now, draw: 0, tried: new Set() })
      state = next
      return 'dial' in choice ? choice.dial : choice.refuse
    }
    for (let i = 0; i < 6; i++) {
      fail('a', 3)
      fail('b', 3)
      now += 20_000
    }
    now -= 20_000
    expect(ask(), 'both just failed').toBe('upstream_refused')
    now += 1_000
    expect([ask(), ask(), ask()], 'a client each, no more').toEqual(['a', 'b', 'upstream_refused'])
    fail('a')
    expect(ask()).toBe('upstream_refused')
    now += 999
    expect(ask()).toBe('upstream_refused')
    now += 1
    expect(ask()).toBe('a')
    state = dialled(state, 'a', opened(5), now)
    expect([ask(), ask()], 'it is back').toEqual(['a', 'a'])
  })

  it('pauses a dead upstream for longer and longer, half a minute at most', () => {
    let state = openingChoice([spec('a'), spec('b', 1)], T)
    let now = T
    for (let i = 0; i < 2; i++) state = dialled(state, 'a', LOST, now)
    const pauses: number[] = []
    for (let i = 0; i < 8; i++) {
      state = dialled(state, 'a', LOST, now)
      const from = viewOfUpstreams(state, now)[0]?.freeFrom ?? 0
      pauses.push((from - now) / 1000)
      now = from
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 30, 30, 30])
  })

  it('bounds a storm of extra dials', () => {
    let state = openingChoice([spec('a'), spec('b'), spec('c')], T)
    let extra = 0
    for (let client = 0; client < 1_000; client++) {
      const tried = new Set<string>()
      for (;;) {
        const [next, choice] = choose(state, { now: T, draw: 0, tried })
        state = next
        if (!('dial' in choice)) break
        if (tried.size > 0) extra++
        tried.add(choice.dial)
      }
    }
    expect(extra).toBeGreaterThanOrEqual(100)
    expect(extra).toBeLessThanOrEqual(100 + RETRY_BURST + 1)
  })
})

describe('for any history', () => {
  const specs = [spec('a', 0, 3), spec('b', 0, 1), spec('c', 1, 1), spec('d', 2, 5)]
  const outcome = fc.oneof(
    fc.record({ type: fc.constant('opened' as const), latencyMs: fc.integer({ min: 0, max: 5_000 }) }),
    fc.record({ type: fc.constant('rate_limited' as const), retryAfterSeconds: fc.constantFrom(0, 1, 7, 60) }),
    fc.constant({ type: 'failed' as const }),
    fc.record({ type: fc.constant('failed' as const), retryAfterSeconds: fc.constantFrom(1, 30) }),
    fc.constant({ type: 'given_up' as const }),
  )
  const limits = fc.array(
    fc.record({
      name: fc.constantFrom('tokens', 'requests'),
      source: fc.constantFrom('event', 'usage', 'http_429', 'configured'),
      remaining: fc.constantFrom(0, 5, 100),
      reset: fc.constantFrom(-1, 1, 60),
    }),
    { maxLength: 2 },
  )
  const step = fc.record({
    wait: fc.constantFrom(0, 1, 100, 1_000, 20_000, -50),
    draw: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    outcomes: fc.array(outcome, { minLength: 4, maxLength: 4 }),
    limits: fc.option(limits, { nil: undefined }),
    about: fc.constantFrom('a', 'b', 'c', 'd'),
  })

  it('dials only free, untried upstreams, refuses only if there is none or the budget is spent, and keeps the budget', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        let state = openingChoice(specs, T)
        let now = T
        let latest = T
        let dials = 0
        let extra = 0
        for (const { wait, draw, outcomes, limits: seen, about } of steps) {
          now += wait
          latest = Math.max(latest, now)
          if (seen) {
            const at = now
            state = limitsSeen(
              state,
              about,
              seen.map(({ name, source, remaining, reset }) => ({ name, source: source as LimitRecord['source'], limit: 100, remaining, resetAt: at + reset * 1000, at })),
            )
          }
          const tried = new Set<string>()
          for (const result of outcomes) {
            const untried = viewOfUpstreams(state, now).filter((view) => !tried.has(view.name))
            const healthy = untried.filter((view) => view.freeFrom <= now)
            // Dead upstreams may be probed if no other is left for a client's first dial.
            const free = healthy.length === 0 && tried.size === 0 ? untried.filter((view) => view.breaker === 'open' && 'dial' in choose(state, { now, draw, tried })[1]) : healthy
            const [next, choice] = choose(state, { now, draw, tried })
            state = next
            if (!('dial' in choice)) {
              if (choice.refuse === 'retry_budget') expect(tried.size).toBeGreaterThan(0)
              else expect(free).toEqual([])
              if ('retryAfterSeconds' in choice) {
                expect(tried.size).toBe(0)
                expect(choice.retryAfterSeconds).toBeGreaterThanOrEqual(1)
              }
              break
            }
            expect(free.map((view) => view.name)).toContain(choice.dial)
            if (tried.size > 0) extra++
            else dials++
            tried.add(choice.dial)
            state = dialled(state, choice.dial, result, now)
            if (result.type === 'opened') break
          }
        }
        expect(extra).toBeLessThanOrEqual(RETRY_BURST + 1 + Math.max(dials * 0.1, (latest - T) / 1000) + 1)
      }),
      { numRuns: 400 },
    )
  })

  it('dials every upstream again after a minute without events', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), outcome), { maxLength: 40 }), (history) => {
        const state = history.reduce((one, [name, result]) => dialled(one, name, result, T), openingChoice(specs, T))
        const later = T + 60_000
        expect(viewOfUpstreams(state, later).map((view) => view.freeFrom)).toEqual([later, later, later, later])
      }),
      { numRuns: 300 },
    )
  })
})
