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

export function createUsageSums({ most, retentionMs, now }: UsageSumsOptions): UsageSums {
  const byWindow = () => new Map<string, Map<string, Sums>>()
  // By the owner's kind, then by window and name: a key made of all three would be made anew for each report.
  const kept: Readonly<Record<UsageOwner['kind'], ReturnType<typeof byWindow>>> = {
    subject: byWindow(),
    tenant: byWindow(),
    profile: byWindow(),
    deployment: byWindow(),
  }
  const recency = createRecency<Sums>()
  let count = 0
  let oldestKept = ''

  function added(owner: UsageOwner, window: string): Sums {
    const sums: Sums = { owner, window, counters: new Map(), older: undefined, newer: undefined }
    const byName = kept[owner.kind].get(window) ?? new Map<string, Sums>()
    kept[owner.kind].set(window, byName.set(owner.name, sums))
    count++
    return sums
  }

  function drop(sums: Sums): void {
    const ofKind = kept[sums.owner.kind]
    const byName = ofKind.get(sums.window)
    byName?.delete(sums.owner.name)
    if (byName?.size === 0) ofKind.delete(sums.window)
    recency.forget(sums)
    count--
  }

  function forgetOldDays(): void {
    const oldest = dayOf(now() - retentionMs) ?? ''
    if (oldest === oldestKept) return
    oldestKept = oldest
    // A minute of an older day sorts before `oldest`. A month is compared by its month, so it stays while one of its days does.
    const isOld = (window: string) => window < oldest.slice(0, window.length)
    for (const ofKind of Object.values(kept)) for (const [window, byName] of ofKind) if (isOld(window)) for (const sums of byName.values()) drop(sums)
  }

  return {
    add(owner, window, counters) {
      const known = kept[owner.kind].get(window)?.get(owner.name)
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
      const counters = kept[kind].get(window)?.get(name)?.counters ?? []
      return Object.fromEntries([...counters].map(([counter, { amount }]) => [counter, amount]))
    },
  }
}
