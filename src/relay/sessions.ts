// The live sessions of this process: count them, find them, let time pass for all of them, drain them.
import type { EndTarget } from '../ports/directory.js'
import type { RelayedSession } from './session.js'
import { TICK_MS, Timetable } from './timetable.js'

/** Closes of a drain are spread over this share of it, so that clients do not all come back at once. */
const SPREAD = 0.5

export interface LiveSessions {
  readonly count: number
  readonly timetable: Timetable
  add(session: RelayedSession): void
  remove(session: RelayedSession): void
  /** Ends every session of this subject or token, now. Returns how many. */
  end(target: { subject?: string; tokenId?: string }): number
  /** Ends this session, or every session of this subject, now: their clients may open new ones. Returns how many. */
  endByOperator(target: EndTarget): number
  /** Resolves when the last session has ended: idle ones spread over the first half of `withinMs`, working ones as they finish, all by its end. */
  drain(withinMs: number): Promise<void>
  /** Stops time; for shutdown after a drain. */
  stop(): void
}

export function liveSessions(now: () => number): LiveSessions {
  const all = new Set<RelayedSession>()
  let onEmpty: (() => void) | undefined
  let drainUntil: number | undefined
  const timetable = new Timetable(now())
  const timer = setInterval(() => timetable.tick(now()), TICK_MS)
  timer.unref()

  return {
    timetable,
    get count() {
      return all.size
    },
    add(session) {
      all.add(session)
      // Admitted just before the drain began: told as soon as it has started.
      if (drainUntil !== undefined) queueMicrotask(() => session.drain(drainUntil ?? 0))
    },
    remove(session) {
      all.delete(session)
      if (all.size === 0) onEmpty?.()
    },
    end(target) {
      let ended = 0
      for (const session of all) {
        if (session.isOf(target)) {
          session.close('unauthenticated', 'token_revoked')
          ended++
        }
      }
      return ended
    },
    endByOperator(target) {
      const found = [...all].filter(({ opened }) => ('sessionId' in target ? opened.sessionId === target.sessionId : opened.identity.subject === target.subject))
      for (const session of found) session.close('session_over', 'ended_by_operator')
      return found.length
    },
    async drain(withinMs) {
      const until = now() + withinMs
      drainUntil = until
      if (all.size === 0) return
      const empty = new Promise<void>((resolve) => {
        onEmpty = resolve
      })
      const sessions = [...all]
      const gap = (withinMs * SPREAD) / sessions.length
      for (const [index, session] of sessions.entries()) setTimeout(() => session.drain(until), Math.floor(index * gap))
      let timer: NodeJS.Timeout | undefined
      const deadline = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, withinMs)
      })
      await Promise.race([empty, deadline])
      clearTimeout(timer)
      // The clock may have been set back meanwhile, so the sessions' own deadline is not relied on.
      for (const session of all) session.close('draining', 'drain_deadline')
    },
    stop() {
      clearInterval(timer)
    },
  }
}
