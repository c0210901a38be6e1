// The look at what a caller has used: which windows are read, until when they last, and that nobody waits for a store that does not answer.
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { QuotaPolicy, QuotaRule } from '../../src/core/policy/quota.js'
import type { UsageOwner } from '../../src/ports.js'
import { quotaUsage, windowsFor } from '../../src/relay/quota.js'
import { settle } from '../support/memory-link.js'
import { openLab } from '../support/relay-lab.js'

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
  it('holds the client’s response.create until the store has answered', async () => {
    const answers: ((counters: Record<string, number>) => void)[] = []
    const lab = openLab({ profile: { tools: [], quota: policy(rule('day')) }, usageOf: () => new Promise((resolve) => answers.push(resolve)) })
    await lab.live()
    lab.client.say({ type: 'response.create', event_id: 'mine' })
    await settle()
    expect(await lab.upstream.types()).not.toContain('response.create')
    answers.shift()?.({ responses: 1 })
    expect(await lab.upstream.hear()).toMatchObject({ type: 'response.create', event_id: 'mine' })
    lab.client.say({ type: 'response.create', event_id: 'again' })
    await settle()
    answers.shift()?.({ responses: 2 })
    expect(await lab.client.hear()).toMatchObject({ type: 'error', error: { code: 'budget_spent', event_id: 'again' } })
  })
})
