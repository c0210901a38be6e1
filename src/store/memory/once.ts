// Says in this process what has happened before, each for its time.
import type { Once } from '../../ports/call-records.js'

/** Beyond this the oldest is forgotten. */
const MAX_NAMES = 100_000

export function createMemoryOnce(now: () => number): Once {
  const until = new Map<string, number>()

  /** Those before a longer one wait for it, within the bound. */
  function forget(): void {
    for (const [name, end] of until) {
      if (end > now() && until.size < MAX_NAMES) break
      until.delete(name)
    }
  }

  return {
    async isFirst(name, ttlMs) {
      if ((until.get(name) ?? 0) > now()) return false
      until.delete(name)
      forget()
      until.set(name, now() + ttlMs)
      return true
    },
  }
}
