// Adds up what was used, by owner and window. Keeps the latest windows that were added to, and none that is too old.
import type { UsageOwner } from '../../ports/store.js'
import { type Counter, dayOf, MAX_COUNTERS } from '../usage-windows.js'
import { createRecency, type Ranked } from './recency.js'

export interface UsageSums {
  add(owner: UsageOwner, window: string, counters: readonly Counter[]): void
  of(owner: UsageOwner, window: string): Readonly<Record<string, number>>
}

export interface UsageSumsOptions {
  /** Pairs of owner and window. Beyond them the one that was added to longest ago is dropped. */
  readonly most: number
  readonly retentionMs: number
  readonly now: () => number
}

interface Sums extends Ranked<Sums> {
  readonly owner: UsageOwner
  readonly window: string
  readonly counters: Map<string, { amount: number }>
}

type ByName = Map<string, Map<string, Sums>>

export function createUsageSums({ most, retentionMs, now }: UsageSumsOptions): UsageSums {
  // By the owner's kind and name, then by window: a key made of all three would be made anew for each report.
  const kept: Readonly<Record<UsageOwner['kind'], ByName>> = { subject: new Map(), tenant: new Map(), profile: new Map(), deployment: new Map() }
  const recency = createRecency<Sums>()
  let count = 0
  let oldestKept = ''

  function added(owner: UsageOwner, window: string): Sums {
    const byName = kept[owner.kind]
    const sums: Sums = { owner, window, counters: new Map(), older: undefined, newer: undefined }
    const windows = byName.get(owner.name)
    if (windows) windows.set(window, sums)
    else byName.set(owner.name, new Map([[window, sums]]))
    count++
    return sums
  }

  function drop(sums: Sums): void {
    const { kind, name } = sums.owner
    const windows = kept[kind].get(name)
    windows?.delete(sums.window)
    if (windows?.size === 0) kept[kind].delete(name)
    recency.forget(sums)
    count--
  }

  function forgetOldDays(): void {
    const oldest = dayOf(now() - retentionMs) ?? ''
    if (oldest === oldestKept) return
    oldestKept = oldest
    // A minute of an older day sorts before `oldest`. A month is compared by its month, so it stays while one of its days does.
    for (const byName of Object.values(kept))
      for (const windows of byName.values()) for (const sums of windows.values()) if (sums.window < oldest.slice(0, sums.window.length)) drop(sums)
  }

  return {
    add(owner, window, counters) {
      const known = kept[owner.kind].get(owner.name)?.get(window)
      if (!known) forgetOldDays()
      const sums = known ?? added(owner, window)
      for (const [name, amount] of counters) {
        const sum = sums.counters.get(name)
        if (sum) sum.amount += amount
        else if (sums.counters.size < MAX_COUNTERS) sums.counters.set(name, { amount })
      }
      recency.use(sums)
      const oldest = count > most ? recency.oldest() : undefined
      if (oldest) drop(oldest)
    },
    of({ kind, name }, window) {
      const counters = kept[kind].get(name)?.get(window)?.counters ?? []
      return Object.fromEntries([...counters].map(([counter, { amount }]) => [counter, amount]))
    },
  }
}
