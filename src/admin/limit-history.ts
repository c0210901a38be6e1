// Remembers what was left of each limit while somebody watches: begun with what the store has kept, and thin enough to be sent each second.
import type { LimitState, LimitsBook } from '../ports/store.js'

export interface LimitHistory {
  /** Takes in what is left now. Reads what the store has kept of a deployment that it did not know. Never rejects. */
  seen(limits: ReadonlyMap<string, readonly LimitState[] | undefined>): Promise<void>
  /** Oldest first: epoch milliseconds, and what was left. */
  of(deployment: string, name: string): readonly (readonly [number, number])[]
  forget(): void
}

type Points = (readonly [number, number])[]

/** A quarter of an hour. */
const SPAN_MS = 900_000
/** One point in each such time, its last. */
const STEP_MS = 10_000
/** Of the log of one deployment. */
const MOST_READ = 500

export function createLimitHistory(book: LimitsBook, now: () => number): LimitHistory {
  const known = new Map<string, Map<string, Points>>()

  async function begin(deployment: string): Promise<Map<string, Points>> {
    const names = new Map<string, Points>()
    const kept = (await book.historyOf?.(deployment, MOST_READ).catch(() => [])) ?? []
    for (const { name, at, remaining } of kept) add(names, name, at, remaining)
    return names
  }

  function add(names: Map<string, Points>, name: string, at: number, remaining: number): void {
    const points = names.get(name) ?? []
    names.set(name, points)
    const last = points.at(-1)
    if (last && Math.floor(last[0] / STEP_MS) >= Math.floor(at / STEP_MS)) points.pop()
    points.push([Math.max(at, last?.[0] ?? 0), remaining])
    while (points.length > 1 && (points[0]?.[0] ?? 0) < now() - SPAN_MS) points.shift()
  }

  return {
    async seen(limits) {
      for (const [deployment, found] of limits) {
        const names = known.get(deployment) ?? (await begin(deployment))
        known.set(deployment, names)
        for (const { name, remaining } of found ?? []) if (remaining !== undefined) add(names, name, now(), remaining)
      }
    },
    of: (deployment, name) => known.get(deployment)?.get(name) ?? [],
    forget: () => known.clear(),
  }
}
