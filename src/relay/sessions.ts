// The live sessions of this process: count them, find them, let time pass for all of them, drain them.

import type { RefusalCode } from '../core/protocol/errors.js'
import type { Input } from '../core/session/inputs.js'
import type { EndTarget } from '../ports/directory.js'
import type { NewSession } from '../ports/session.js'
import { within } from '../time/within.js'
import type { SeenSession } from './live-view.js'
import { TICK_MS, Timetable } from './timetable.js'

/** Closes of a drain are spread over this share of it, so that clients do not all come back at once. */
const SPREAD = 0.5

/** Of a session, what those need that end it or show it. */
export interface LiveSession extends SeenSession {
  readonly opened: NewSession
  /** The session rests on this token. */
  readonly tokenId: string | undefined
  apply(input: Input): boolean
}

export interface LiveSessions {
  readonly count: number
  /** Bytes, about, that sessions keep of what was said. */
  conversationBytes(): number
  readonly timetable: Timetable
  all(): Iterable<LiveSession>
  add(session: LiveSession): void
  remove(session: LiveSession): void
  /** Ends every session of this subject or token, now. Returns how many. */
  end(target: { subject?: string; tokenId?: string }): number
  /** Ends this session, or every session of this subject, now: their clients may open new ones. Returns how many. */
  endByOperator(target: EndTarget): number
  /** Resolves when the last session has ended: idle ones spread over the first half of `withinMs`, working ones as they finish, all by its end. */
  drain(withinMs: number): Promise<void>
  /** Stops time; for shutdown after a drain. */
  stop(): void
}

function isOf({ opened, tokenId }: LiveSession, target: { subject?: string; tokenId?: string }): boolean {
  const { subject } = opened.identity
  return (target.subject !== undefined && target.subject === subject) || (target.tokenId !== undefined && target.tokenId === tokenId)
}

/** `canMove`: sessions can go on on other instances. */
export function createLiveSessions(now: () => number, canMove: () => boolean = () => false): LiveSessions {
  const all = new Set<LiveSession>()
  const end = (session: LiveSession, code: RefusalCode, why: string) => session.apply({ type: 'end', code, why })
  const tellDrain = (session: LiveSession, untilMs: number) => session.apply({ type: 'drain', untilMs, ...(canMove() && { moves: true }) })
  let onEmpty: (() => void) | undefined
  let drainUntil: number | undefined
  const timetable = new Timetable(now())
  const timer = setInterval(() => timetable.tick(now()), TICK_MS)
  timer.unref()

  return {
    timetable,
    all: () => all,
    get count() {
      return all.size
    },
    conversationBytes() {
      let bytes = 0
      for (const session of all) bytes += session.state.conversation.size
      return bytes
    },
    add(session) {
      all.add(session)
      // Admitted just before the drain began: told as soon as it has started.
      if (drainUntil !== undefined) queueMicrotask(() => tellDrain(session, drainUntil ?? 0))
    },
    remove(session) {
      all.delete(session)
      if (all.size === 0) onEmpty?.()
    },
    end(target) {
      let ended = 0
      for (const session of all) {
        if (isOf(session, target)) {
          end(session, 'unauthenticated', 'token_revoked')
          ended++
        }
      }
      return ended
    },
    endByOperator(target) {
      const found = [...all].filter(({ opened }) => ('sessionId' in target ? opened.sessionId === target.sessionId : opened.identity.subject === target.subject))
      for (const session of found) end(session, 'session_over', 'ended_by_operator')
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
      for (const [index, session] of sessions.entries()) setTimeout(() => tellDrain(session, until), Math.floor(index * gap))
      await within(withinMs, empty, () => undefined)
      // The clock may have been set back meanwhile, so the sessions' own deadline is not relied on.
      for (const session of all) end(session, 'draining', 'drain_deadline')
    },
    stop() {
      clearInterval(timer)
    },
  }
}
