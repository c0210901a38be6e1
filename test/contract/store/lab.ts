// Opens a store for each test of a contract: over new data, with a clock that the test moves.
import { afterEach, beforeEach, vi } from 'vitest'
import type { Store } from '../../../src/ports/store.js'

export interface StoreHarness {
  /** A new store over the same data, ready to be asked. */
  open(now: () => number): Promise<Store>
  /** Whether stores opened over the same data see each other. */
  readonly shared: boolean
  /** What has been recorded for a user and a UTC day. */
  usageOf(store: Store, subject: string, day: string): Promise<Readonly<Record<string, number>>>
}

export type MakeHarness = () => Promise<StoreHarness>

export interface StoreLab {
  readonly harness: StoreHarness
  readonly store: Store
  /** The store's clock, epoch milliseconds. */
  now: number
}

/** When every test begins: noon of `DAY`. */
export const T = Date.UTC(2026, 10, 25, 12, 0, 0)
export const DAY = '2026-11-25'

/** Its fields are those of the test that runs. */
export function storeLab(makeHarness: MakeHarness): StoreLab {
  const lab = { now: T } as { harness: StoreHarness; store: Store; now: number }
  beforeEach(async () => {
    lab.now = T
    lab.harness = await makeHarness()
    lab.store = await lab.harness.open(() => lab.now)
  })
  afterEach(async () => {
    await lab.store.close(2_000)
  })
  return lab
}

export const eventually = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 5_000, interval: 10 })
