// What every ConnectRates must do: grant the burst, then the rate.
import { describe, expect, it } from 'vitest'
import { type MakeHarness, storeLab } from './lab.js'

export function ratesContract(name: string, makeHarness: MakeHarness): void {
  describe(`ConnectRates contract: ${name}`, () => {
    const lab = storeLab(makeHarness)

    const rule = { perSecond: 2, burst: 3 }

    it('grants the burst, then says how long to wait, then refills', async () => {
      for (let i = 0; i < 3; i++) expect(await lab.store.rates.take('connect:alice', 1, rule)).toEqual({ ok: true, retryAfterMs: 0 })
      expect(await lab.store.rates.take('connect:alice', 1, rule)).toEqual({ ok: false, retryAfterMs: 500 })
      expect(await lab.store.rates.take('connect:bob', 1, rule)).toMatchObject({ ok: true })
      lab.now += 500
      expect(await lab.store.rates.take('connect:alice', 1, rule)).toMatchObject({ ok: true })
      expect(await lab.store.rates.take('connect:alice', 1, rule)).toMatchObject({ ok: false })
      lab.now += 3_600_000
      for (let i = 0; i < 3; i++) expect(await lab.store.rates.take('connect:alice', 1, rule)).toMatchObject({ ok: true })
      expect(await lab.store.rates.take('connect:alice', 1, rule)).toMatchObject({ ok: false })
    })

    it('takes nothing for a cost that is no positive number', async () => {
      for (const cost of [0, -5, Number.NaN]) expect(await lab.store.rates.take('k', cost, rule)).toMatchObject({ ok: true })
      expect(await lab.store.rates.take('k', 3, rule)).toMatchObject({ ok: true })
      expect(await lab.store.rates.take('k', 1, rule)).toMatchObject({ ok: false })
    })
  })
}
