// The sessions of one simulator: opens each with what all share, and keeps what passed in it.
import type { IncomingHttpHeaders } from 'node:http'
import type { RealtimeEvent } from '../core/protocol/events.js'
import type { Chance } from './ids.js'
import type { Journal } from './journal.js'
import type { Recorder } from './recorder.js'
import { type LiveSession, runSession, type SessionSetup } from './session.js'

/** What is new with each session. */
export interface SessionStart extends Pick<SessionSetup, 'dialect' | 'deployment' | 'type' | 'openLink' | 'call'> {
  readonly target: string
  readonly headers: IncomingHttpHeaders
  readonly chance: Chance
}

export interface OpenSessions {
  readonly live: ReadonlySet<LiveSession>
  /** `ended`: to be called once with the close code. */
  open(start: SessionStart): { readonly session: LiveSession; ended(closeCode: number): void }
  /** False: no such session is open. */
  inject(sessionId: string, event: RealtimeEvent): boolean
  /** Cuts all; returns how many. */
  dropAll(): number
  /** Counts none of them any more. */
  forgetAll(): void
}

export interface SharedParts extends Pick<SessionSetup, 'options' | 'limits' | 'faults' | 'setFaults' | 'script' | 'mayEnd'> {
  readonly recorder: Recorder
  readonly journal: Journal | undefined
}

export function createOpenSessions({ recorder, journal, ...shared }: SharedParts): OpenSessions {
  const live = new Set<LiveSession>()
  return {
    live,
    open({ target, headers, ...start }) {
      const about = { target, dialect: start.dialect, deployment: start.deployment }
      const recording = recorder.open({ ...about, headers })
      let endJournal = (_code: number) => {}
      const session = runSession({
        ...shared,
        ...start,
        record: recording.event,
        ...(journal && {
          observe: (id) => {
            const kept = journal.open(id, about)
            endJournal = kept.ended
            return kept.passed
          },
        }),
      })
      recording.started(session)
      live.add(session)
      return {
        session,
        ended(code) {
          live.delete(session)
          endJournal(code)
          recording.ended(code)
        },
      }
    },
    inject(sessionId, event) {
      const session = [...live].find((one) => one.id === sessionId)
      session?.inject(event)
      return session !== undefined
    },
    dropAll() {
      const all = [...live]
      for (const session of all) session.drop()
      return all.length
    },
    forgetAll: () => live.clear(),
  }
}
