// Reports a session to operators while it lives, and to log and metrics when its client's part ends.
import type { RefusalCode } from '../core/protocol/errors.js'
import type { NewSession } from '../ports/session.js'
import type { SessionDeps } from './deps.js'
import { tenantOf } from './ledger.js'
import type { Leg } from './leg.js'
import type { Meters } from './meters.js'

interface ReportedSession {
  readonly opened: NewSession
  readonly deps: SessionDeps
  readonly meters: Meters
  readonly deployment: string
}

/** `client`: what was sent to it. */
export function recordEnd(
  { opened, meters }: ReportedSession,
  client: Pick<Leg, 'sentMessages' | 'sentBytes'>,
  code: RefusalCode | 'client_left',
  why: string,
  durationMs: number,
): void {
  const { recorder } = opened
  const { upMessages, upBytes, laneHits, laneMisses } = meters
  const { sentMessages: downMessages, sentBytes: downBytes } = client
  recorder.note({ type: 'lane', side: 'client', hits: laneHits, misses: laneMisses })
  recorder.note({ type: 'session_closed', code, why, durationMs, upMessages, downMessages, upBytes, downBytes })
}

/** Shows the session to operators until the function that it returns is called. */
export function register({ opened, deployment, deps }: ReportedSession): () => void {
  const { sessionId: id, identity, profile, dialect } = opened
  const tenant = tenantOf(identity, deps.ledger?.tenantClaim)
  return deps.directory?.register({ id, subject: identity.subject, tenant, profile: profile.name, dialect, deployment, since: deps.now() }) ?? (() => undefined)
}
