// What every UsageBook must do: add counters up per owner and window, each report once.
import { describe, expect, it } from 'vitest'
import type { UsageOwner, UsageReport } from '../../../src/ports/store.js'
import { DAY, eventually, type MakeHarness, storeLab, T } from './lab.js'

export function usageContract(name: string, makeHarness: MakeHarness): void {
  describe(`UsageBook contract: ${name}`, () => {
    const lab = storeLab(makeHarness)

    const usage = (rest: Partial<UsageReport> & Pick<UsageReport, 'counters'>): UsageReport => ({ subject: 'alice', deployment: 'gpt-realtime', at: T, ...rest })

    it('adds counters up per user and UTC day', async () => {
      lab.store.usage.recordUsage(usage({ counters: { responses: 1, input_tokens: 100, seconds: 1.5 } }))
      lab.store.usage.recordUsage(usage({ counters: { responses: 1, input_tokens: 20, seconds: 0.25 } }))
      lab.store.usage.recordUsage(usage({ counters: { responses: 1 }, at: Date.UTC(2026, 10, 25, 23, 59, 59, 999) }))
      lab.store.usage.recordUsage(usage({ counters: { responses: 1 }, at: Date.UTC(2026, 10, 26) }))
      lab.store.usage.recordUsage(usage({ counters: { responses: 1 }, subject: 'bob' }))
      await eventually(async () => expect(await lab.harness.usageOf(lab.store, 'alice', DAY)).toEqual({ responses: 3, input_tokens: 120, seconds: 1.75 }))
      await eventually(async () => expect(await lab.harness.usageOf(lab.store, 'alice', '2026-11-26')).toEqual({ responses: 1 }))
      await eventually(async () => expect(await lab.harness.usageOf(lab.store, 'bob', DAY)).toEqual({ responses: 1 }))
    })

    it('counts a report with an id once, even if it is repeated after it was written or after midnight', async () => {
      const once = usage({ counters: { input_tokens: 7 }, onceId: 'resp_1' })
      lab.store.usage.recordUsage(once)
      lab.store.usage.recordUsage(once)
      await eventually(async () => expect(await lab.harness.usageOf(lab.store, 'alice', DAY)).toEqual({ input_tokens: 7 }))
      lab.store.usage.recordUsage(once)
      lab.store.usage.recordUsage(usage({ counters: { input_tokens: 7 }, onceId: 'resp_1', at: Date.UTC(2026, 10, 26) }))
      lab.store.usage.recordUsage(usage({ counters: { input_tokens: 1 }, onceId: 'resp_2' }))
      lab.store.usage.recordUsage(usage({ counters: { input_tokens: 100 }, onceId: 'resp_1', subject: 'bob' }))
      await eventually(async () => expect(await lab.harness.usageOf(lab.store, 'alice', DAY)).toEqual({ input_tokens: 8 }))
      await eventually(async () => expect(await lab.harness.usageOf(lab.store, 'bob', DAY)).toEqual({ input_tokens: 100 }))
      expect(await lab.harness.usageOf(lab.store, 'alice', '2026-11-26')).toEqual({})
    })

    it('also adds to the tenant, the profile and the deployment, once per id each', async () => {
      const named = { tenant: 'acme', profile: 'vip' }
      lab.store.usage.recordUsage(usage({ ...named, counters: { responses: 1, cost_usd: 0.25 }, onceId: 'resp_1' }))
      lab.store.usage.recordUsage(usage({ ...named, counters: { responses: 1, cost_usd: 0.25 }, onceId: 'resp_1' }))
      lab.store.usage.recordUsage(usage({ ...named, subject: 'bob', counters: { responses: 1, cost_usd: 0.125 }, onceId: 'resp_2' }))
      lab.store.usage.recordUsage(usage({ subject: 'carol', tenant: 'acme', counters: { sessions: 1 } }))
      const of = (kind: UsageOwner['kind'], name: string) => lab.store.usage.usageOf({ kind, name }, DAY)
      await eventually(async () => expect(await of('tenant', 'acme')).toEqual({ responses: 2, cost_usd: 0.375, sessions: 1 }))
      await eventually(async () => expect(await of('deployment', 'gpt-realtime')).toEqual({ responses: 2, cost_usd: 0.375, sessions: 1 }))
      await eventually(async () => expect(await of('profile', 'vip')).toEqual({ responses: 2, cost_usd: 0.375 }))
      expect(await of('subject', 'alice')).toEqual({ responses: 1, cost_usd: 0.25 })
      expect(await of('subject', 'acme')).toEqual({})
      expect(await of('tenant', 'alice')).toEqual({})
    })

    it('returns at once what this instance has just reported', async () => {
      for (let i = 1; i <= 5; i++) {
        lab.store.usage.recordUsage(usage({ counters: { responses: 1 }, onceId: `resp_${i}` }))
        expect(await lab.store.usage.usageOf({ kind: 'subject', name: 'alice' }, DAY)).toEqual({ responses: i })
      }
    })

    it('also counts the user’s month and minute if a report asks for it, once per id each', async () => {
      const windows = ['minute', 'month'] as const
      const of = (window: string, owner: UsageOwner = { kind: 'subject', name: 'alice' }) => lab.store.usage.usageOf(owner, window)
      lab.store.usage.recordUsage(usage({ windows, counters: { responses: 1 }, onceId: 'resp_1' }))
      lab.store.usage.recordUsage(usage({ windows, counters: { responses: 1 }, onceId: 'resp_1' }))
      lab.store.usage.recordUsage(usage({ windows, counters: { responses: 1 }, onceId: 'resp_2', at: T + 60_000 }))
      lab.store.usage.recordUsage(usage({ counters: { sessions: 1 } }))
      await eventually(async () => expect(await of('2026-11')).toEqual({ responses: 2 }))
      await eventually(async () => expect(await of('2026-11-25T12:01')).toEqual({ responses: 1 }))
      expect(await of('2026-11-25T12:00')).toEqual({ responses: 1 })
      await eventually(async () => expect(await of(DAY)).toEqual({ responses: 2, sessions: 1 }))
      expect(await of('2026-11', { kind: 'deployment', name: 'gpt-realtime' })).toEqual({})
    })

    it('keeps owners with similar names apart', async () => {
      const owners: UsageOwner[] = [
        { kind: 'subject', name: 'tenant:{a}' },
        { kind: 'tenant', name: 'a' },
        { kind: 'profile', name: 'a' },
        { kind: 'subject', name: 'a' },
        { kind: 'subject', name: 'a}:once' },
      ]
      for (const [index, { kind, name: of }] of owners.entries()) {
        lab.store.usage.recordUsage({
          subject: `other-${index}`,
          deployment: '',
          at: T,
          counters: { input_tokens: index + 1 },
          ...(kind === 'subject' ? { subject: of } : { [kind]: of }),
        })
      }
      for (const [index, owner] of owners.entries()) {
        await eventually(async () => expect(await lab.store.usage.usageOf(owner, DAY), JSON.stringify(owner)).toEqual({ input_tokens: index + 1 }))
      }
    })

    it('ignores invalid counters, and never throws', async () => {
      lab.store.usage.recordUsage(usage({ counters: { 'a b': 1, nan: Number.NaN, inf: Number.POSITIVE_INFINITY, zero: 0, responses: 1 } }))
      lab.store.usage.recordUsage(usage({ counters: {}, onceId: 'resp_empty' }))
      lab.store.usage.recordUsage(usage({ counters: { responses: 1 }, at: Number.NaN }))
      await eventually(async () => expect(await lab.harness.usageOf(lab.store, 'alice', DAY)).toEqual({ responses: 1 }))
    })
  })
}
