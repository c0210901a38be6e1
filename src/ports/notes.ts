// What is worth counting or logging, and who hears of it.
import type { DialectName } from '../core/protocol/dialect.js'
import type { RefusalCode } from '../core/protocol/errors.js'
import type { ToolOutcome } from './tools.js'

/** Something worth counting or logging. Label values come from fixed sets; no secret, no speech, no prompt. */
export type Note =
  | { type: 'upgrade_refused'; code: RefusalCode }
  | { type: 'session_opened'; dialect: DialectName; profile: string }
  | { type: 'session_closed'; code: RefusalCode | 'client_left'; why: string; durationMs: number; upMessages: number; downMessages: number; upBytes: number; downBytes: number }
  | { type: 'event_refused'; eventType: string; code: RefusalCode }
  | { type: 'event_dropped'; side: 'client' | 'upstream'; why: string }
  | { type: 'tool_finished'; tool: string; outcome: ToolOutcome['outcome']; durationMs: number; cut: boolean }
  | { type: 'upstream_error'; code: string }
  | { type: 'configured'; durationMs: number }
  | { type: 'response_done'; status: string }
  /** `rule` as `responses_per_day`; `unknown`: nobody could tell what is left. */
  | { type: 'quota_refused'; rule: string }
  | { type: 'backpressure'; side: 'client' | 'upstream' }
  | { type: 'lane'; side: 'client' | 'upstream'; hits: number; misses: number }

/** Metrics, audit, log. Never blocks, never throws. */
export interface Recorder {
  note(note: Note): void
}
