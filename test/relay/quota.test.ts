// The look at what a caller has used: which windows are read, until when they last, and that nobody waits for a store that does not answer.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { NO_AMOUNTS, type QuotaPolicy, type QuotaRule, type ReserveAnswer, type ReserveRequest } from '../../src/core/policy/quota.js'
import type { UsageOwner } from '../../src/ports/store.js'
import { quotaUsage, reserveQuota, windowsFor } from '../../src/relay/quota.js'
import { settle } from '../support/memory-link.js'
import { ev } from '../support/playbook.js'
import { NOW as LAB_NOW, openLab } from '../support/relay-lab.js'

const NOW = Date.UTC(2026, 11, 31, 23, 59, 12, 345)
const rule = (per: QuotaRule['per'], of: QuotaRule['of'] = 'responses', max = 2): QuotaRule => ({ of, per, max })
const policy = (...rules: QuotaRule[]): QuotaPolicy => ({ rules, failOpen: true, currency: 'USD' })
const NEW_YEAR = Date.UTC(2027, 0, 1)

afterEach(() => vi.useRealTimers())

describe('quotaUsage', () => {
  it('reads the user’s window of each period once, and says when it ends', async () => {
    const asked: [UsageOwner, string][] = []
    const usageOf = async (owner: UsageOwner, window: string) => {
      asked.push([owner, window])
      return { responses: window.length }
    }
    const rules = policy(rule('minute'), rule('minute', 'tokens'), rule('day'), rule('month'), rule('session', 'money'))
    expect(await quotaUsage({ usageOf }, 'alice', rules, NOW, { cost_usd: 1 })).toEqual({
      minute: { counters: { responses: 16 }, endsAt: NEW_YEAR },
      day: { counters: { responses: 10 }, endsAt: NEW_YEAR },
      month: { counters: { responses: 7 }, endsAt: NEW_YEAR },
      session: { counters: { cost_usd: 1 }, endsAt: undefined },
    })
    expect(asked.map(([owner, window]) => [owner.kind, owner.name, window])).toEqual([
      ['subject', 'alice', '2026-12-31T23:59'],
      ['subject', 'alice', '2026-12-31'],
      ['subject', 'alice', '2026-12'],
    ])
  })

  it('asks nobody about the session alone', async () => {
    const usageOf = () => Promise.reject(new Error('asked'))
    expect(await quotaUsage({ usageOf }, 'alice', policy(rule('session', 'money')), NOW)).toEqual({ session: { counters: {}, endsAt: undefined } })
  })

  it('knows nothing when the store rejects, or takes too long', async () => {
    expect(await quotaUsage({ usageOf: () => Promise.reject(new Error('away')) }, 'alice', policy(rule('day')), NOW)).toBeUndefined()
    vi.useFakeTimers()
    const late = quotaUsage({ usageOf: () => new Promise(() => undefined) }, 'alice', policy(rule('day')), NOW)
    await vi.advanceTimersByTimeAsync(250)
    expect(await late).toBeUndefined()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('reserveQuota', () => {
  const amounts = { ...NO_AMOUNTS, responses: 1 }
  const holder = { subject: 'alice', holder: 's1', hold: amounts, session: { cost_usd: 1 } }

  it('asks for every rule that others share, and tells what the periods hold', async () => {
    const asked: ReserveRequest[] = []
    const reserve = async (request: ReserveRequest) => {
      asked.push(request)
      return { granted: true, held: amounts, windows: { '2026-12-31T23:59': { responses: 1 }, '2026-12': { responses: 5 } } }
    }
    const rules = policy(rule('minute'), rule('month', 'audioMinutes', 5), rule('minute', 'money', 9), rule('session', 'money'))
    expect(await reserveQuota({ reserve }, rules, NOW, holder)).toEqual({
      granted: true,
      held: amounts,
      usage: {
        minute: { counters: { responses: 1 }, endsAt: NEW_YEAR },
        month: { counters: { responses: 5 }, endsAt: NEW_YEAR },
        session: { counters: { cost_usd: 1 }, endsAt: undefined },
      },
    })
    expect(asked).toEqual([
      {
        subject: 'alice',
        holder: 's1',
        hold: amounts,
        ttlMs: 240_000,
        checks: [
          { of: 'responses', window: '2026-12-31T23:59', max: 2, counters: ['responses'], each: 1 },
          { of: 'money', window: '2026-12-31T23:59', max: 9, counters: ['cost_usd'], each: 1 },
          { of: 'audioMinutes', window: '2026-12', max: 5, counters: ['input_audio_seconds', 'output_audio_seconds'], each: 60 },
        ],
      },
    ])
  })

  it('asks nobody about the session alone', async () => {
    const reserve = () => Promise.reject(new Error('asked'))
    expect(await reserveQuota({ reserve }, policy(rule('session', 'money')), NOW, holder)).toMatchObject({ granted: true, usage: { session: { counters: { cost_usd: 1 } } } })
  })

  it('knows nothing when the store rejects, or takes too long', async () => {
    expect(await reserveQuota({ reserve: () => Promise.reject(new Error('away')) }, policy(rule('day')), NOW, holder)).toBeUndefined()
    vi.useFakeTimers()
    const late = reserveQuota({ reserve: () => new Promise(() => undefined) }, policy(rule('day')), NOW, holder)
    await vi.advanceTimersByTimeAsync(250)
    expect(await late).toBeUndefined()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('windowsFor', () => {
  it.each([
    { id: 'no-quota', rules: undefined, windows: undefined },
    { id: 'day-and-session', rules: policy(rule('day'), rule('session')), windows: undefined },
    { id: 'minute', rules: policy(rule('minute')), windows: ['minute'] },
    { id: 'both', rules: policy(rule('month'), rule('minute')), windows: ['minute', 'month'] },
  ])('$id', ({ rules, windows }) => {
    expect(windowsFor(rules)).toEqual(windows)
  })
})

describe('a session under a quota', () => {
  const TODAY = new Date(LAB_NOW).toISOString().slice(0, 10)
  const answer = (responses: number, granted = true): ReserveAnswer => ({ granted, held: NO_AMOUNTS, windows: { [TODAY]: { responses } } })

  function open() {
    const asked: { request: ReserveRequest; answer: (value: ReserveAnswer) => void }[] = []
    const lab = openLab({ profile: { tools: [], quota: policy(rule('day')) }, reserve: (request) => new Promise((resolve) => asked.push({ request, answer: resolve })) })
    return { lab, asked }
  }

  it('holds the client’s response.create until the store has answered, and lets go when it is done', async () => {
    const { lab, asked } = open()
    await lab.live()
    lab.client.say({ type: 'response.create', event_id: 'mine' })
    await settle()
    expect(await lab.upstream.types()).not.toContain('response.create')
    expect(asked[0]?.request).toMatchObject({ subject: 'alice', holder: 'sess-4711', hold: { responses: 1, tokens: 4096, audioMinutes: 4096 / 1200, money: 0 } })
    asked.shift()?.answer(answer(1))
    expect(await lab.upstream.hear()).toMatchObject({ type: 'response.create', event_id: 'mine' })
    lab.upstream.say(ev.created('r'))
    await settle()
    expect(lab.released).toEqual([])
    lab.upstream.say(ev.done('r'))
    await settle()
    expect(lab.released).toEqual([['alice', 'sess-4711']])
    await lab.client.types()
    lab.client.say({ type: 'response.create', event_id: 'again' })
    await settle()
    asked.shift()?.answer(answer(2, false))
    expect(await lab.client.hear()).toMatchObject({ type: 'error', error: { code: 'budget_spent', event_id: 'again' } })
  })

  it('lets go when it ends in an answer, and when it ends before the store has answered', async () => {
    const { lab, asked } = open()
    await lab.live()
    lab.client.say({ type: 'response.create' })
    await settle()
    lab.client.close(1000, '')
    await settle()
    expect(lab.released).toHaveLength(1)
    asked.shift()?.answer(answer(0))
    await settle()
    expect(lab.released).toEqual([
      ['alice', 'sess-4711'],
      ['alice', 'sess-4711'],
    ])
  })
})
