// What responses under way hold of a user's quota: when one more may start. The store's arithmetic in process; `HOLD` repeats it in Lua.
import { NO_AMOUNTS, QUOTA_UNITS, type QuotaAmounts, type ReserveAnswer, type ReserveRequest } from '../../core/policy/quota.js'

export interface Holds {
  reserve(request: ReserveRequest, countersOf: (window: string) => Readonly<Record<string, number>>): ReserveAnswer
  release(subject: string, holder: string): void
}

interface Held {
  readonly until: number
  readonly amounts: QuotaAmounts
}

/** Bounded by the sessions of this process, each of which holds and lets go under one name. */
export function createHolds(now: () => number): Holds {
  const subjects = new Map<string, Map<string, Held>>()

  function reserve({ subject, holder, hold: more, ttlMs, checks }: ReserveRequest, countersOf: (window: string) => Readonly<Record<string, number>>): ReserveAnswer {
    const holders = subjects.get(subject) ?? new Map<string, Held>()
    for (const [name, { until }] of holders) if (until <= now()) holders.delete(name)
    const held = [...holders.values()].reduce((sum, { amounts }) => plus(sum, amounts), NO_AMOUNTS)
    const windows = Object.fromEntries(checks.map(({ window }) => [window, countersOf(window)]))
    const granted = checks.every(({ of, window, max, counters, each }) => counters.reduce((sum, name) => sum + amount(windows[window], name), 0) / each + held[of] < max)
    if (granted) holders.set(holder, { until: now() + ttlMs, amounts: plus(holders.get(holder)?.amounts ?? NO_AMOUNTS, more) })
    if (holders.size > 0) subjects.set(subject, holders)
    else subjects.delete(subject)
    return { granted, held, windows }
  }

  function release(subject: string, holder: string): void {
    const holders = subjects.get(subject)
    holders?.delete(holder)
    if (holders?.size === 0) subjects.delete(subject)
  }

  return { reserve, release }
}

function plus(a: QuotaAmounts, b: QuotaAmounts): QuotaAmounts {
  return Object.fromEntries(QUOTA_UNITS.map((unit) => [unit, a[unit] + b[unit]])) as Record<keyof QuotaAmounts, number>
}

function amount(counters: Readonly<Record<string, number>> | undefined, name: string): number {
  return counters && Object.hasOwn(counters, name) ? (counters[name] ?? 0) : 0
}
