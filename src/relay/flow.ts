// Back-pressure between the two links of a session: whoever outruns the other side is not read until half of the backlog is gone.
import type { Link } from '../ports.js'

/** Reasons for which a link is not read; it is read again when none is left. */
export type PauseReason = 'not_live' | 'backlog' | 'rate'

export interface Reader {
  pause(reason: PauseReason): void
  resume(reason: PauseReason): void
  readonly paused: boolean
}

export function reader(link: Link, first: PauseReason): Reader {
  const reasons = new Set<PauseReason>([first])
  return {
    pause(reason) {
      if (reasons.size === 0) link.pause()
      reasons.add(reason)
    },
    resume(reason) {
      if (reasons.delete(reason) && reasons.size === 0) link.resume()
    },
    get paused() {
      return reasons.size > 0
    },
  }
}

/** Watches one outgoing link on behalf of the link that feeds it. */
export interface Backlog {
  /** After each send. */
  check(): void
  /** On drain and at every tick. Milliseconds without any progress while blocked; 0 when not blocked. */
  stalledMs(now: number): number
}

export function backlog(out: Link, feeding: () => Reader | undefined, highBytes: number, onBlocked: () => void): Backlog {
  let blocked = false
  let lastBuffered = 0
  let lastProgress = 0
  const relieve = () => {
    if (blocked && out.bufferedBytes <= highBytes / 2) {
      blocked = false
      feeding()?.resume('backlog')
    }
  }
  out.onDrain(relieve)
  return {
    check() {
      if (blocked || out.bufferedBytes <= highBytes) return
      blocked = true
      lastBuffered = Number.POSITIVE_INFINITY
      feeding()?.pause('backlog')
      onBlocked()
    },
    stalledMs(now) {
      relieve()
      const buffered = out.bufferedBytes
      if (!blocked || buffered < lastBuffered) {
        lastBuffered = buffered
        lastProgress = now
        return 0
      }
      return now - lastProgress
    },
  }
}
