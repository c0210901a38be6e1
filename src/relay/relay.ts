// Opens sessions: a client link from an ingress is joined with an upstream link, and core decides what passes between them.
import { RefusalError } from '../core/protocol/errors.js'
import type { ResumeClaims } from '../ports/resume.js'
import type { NewSession } from '../ports/session.js'
import type { RelayDeps, SessionDeps } from './deps.js'
import { createResumeDesk } from './resume/desk.js'
import { RelayedSession } from './session.js'
import { createLiveSessions, type LiveSessions } from './sessions.js'

export interface Relay {
  /** Throws a `RefusalError` if the caller was revoked since ingress asked. A later revocation ends the session. */
  openSession(session: NewSession): void
  readonly sessions: LiveSessions
  /** Undefined: nobody comes back. */
  readonly resume: ResumeClaims | undefined
}

export function createRelay(given: RelayDeps): Relay {
  const { resume: settings } = given.settings
  const resume = settings && createResumeDesk(settings, given.now, settings.elsewhere ? given.store.keeper : undefined)
  const deps: SessionDeps = { ...given, resume }
  const sessions = createLiveSessions(deps.steady ?? deps.now, () => resume?.canMove() === true)
  deps.store.revocations.onRevoked((target) => {
    sessions.end(target)
  })
  deps.directory?.onEnd((target) => sessions.endByOperator(target))
  return {
    sessions,
    resume,
    openSession(opened) {
      if (deps.store.revocations.isKnown(opened.identity)) throw new RefusalError('unauthenticated', 'revoked')
      const isResumable = opened.profile.relayEvents
      if (opened.continues && !isResumable) throw new RefusalError('resume_unknown', 'no_relay_events')
      const resumable = resume && isResumable ? resume.enrol(opened) : opened
      const session = begun(resumable, () => new RelayedSession(resumable, deps, sessions.timetable, () => sessions.remove(session)))
      sessions.add(session)
      session.start()
      resume?.join(opened.sessionId, session)
    },
  }
}

/** What came from another instance may be of no use here. */
function begun({ onEnd }: NewSession, begin: () => RelayedSession): RelayedSession {
  try {
    return begin()
  } catch (error) {
    onEnd()
    throw error
  }
}
