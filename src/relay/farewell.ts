// What a session leaves behind when it ends: its notes for log and metrics, and its length in the user's usage.
import type { RefusalCode } from '../core/protocol/errors.js'
import type { RelayedSession } from './session.js'

export function recordEnd(session: RelayedSession, code: RefusalCode | 'client_left', why: string, durationMs: number): void {
  const { recorder } = session.opened
  const { upMessages, downMessages, upBytes, downBytes, laneHits, laneMisses } = session.meters
  recorder.note({ note: 'lane', side: 'client', hits: laneHits, misses: laneMisses })
  recorder.note({ note: 'session_closed', code, why, durationMs, upMessages, downMessages, upBytes, downBytes })
  session.ledger.ended(durationMs)
}
