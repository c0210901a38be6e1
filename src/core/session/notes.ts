// What core finds worth counting, logging or tracing. Label values come from fixed sets; ids are the upstream's, and never a label.
import type { CallMode } from '../policy/enforcement.js'
import type { GuardMode, GuardSide, GuardSilence } from '../policy/guards.js'
import type { LockedKind } from '../policy/locked.js'
import type { RefusalCode } from '../protocol/errors.js'
import type { JsonObject, Side } from '../protocol/events.js'
import type { Recording } from './recording/state.js'
import type { Cut, LossCause } from './restore/cut.js'

export type SessionNote =
  | { readonly type: 'event_refused'; readonly eventType: string; readonly code: RefusalCode }
  /** A client asked for settings that are the server's. Its event went on without them. */
  | { readonly type: 'fields_locked'; readonly eventType: 'session.update' | 'response.create'; readonly kinds: readonly LockedKind[] }
  /** The client has consented to being recorded, or consents no more. */
  | { readonly type: 'recording'; readonly state: Recording; readonly keeps: 'transcript' | 'audio' }
  /** Another token carries the session from now on. */
  | { readonly type: 'token_refreshed' }
  | { readonly type: 'event_dropped'; readonly side: Side; readonly why: string }
  | { readonly type: 'upstream_error'; readonly code: string }
  | { readonly type: 'configured'; readonly durationMs: number }
  | { readonly type: 'response_started'; readonly responseId: string }
  /** `model`: as the session in force names it. `usage`: as the upstream spells it. `reason`: why it ended early, if the service says so. `calls`: of tools. */
  | {
      readonly type: 'response_done'
      readonly responseId: string
      readonly model: string | undefined
      readonly status: string
      readonly reason?: string | undefined
      readonly calls?: number | undefined
      readonly usage: JsonObject | undefined
    }
  /** Voice detection hears the user, and does not any more. */
  | { readonly type: 'speech_started' }
  | { readonly type: 'speech_stopped' }
  /** What the upstream calls the session that is ready. */
  | { readonly type: 'upstream_session'; readonly sessionId: string; readonly model: string | undefined }
  /** `during`: what was under way. The session goes on if it can. */
  | { readonly type: 'upstream_lost'; readonly cause: LossCause; readonly during: 'idle' | 'asked' | 'answer' | 'speech' }
  /** From the loss on. `cut`: what became of the answer that was under way. */
  | { readonly type: 'restored'; readonly cause: LossCause; readonly durationMs: number; readonly attempts: number; readonly cut: Cut | 'none' }
  | { readonly type: 'restore_failed'; readonly cause: LossCause; readonly why: string; readonly attempts: number; readonly durationMs: number }
  /** The next upstream could not be made ready, or not in time. */
  | { readonly type: 'rollover_failed'; readonly why: string }
  /** The next upstream refused an item of the conversation. */
  | { readonly type: 'item_not_replayed' }
  /** The model began to write although it should speak. What it had begun was dropped, and asked for again. */
  | { readonly type: 'drifted' }
  /** Of a call: what nobody but its caller can have caused, past the relay. */
  | { readonly type: 'foreign_event'; readonly kind: 'session' | 'response' | 'item'; readonly mode: CallMode }
  /** `rule` as `responses_per_day`; `unknown`: the store could not say what is left. */
  | { readonly type: 'quota_refused'; readonly rule: string }
  /** A guard found something. `category`: a fixed word of the guard's. */
  | { readonly type: 'guard_tripped'; readonly guard: string; readonly side: GuardSide; readonly category: string; readonly mode: GuardMode }
  /** A guard did not answer: its words are treated as its `whenUnsure` says. */
  | { readonly type: 'guard_failed'; readonly guard: string; readonly why: GuardSilence | 'gate_full' | 'no_transcript' }
