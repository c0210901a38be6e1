// What is told of a session to others than its client: that it lives, to operators; and at its end its notes for log and metrics, and its length in the user's usage.
import type { RefusalCode } from '../core/protocol/errors.js'
import { tenantOf } from './ledger.js'
import type { RelayedSession } from './session.js'

export function recordEnd(session: RelayedSession, code: RefusalCode | 'client_left', why: string, durationMs: number): void {
  const { recorder } = session.opened
  const { upMessages, downMessages, upBytes, downBytes, laneHits, laneMisses } = session.meters
  recorder.note({ note: 'lane', side: 'client', hits: laneHits, misses: laneMisses })
  recorder.note({ note: 'session_closed', code, why, durationMs, upMessages, downMessages, upBytes, downBytes })
  session.ledger.ended(durationMs)
}

/** Until the function that it returns is called. */
export function show({ opened, deployment, deps }: RelayedSession): () => void {
  const { sessionId: id, identity, profile, dialect } = opened
  const tenant = tenantOf(identity, deps.ledger?.tenantClaim)
  return deps.directory?.register({ id, subject: identity.subject, tenant, profile: profile.name, dialect, deployment, since: deps.now() }) ?? (() => undefined)
}
