// Restores of the process pass here one by one, so that a thousand lost upstreams are not dialled at once: those somebody waits for first.
import { type Bucket, takeTokens } from '../core/limits/token-bucket.js'

export interface RestoreQueue {
  /** Calls `go` when the turn has come, and at once if nobody waits. Returns how to leave; undefined: it went at once. */
  enter(urgent: boolean, go: () => void): (() => void) | undefined
  /** The upstream wants to be left alone: nobody goes for so long. */
  pause(ms: number): void
  readonly waiting: number
}

/** An upstream that asks for more is tried all the same: sessions wait no longer. */
const MOST_PAUSE_MS = 60_000

/** `now`: milliseconds on a clock that is not set. */
export function createRestoreQueue(perSecond: number, now: () => number): RestoreQueue {
  // One at a time, so that no second has more than it may.
  const rule = { perSecond, burst: 1 }
  const urgent = new Set<() => void>()
  const silent = new Set<() => void>()
  let bucket: Bucket | undefined
  let pausedUntil = 0
  let timer: NodeJS.Timeout | undefined

  function mayGo(): boolean {
    const at = now()
    const { ok, retryAfterMs, bucket: after } = at < pausedUntil ? { ok: false, retryAfterMs: pausedUntil - at, bucket } : takeTokens(bucket, 1, rule, at)
    bucket = after
    if (!ok) wait(retryAfterMs)
    return ok
  }

  function wait(ms: number): void {
    if (timer) return
    timer = setTimeout(() => {
      timer = undefined
      serve()
    }, Math.ceil(ms)).unref()
  }

  function serve(): void {
    for (;;) {
      const line = urgent.size > 0 ? urgent : silent
      const [next] = line
      if (!next || !mayGo()) return
      line.delete(next)
      next()
    }
  }

  return {
    enter(isUrgent, go) {
      const line = isUrgent ? urgent : silent
      // Those before it, and of its own line or a better one, go first.
      if (urgent.size === 0 && (isUrgent || silent.size === 0) && mayGo()) {
        go()
        return undefined
      }
      const place = () => go()
      line.add(place)
      wait(0)
      return () => void line.delete(place)
    },
    pause(ms) {
      pausedUntil = Math.max(pausedUntil, now() + Math.min(ms, MOST_PAUSE_MS))
    },
    get waiting() {
      return urgent.size + silent.size
    },
  }
}

export interface MoveSlots {
  /** False: too many sessions move at this moment. */
  take(): boolean
  free(): void
}

/** Of all sessions, how many may have a second upstream at once by plan. */
const MOVING_SHARE = 0.05

export function createMoveSlots(sessionCount: () => number): MoveSlots {
  let taken = 0
  return {
    take() {
      if (taken >= Math.max(1, Math.ceil(sessionCount() * MOVING_SHARE))) return false
      taken++
      return true
    },
    free() {
      taken--
    },
  }
}
