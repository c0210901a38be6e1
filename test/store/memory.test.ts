// The in-process store: its contract and its bounds.
import { describe, expect, it } from 'vitest'
import { createMemoryStore } from '../../src/store/memory/store.js'
import { storeContract } from '../contract/store.js'

storeContract('in process', async () => ({
  shared: false,
  open: async (now) => createMemoryStore({ now }),
  usageOf: async (store, subject, day) => store.usage.usageOf({ kind: 'subject', name: subject }, day),
}))

describe('memory store bounds', () => {
  const T = Date.UTC(2026, 10, 25)
  const DAY_MS = 86_400_000
  const user = (name: string) => ({ kind: 'subject', name }) as const

  it('drops the least recently used of more than ten thousand buckets', async () => {
    const store = createMemoryStore({ now: () => T })
    const rule = { perSecond: 0, burst: 1 }
    await store.rates.take('old', 1, rule)
    await store.rates.take('busy', 1, rule)
    for (let i = 0; i < 9_999; i++) await store.rates.take(`k${i}`, 1, rule)
    expect(await store.rates.take('busy', 1, rule)).toMatchObject({ ok: false })
    expect(await store.rates.take('old', 1, rule), 'evicted, so full again').toMatchObject({ ok: true })
  })

  it('keeps a user’s counters for the configured days', async () => {
    let now = T
    const store = createMemoryStore({ now: () => now, usageRetentionDays: 2 })
    const report = (at: number) => store.usage.recordUsage({ subject: 'alice', deployment: 'd', at, counters: { responses: 1 } })
    report(T)
    now = T + 2 * DAY_MS
    report(now)
    expect(await store.usage.usageOf(user('alice'), '2026-11-25')).toEqual({ responses: 1 })
    now = T + 3 * DAY_MS
    report(now)
    expect(await store.usage.usageOf(user('alice'), '2026-11-25')).toEqual({})
    expect(await store.usage.usageOf(user('alice'), '2026-11-27')).toEqual({ responses: 1 })
  })

  it('drops every ticket that is too old before one that is not, also behind one that lives long', async () => {
    let now = T
    const { tickets } = createMemoryStore({ now: () => now })
    const sealed = Buffer.from('x')
    await tickets.keep('long', sealed, DAY_MS)
    for (let i = 0; i < 9_998; i++) await tickets.keep(`short ${i}`, sealed, 1_000)
    now += 1_000
    // Twice as many as there is room for, had those before them not made room.
    for (let i = 0; i < 9_999; i++) await tickets.keep(`next ${i}`, sealed, 60_000)
    expect(await Promise.all([tickets.has('long'), tickets.has('next 0'), tickets.has('next 9998')])).toEqual([true, true, true])
    await tickets.keep('one too many', sealed, 60_000)
    expect(await Promise.all([tickets.has('long'), tickets.has('next 0'), tickets.has('one too many')])).toEqual([false, true, true])
  })

  it('bounds users, limit names and deployments', async () => {
    const store = createMemoryStore({ now: () => T })
    for (let i = 0; i <= 20_000; i++) store.usage.recordUsage({ subject: `u${i}`, deployment: 'd', at: T, counters: { responses: 1 } })
    expect(await store.usage.usageOf(user('u0'), '2026-11-25')).toEqual({})
    expect(await store.usage.usageOf(user('u20000'), '2026-11-25')).toEqual({ responses: 1 })
    for (let i = 0; i < 100; i++) store.limits.recordLimits({ deployment: 'd', source: 'event', at: T, limits: [{ name: `n${i}`, remaining: 1 }] })
    expect(await store.limits.limitsOf('d')).toHaveLength(64)
    for (let i = 0; i < 1_000; i++) store.limits.recordLimits({ deployment: `d${i}`, source: 'event', at: T, limits: [{ name: 'n', remaining: 1 }] })
    expect(await store.limits.limitsOf('d')).toEqual([])
  })
})
