// The sheet of quotas: what is left of each rule, and which rule refuses a response.
import { describe, expect, it } from 'vitest'
import { type QuotaPolicy, type QuotaRule, type QuotaUsage, quotaLeft, spentRule } from '../../../src/core/policy/quota.js'

const rule = (of: QuotaRule['of'], per: QuotaRule['per'], max: number): QuotaRule => ({ of, per, max })
const policy = (...rules: QuotaRule[]): QuotaPolicy => ({ rules, failOpen: true, currency: 'EUR' })
const period = (counters: Record<string, number>, endsAt = 60_000) => ({ counters, endsAt })

const SHEET: { id: string; rule: QuotaRule; usage: QuotaUsage; left: object }[] = [
  { id: 'responses', rule: rule('responses', 'minute', 10), usage: { minute: period({ responses: 4 }) }, left: { used: 4, remaining: 6, resetsAt: 60_000, low: false } },
  {
    id: 'tokens-of-all-kinds',
    rule: rule('tokens', 'day', 1_000),
    usage: { day: period({ input_tokens: 500, output_tokens: 300, transcription_input_tokens: 20, transcription_output_tokens: 5, input_text_tokens: 500 }) },
    left: { used: 825, remaining: 175, low: true },
  },
  {
    id: 'audio-both-ways',
    rule: rule('audioMinutes', 'month', 3),
    usage: { month: period({ input_audio_seconds: 60, output_audio_seconds: 30 }) },
    left: { used: 1.5, remaining: 1.5 },
  },
  { id: 'money', rule: rule('money', 'day', 2), usage: { day: period({ cost_eur: 0.5, cost_usd: 99 }) }, left: { used: 0.5, remaining: 1.5 } },
  {
    id: 'session',
    rule: rule('money', 'session', 1),
    usage: { session: { counters: { cost_eur: 1.25 }, endsAt: undefined } },
    left: { used: 1.25, remaining: 0, resetsAt: undefined, low: true },
  },
  { id: 'nothing-used', rule: rule('responses', 'minute', 10), usage: {}, left: { used: 0, remaining: 10, resetsAt: undefined, low: false } },
  { id: 'exactly-used-up', rule: rule('responses', 'minute', 10), usage: { minute: period({ responses: 10 }) }, left: { remaining: 0 } },
  { id: 'another-period', rule: rule('responses', 'day', 10), usage: { minute: period({ responses: 10 }) }, left: { remaining: 10 } },
]

describe('quotaLeft', () => {
  it.each(SHEET)('$id', ({ rule: one, usage, left }) => {
    expect(quotaLeft(policy(one), usage)).toMatchObject([{ ...one, ...left }])
  })

  it('counts no money without prices', () => {
    expect(quotaLeft({ ...policy(rule('money', 'day', 2)), currency: undefined }, { day: period({ cost_eur: 9 }) })).toMatchObject([{ used: 0 }])
  })
})

describe('spentRule', () => {
  const minute = rule('responses', 'minute', 1)
  const day = rule('tokens', 'day', 1)
  const session = rule('money', 'session', 1)
  const spent = (usage: QuotaUsage) => spentRule(quotaLeft(policy(minute, day, session), usage))

  it.each([
    { id: 'none', usage: {}, per: undefined },
    { id: 'the minute', usage: { minute: period({ responses: 1 }, 60_000) }, per: 'minute' },
    { id: 'the day outlasts the minute', usage: { minute: period({ responses: 1 }, 60_000), day: period({ input_tokens: 1 }, 86_400_000) }, per: 'day' },
    { id: 'the session outlasts everything', usage: { day: period({ input_tokens: 1 }, 86_400_000), session: { counters: { cost_eur: 1 }, endsAt: undefined } }, per: 'session' },
  ])('$id', ({ usage, per }) => {
    expect(spent(usage)?.per).toBe(per)
  })
})

it('what other answers hold counts against a period of the clock, never against the session', () => {
  const held = { responses: 2, tokens: 0, audioMinutes: 0, money: 0 }
  const usage: QuotaUsage = { minute: period({ responses: 1 }), session: { counters: { responses: 1 }, endsAt: undefined } }
  const [minute, session] = quotaLeft(policy(rule('responses', 'minute', 5), rule('responses', 'session', 5)), usage, held)
  expect([minute?.remaining, session?.remaining]).toEqual([2, 4])
})

it('of rules that are used up for equally long the first is named', () => {
  const usage: QuotaUsage = { day: period({ responses: 9, input_tokens: 9 }) }
  expect(spentRule(quotaLeft(policy(rule('tokens', 'day', 1), rule('responses', 'day', 1)), usage))?.of).toBe('tokens')
})
