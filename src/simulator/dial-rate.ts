// Counts dials over the last minute and says how long to wait once there are too many.
const MINUTE_MS = 60_000

export interface DialRate {
  /** 0 if the dial may go on, and then it counts. Otherwise the whole seconds until one may. */
  take(): number
}

export function createDialRate(perMinute = Number.POSITIVE_INFINITY): DialRate {
  const taken: number[] = []
  return {
    take() {
      if (perMinute === Number.POSITIVE_INFINITY) return 0
      const now = performance.now()
      while (taken[0] !== undefined && taken[0] <= now - MINUTE_MS) taken.shift()
      if (taken.length >= perMinute) return Math.max(1, Math.ceil(((taken[0] ?? now) + MINUTE_MS - now) / 1000))
      taken.push(now)
      return 0
    },
  }
}
