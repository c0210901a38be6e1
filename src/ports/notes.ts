// What is worth counting, logging or tracing, and who hears of it. No secret, no speech, no prompt.
import type { CallMode, Enforcement } from '../core/policy/enforcement.js'
import type { DialectName } from '../core/protocol/dialect.js'
import type { RefusalCode } from '../core/protocol/errors.js'
import type { Side } from '../core/protocol/events.js'
import type { DialReason } from '../core/session/actions.js'
import type { SessionNote } from '../core/session/notes.js'
import type { ToolOutcome } from './tools.js'
import type { UpstreamService } from './upstream.js'

/** Notes of core, of the relay and of ingress. */
export type Note = SessionNote | RelayNote

type RelayNote =
  | { readonly type: 'upgrade_refused'; readonly code: RefusalCode }
  /** A connection that was no session: too slow, or the longest idle one when there were too many, of its address or of all. */
  | { readonly type: 'connection_dropped'; readonly why: 'time' | 'address_full' | 'full' }
  /** `call`: the mode of a WebRTC call. */
  | { readonly type: 'session_opened'; readonly dialect: DialectName; readonly profile: string; readonly enforcement: Enforcement; readonly call?: CallMode | undefined }
  | {
      readonly type: 'session_closed'
      readonly code: RefusalCode | 'client_left'
      readonly why: string
      readonly durationMs: number
      readonly upMessages: number
      readonly downMessages: number
      readonly upBytes: number
      readonly downBytes: number
    }
  /** The first audio of a response, after its beginning. Only for recorders that trace. */
  | { readonly type: 'first_audio'; readonly responseId: string; readonly afterMs: number }
  /** `leg`: the number of the dial. A reason as core has it. */
  | { readonly type: 'dial_started'; readonly leg: number; readonly reason: DialReason }
  | { readonly type: 'dial_finished'; readonly leg: number; readonly outcome: RefusalCode | 'ok' | 'given_up'; readonly service: UpstreamService | undefined }
  | { readonly type: 'tool_started'; readonly callId: string; readonly tool: string }
  | { readonly type: 'tool_finished'; readonly callId: string; readonly tool: string; readonly outcome: ToolOutcome['outcome']; readonly durationMs: number; readonly cut: boolean }
  /** The client's socket is gone, and the session waits for the client. */
  | { readonly type: 'client_gone' }
  | { readonly type: 'client_back'; readonly recovered: boolean; readonly from: 'memory' | 'moved' | 'snapshot'; readonly awayMs: number; readonly missed: number }
  | { readonly type: 'client_not_back' }
  /** The session goes on elsewhere: another instance asked for it, or this one drains. */
  | { readonly type: 'session_moved'; readonly why: 'asked' | 'drain' }
  | { readonly type: 'backpressure'; readonly side: Side }
  | { readonly type: 'lane'; readonly side: Side; readonly hits: number; readonly misses: number }

/** Metrics, audit, log, traces. Never blocks, never throws. */
export interface Recorder {
  note(note: Note): void
  /** Wants the notes that cost something on the audio path as well. Absent: they are not made. */
  readonly traces?: boolean
  /** A `traceparent` for what is sent while this is under way. Undefined, or absent: what the client sent is passed on. */
  traceparent?(of: Traced): string | undefined
}

/** What may have a span of its own when something is sent for it. */
export type Traced = { readonly type: 'dial'; readonly leg: number } | { readonly type: 'tool'; readonly callId: string }
