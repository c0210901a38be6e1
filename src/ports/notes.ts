// What is worth counting or logging, and who hears of it.
import type { DialectName } from '../core/protocol/dialect.js'
import type { RefusalCode } from '../core/protocol/errors.js'
import type { ToolOutcome } from './tools.js'

/** Something worth counting or logging. Label values come from fixed sets; no secret, no speech, no prompt. */
export type Note =
  | { note: 'upgrade_refused'; code: RefusalCode }
  | { note: 'session_opened'; dialect: DialectName; profile: string }
  | { note: 'session_closed'; code: RefusalCode | 'client_left'; why: string; durationMs: number; upMessages: number; downMessages: number; upBytes: number; downBytes: number }
  | { note: 'event_refused'; type: string; code: RefusalCode }
  | { note: 'event_dropped'; side: 'client' | 'upstream'; why: string }
  | { note: 'tool_finished'; tool: string; outcome: ToolOutcome['outcome']; durationMs: number; cut: boolean }
  | { note: 'upstream_error'; code: string }
  | { note: 'configured'; durationMs: number }
  | { note: 'response_done'; status: string }
  /** `rule` as `responses_per_day`; `unknown`: nobody could tell what is left. */
  | { note: 'quota_refused'; rule: string }
  | { note: 'backpressure'; side: 'client' | 'upstream' }
  | { note: 'lane'; side: 'client' | 'upstream'; hits: number; misses: number }

/** Metrics, audit, log. Never blocks, never throws. */
export interface Recorder {
  note(note: Note): void
}
