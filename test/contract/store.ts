// What every Store must do: one suite for each part, run against each implementation, with a clock that the tests move.
import { describe, expect, it } from 'vitest'
import { callsContract } from './store/calls.js'
import { type MakeHarness, storeLab, T } from './store/lab.js'
import { leasesContract } from './store/leases.js'
import { limitsContract } from './store/limits.js'
import { onceContract } from './store/once.js'
import { quotaContract } from './store/quota.js'
import { ratesContract } from './store/rates.js'
import { revocationsContract } from './store/revocations.js'
import { usageContract } from './store/usage.js'

/** All parts but the directory, whose contract needs no clock: see `store/directory.ts`. */
export function storeContract(name: string, makeHarness: MakeHarness): void {
  limitsContract(name, makeHarness)
  usageContract(name, makeHarness)
  quotaContract(name, makeHarness)
  ratesContract(name, makeHarness)
  leasesContract(name, makeHarness)
  revocationsContract(name, makeHarness)
  callsContract(name, makeHarness)
  onceContract(name, makeHarness)

  describe(`Store contract: ${name}`, () => {
    const lab = storeLab(makeHarness)

    it('is healthy, and throws nothing if it is closed twice or used after that', async () => {
      const { store } = lab
      expect(await store.health()).toMatchObject({ status: 'ok' })
      await store.close(1_000)
      await store.close(1_000)
      store.limits.recordLimits({ deployment: 'gpt-realtime', source: 'event', at: T, limits: [{ name: 'tokens', remaining: 1 }], sessionId: 'sess_1', subject: 'alice' })
      store.usage.recordUsage({ subject: 'alice', deployment: 'gpt-realtime', at: T, counters: { responses: 1 } })
      expect(await store.rates.take('k', 1, { perSecond: 1, burst: 1 })).toMatchObject({ ok: true })
    })
  })
}
