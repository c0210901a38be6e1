// Opens sessions: a client link from an ingress is joined with an upstream link, and core decides what passes between them.
import type { NewSession } from '../ports/session.js'
import type { RelayDeps } from './deps.js'
import { RelayedSession } from './session.js'
import { createLiveSessions, type LiveSessions } from './sessions.js'

export interface Relay {
  openSession(session: NewSession): void
  readonly sessions: LiveSessions
}

export function createRelay(deps: RelayDeps): Relay {
  const sessions = createLiveSessions(deps.steady ?? deps.now)
  deps.store.revocations.onRevoked((target) => {
    sessions.end(target)
  })
  deps.directory?.onEnd((target) => sessions.endByOperator(target))
  return {
    sessions,
    openSession(opened) {
      const session = new RelayedSession(opened, deps, sessions.timetable, () => sessions.remove(session))
      sessions.add(session)
      session.start()
    },
  }
}
