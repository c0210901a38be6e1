// Reports a session to operators while it lives, and to log, metrics and usage when it ends.
import type { RefusalCode } from '../core/protocol/errors.js'
import type { NewSession } from '../ports/session.js'
import type { RelayDeps } from './deps.js'
import { type SessionLedger, tenantOf } from './ledger.js'
import type { Meters } from './meters.js'

interface ReportedSession {
  readonly opened: NewSession
  readonly deps: RelayDeps
  readonly meters: Meters
  readonly ledger: SessionLedger
  readonly deployment: string
}

export function recordEnd({ opened, meters, ledger }: ReportedSession, code: RefusalCode | 'client_left', why: string, durationMs: number): void {
  const { recorder } = opened
  const { upMessages, downMessages, upBytes, downBytes, laneHits, laneMisses } = meters
  recorder.note({ type: 'lane', side: 'client', hits: laneHits, misses: laneMisses })
  recorder.note({ type: 'session_closed', code, why, durationMs, upMessages, downMessages, upBytes, downBytes })
  ledger.ended(durationMs)
}

/** Shows the session to operators until the function that it returns is called. */
export function register({ opened, deployment, deps }: ReportedSession): () => void {
  const { sessionId: id, identity, profile, dialect } = opened
  const tenant = tenantOf(identity, deps.ledger?.tenantClaim)
  return deps.directory?.register({ id, subject: identity.subject, tenant, profile: profile.name, dialect, deployment, since: deps.now() }) ?? (() => undefined)
}
