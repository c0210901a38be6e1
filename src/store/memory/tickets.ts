// Tickets for WebRTC calls in this process: each is taken once, or forgotten after its time.
import type { CallTickets } from '../../ports/call-records.js'

/** Beyond this the oldest is dropped. They live for a minute, and the rate of connections bounds who may ask. */
const MAX_TICKETS = 10_000

export function createMemoryTickets(now: () => number): CallTickets {
  const kept = new Map<string, { readonly sealed: Buffer; readonly until: number }>()
  return {
    async keep(name, sealed, ttlMs) {
      for (const [old, { until }] of kept) {
        if (until > now() && kept.size < MAX_TICKETS) break
        kept.delete(old)
      }
      kept.set(name, { sealed, until: now() + ttlMs })
    },
    async take(name) {
      const found = kept.get(name)
      kept.delete(name)
      return found && found.until > now() ? found.sealed : undefined
    },
    has: async (name) => (kept.get(name)?.until ?? 0) > now(),
  }
}
