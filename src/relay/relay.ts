// Opens sessions: a client link from an ingress is joined with an upstream link, and core decides what passes between them.
import type { Authenticator } from '../ports/caller.js'
import type { SessionDirectory } from '../ports/directory.js'
import type { NewSession } from '../ports/session.js'
import type { Store } from '../ports/store.js'
import type { UpstreamProvider } from '../ports/upstream.js'
import type { ClientRates } from './client-rate.js'
import type { LedgerSettings } from './ledger.js'
import { RelayedSession } from './session.js'
import { type LiveSessions, liveSessions } from './sessions.js'

/** A client that sends more than its rates over time is not read on; bursts of five seconds' worth pass. */
export interface RelaySettings extends ClientRates {
  /** Bytes held for a client before its session is live, and the high mark of either outgoing buffer. */
  readonly bufferBytes: number
  /** Frames held for a client before its session is live. */
  readonly heldFrames: number
  /** A client whose backlog makes no progress for this long is closed. */
  readonly slowClientMs: number
}

export interface RelayDeps {
  readonly provider: UpstreamProvider
  readonly store: Pick<Store, 'limits' | 'usage' | 'quota' | 'revocations'>
  /** Where operators see live sessions; nobody does where it is absent. */
  readonly directory?: SessionDirectory
  /** For a new token within a session. */
  readonly authenticator: Pick<Authenticator, 'verify'>
  readonly settings: RelaySettings
  readonly ledger?: LedgerSettings
  /** Epoch milliseconds. */
  readonly now: () => number
  /** What sessions live by: near `now` and never set, so that a wall clock that jumps ends none of them. `now` where absent. */
  readonly steady?: () => number
  /** Ten characters of [a-z0-9] that nobody can guess. */
  readonly randomId: () => string
}

export interface Relay {
  openSession(session: NewSession): void
  readonly sessions: LiveSessions
}

export function createRelay(deps: RelayDeps): Relay {
  const sessions = liveSessions(deps.steady ?? deps.now)
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
