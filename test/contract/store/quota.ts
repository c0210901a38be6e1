// What every QuotaHolds must do: never let more responses start than the quota has room for.
import { describe, expect, it } from 'vitest'
import { NO_AMOUNTS, type QuotaAmounts, type QuotaCheck, type ReserveRequest } from '../../../src/core/policy/quota.js'
import type { Store } from '../../../src/ports/store.js'
import { DAY, eventually, type MakeHarness, storeLab, T } from './lab.js'

export function quotaContract(name: string, makeHarness: MakeHarness): void {
  describe(`QuotaHolds contract: ${name}`, () => {
    const lab = storeLab(makeHarness)

    const daily = (max: number): QuotaCheck => ({ of: 'responses', window: DAY, max, counters: ['responses'], each: 1 })
    const ask = (holder: string, checks: readonly QuotaCheck[], hold: Partial<QuotaAmounts> = { responses: 1 }, subject = 'alice'): ReserveRequest => ({
      subject,
      holder,
      hold: { ...NO_AMOUNTS, ...hold },
      ttlMs: 60_000,
      checks,
    })
    const used = (counters: Record<string, number>, onceId?: string) =>
      lab.store.usage.recordUsage({ subject: 'alice', deployment: 'd', at: T, windows: ['minute'], counters, ...(onceId !== undefined && { onceId }) })

    it('counts both what is held and what is used, and returns both', async () => {
      used({ responses: 1 })
      expect(await lab.store.quota.reserve(ask('s1', [daily(3)]))).toEqual({ granted: true, held: NO_AMOUNTS, windows: { [DAY]: { responses: 1 } } })
      expect(await lab.store.quota.reserve(ask('s2', [daily(3)]))).toMatchObject({ granted: true, held: { responses: 1 } })
      expect(await lab.store.quota.reserve(ask('s3', [daily(3)]))).toMatchObject({ granted: false, held: { responses: 2 }, windows: { [DAY]: { responses: 1 } } })
      expect(await lab.store.quota.reserve(ask('s4', [daily(3)], { responses: 1 }, 'bob'))).toMatchObject({ granted: true, held: NO_AMOUNTS, windows: { [DAY]: {} } })
    })

    it('grants no more of many simultaneous requests than there is room for', async () => {
      const others = await Promise.all([1, 2, 3].map(() => lab.harness.open(() => lab.now)))
      const stores = lab.harness.shared ? [lab.store, ...others] : [lab.store]
      await Promise.all(stores.map((one) => eventually(async () => void (await one.quota.reserve(ask('first', [], {}))))))
      const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => (stores[i % stores.length] as Store).quota.reserve(ask(`s${i}`, [daily(7)]))))
      expect(answers.filter(({ granted }) => granted)).toHaveLength(7)
      await Promise.all(others.map((other) => other.close(1_000)))
    })

    it('releases a hold only after the usage is counted, so that one of the two always counts', async () => {
      for (let n = 1; n <= 5; n++) {
        expect(await lab.store.quota.reserve(ask('s1', [daily(5)]))).toMatchObject({ granted: true, held: NO_AMOUNTS, windows: { [DAY]: n === 1 ? {} : { responses: n - 1 } } })
        used({ responses: 1 }, `resp_${n}`)
        lab.store.quota.release('alice', 's1')
      }
      expect(await lab.store.quota.reserve(ask('s1', [daily(5)]))).toMatchObject({ granted: false, held: NO_AMOUNTS, windows: { [DAY]: { responses: 5 } } })
    })

    it('keeps a hold if another holder releases, or if its own next request is refused', async () => {
      await lab.store.quota.reserve(ask('s1', [daily(1)]))
      lab.store.quota.release('alice', 's2')
      lab.store.quota.release('bob', 's1')
      expect(await lab.store.quota.reserve(ask('s2', [daily(1)]))).toMatchObject({ granted: false })
      expect(await lab.store.quota.reserve(ask('s1', [daily(1)]))).toMatchObject({ granted: false, held: { responses: 1 } })
      lab.store.quota.release('alice', 's1')
      await eventually(async () => expect(await lab.store.quota.reserve(ask('s2', [daily(1)]))).toMatchObject({ granted: true }))
    })

    it('adds to a holder’s hold, and releases all of it at once', async () => {
      await lab.store.quota.reserve(ask('s1', [daily(5)], { responses: 1, tokens: 10 }))
      await lab.store.quota.reserve(ask('s1', [daily(5)], { responses: 1, tokens: 5.5 }))
      expect(await lab.store.quota.reserve(ask('s2', []))).toMatchObject({ granted: true, held: { responses: 2, tokens: 15.5, audioMinutes: 0, money: 0 }, windows: {} })
      lab.store.quota.release('alice', 's1')
      expect(await lab.store.quota.reserve(ask('s3', []))).toMatchObject({ held: { responses: 1, tokens: 0 } })
    })

    it('ends a hold that is never released', async () => {
      await lab.store.quota.reserve(ask('of a dead instance', [daily(1)]))
      lab.now += 59_999
      expect(await lab.store.quota.reserve(ask('s2', [daily(1)]))).toMatchObject({ granted: false })
      lab.now += 1
      expect(await lab.store.quota.reserve(ask('s2', [daily(1)]))).toMatchObject({ granted: true, held: NO_AMOUNTS })
    })

    it('checks every rule in its own unit and window', async () => {
      used({ responses: 1, input_tokens: 60, output_tokens: 39, input_audio_seconds: 90, cost_usd: 0.5 })
      const minute: QuotaCheck = { of: 'tokens', window: '2026-11-25T12:00', max: 100, counters: ['input_tokens', 'output_tokens', 'never_heard_of'], each: 1 }
      const spoken: QuotaCheck = { of: 'audioMinutes', window: DAY, max: 1.6, counters: ['input_audio_seconds'], each: 60 }
      const money: QuotaCheck = { of: 'money', window: DAY, max: 0.500001, counters: ['cost_usd'], each: 1 }
      expect(await lab.store.quota.reserve(ask('s1', [minute, spoken, money], {}))).toMatchObject({
        granted: true,
        windows: { '2026-11-25T12:00': { input_tokens: 60 }, [DAY]: { input_audio_seconds: 90 } },
      })
      expect(await lab.store.quota.reserve(ask('s1', [{ ...minute, max: 99 }], {}))).toMatchObject({ granted: false })
      expect(await lab.store.quota.reserve(ask('s1', [spoken, { ...money, max: 0.5 }], {}))).toMatchObject({ granted: false })
      expect(await lab.store.quota.reserve(ask('s1', [spoken], { audioMinutes: 0.1 }))).toMatchObject({ granted: true })
      expect(await lab.store.quota.reserve(ask('s2', [spoken], {})), '1.5 used, 0.1 held').toMatchObject({ granted: false })
      expect(await lab.store.quota.reserve(ask('s2', [money, minute], {})), 'other units have room of their own').toMatchObject({ granted: true })
      expect(await lab.store.quota.reserve(ask('s3', [{ ...daily(0) }], {}, 'bob')), 'nothing is allowed').toMatchObject({ granted: false })
    })
  })
}
