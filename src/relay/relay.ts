// Opens sessions: a client link from an ingress is joined with an upstream link, and core decides what passes between them.
import type { LimitStore, NewSession, UpstreamProvider } from '../ports.js'
import { RelayedSession } from './session.js'
import { type LiveSessions, liveSessions } from './sessions.js'

export interface RelaySettings {
  /** Bytes held for a client before its session is live, and the high mark of either outgoing buffer. */
  readonly bufferBytes: number
  /** Frames held for a client before its session is live. */
  readonly heldFrames: number
  /** A client whose backlog makes no progress for this long is closed. */
  readonly slowClientMs: number
  /** Messages a client may send per second over time; above it the client is not read. Bursts of five seconds' worth pass. */
  readonly messagesPerSecond: number
}

export interface RelayDeps {
  readonly provider: UpstreamProvider
  readonly store: Pick<LimitStore, 'recordLimits' | 'recordUsage' | 'onRevoked'>
  readonly settings: RelaySettings
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Ten characters of [a-z0-9] that nobody can guess. */
  readonly randomId: () => string
}

export interface Relay {
  openSession(session: NewSession): void
  readonly sessions: LiveSessions
}

export function createRelay(deps: RelayDeps): Relay {
  const sessions = liveSessions(deps.now)
  deps.store.onRevoked((target) => {
    sessions.end(target)
  })
  return {
    sessions,
    openSession(opened) {
      const session = new RelayedSession(opened, deps, () => sessions.remove(session))
      sessions.add(session)
      session.start()
    },
  }
}
