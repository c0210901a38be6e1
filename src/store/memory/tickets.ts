// Tickets and parcels of calls in this process: each is taken once, or forgotten after its time.
import type { CallTickets } from '../../ports/call-records.js'

/** Beyond this the oldest is dropped. Tickets live for a minute and parcels as long as a call, so those too old may stand anywhere. */
const MAX_TICKETS = 10_000
/** Fewer are not searched for those that are too old. */
const SEARCHED_FROM = 1_000

export function createMemoryTickets(now: () => number): CallTickets {
  const kept = new Map<string, { readonly sealed: Buffer; readonly until: number }>()
  let searchAt = SEARCHED_FROM
  /** None is too old before this. */
  let soonest = Number.POSITIVE_INFINITY

  /** Again only once there are twice as many, or as many as there may be. */
  function dropOld(): void {
    const at = now()
    soonest = Number.POSITIVE_INFINITY
    for (const [name, { until }] of kept) {
      if (until <= at) kept.delete(name)
      else soonest = Math.min(soonest, until)
    }
    searchAt = Math.min(MAX_TICKETS, Math.max(SEARCHED_FROM, 2 * kept.size))
  }

  return {
    async keep(name, sealed, ttlMs) {
      kept.delete(name)
      if (kept.size >= searchAt && soonest <= now()) dropOld()
      const [oldest] = kept.keys()
      if (kept.size >= MAX_TICKETS && oldest !== undefined) kept.delete(oldest)
      const until = now() + ttlMs
      soonest = Math.min(soonest, until)
      kept.set(name, { sealed, until })
    },
    async take(name) {
      const found = kept.get(name)
      kept.delete(name)
      return found && found.until > now() ? found.sealed : undefined
    },
    has: async (name) => (kept.get(name)?.until ?? 0) > now(),
  }
}
