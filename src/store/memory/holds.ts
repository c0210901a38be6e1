// Reserves amounts of a user's quota in this process. The script `scripts/hold.ts` repeats this arithmetic in Lua.
import { NO_AMOUNTS, QUOTA_UNITS, type QuotaAmounts, type ReserveAnswer, type ReserveRequest } from '../../core/policy/quota.js'

export interface Holds {
  /** `countersOf` gives what the subject used in a window. */
  reserve(request: ReserveRequest, countersOf: (window: string) => Readonly<Record<string, number>>): ReserveAnswer
  release(subject: string, holder: string): void
}

interface Hold {
  readonly until: number
  readonly amounts: QuotaAmounts
}

/** Needs no bound of its own: each session of this process holds under one name, and releases it. */
export function createHolds(now: () => number): Holds {
  const subjects = new Map<string, Map<string, Hold>>()

  function reserve({ subject, holder, hold, ttlMs, checks }: ReserveRequest, countersOf: (window: string) => Readonly<Record<string, number>>): ReserveAnswer {
    const holds = subjects.get(subject) ?? new Map<string, Hold>()
    for (const [name, { until }] of holds) if (until <= now()) holds.delete(name)
    const held = [...holds.values()].reduce((sum, { amounts }) => plus(sum, amounts), NO_AMOUNTS)
    const windows = Object.fromEntries(checks.map(({ window }) => [window, countersOf(window)]))
    const granted = checks.every(({ of, window, max, counters, each }) => counters.reduce((sum, name) => sum + amount(windows[window], name), 0) / each + held[of] < max)
    if (granted) holds.set(holder, { until: now() + ttlMs, amounts: plus(holds.get(holder)?.amounts ?? NO_AMOUNTS, hold) })
    if (holds.size > 0) subjects.set(subject, holds)
    else subjects.delete(subject)
    return { granted, held, windows }
  }

  function release(subject: string, holder: string): void {
    const holds = subjects.get(subject)
    holds?.delete(holder)
    if (holds?.size === 0) subjects.delete(subject)
  }

  return { reserve, release }
}

function plus(a: QuotaAmounts, b: QuotaAmounts): QuotaAmounts {
  return Object.fromEntries(QUOTA_UNITS.map((unit) => [unit, a[unit] + b[unit]])) as Record<keyof QuotaAmounts, number>
}

function amount(counters: Readonly<Record<string, number>> | undefined, name: string): number {
  return counters && Object.hasOwn(counters, name) ? (counters[name] ?? 0) : 0
}
