// What is worth counting, logging or tracing, and who hears of it. No secret, no speech, no prompt.
import type { CallMode, Enforcement } from '../core/policy/enforcement.js'
import type { GuardSide, GuardVerdict } from '../core/policy/guards.js'
import type { DialectName } from '../core/protocol/dialect.js'
import type { RefusalCode } from '../core/protocol/errors.js'
import type { Side } from '../core/protocol/events.js'
import type { DialReason } from '../core/session/actions.js'
import type { SessionNote } from '../core/session/notes.js'
import type { ContentSink } from './content.js'
import type { RecordSink, SoundSink } from './records.js'
import type { ToolOutcome } from './tools.js'
import type { UpstreamService } from './upstream.js'

/** Notes of core, of the relay and of ingress. */
export type Note = SessionNote | RelayNote

type RelayNote =
  /** `isAudited`: the audit has it already. */
  | { readonly type: 'upgrade_refused'; readonly code: RefusalCode; readonly isAudited?: boolean }
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
  /** The first audio of a response, after its beginning; of a WebRTC call, whose sound goes past the relay, when the service began to send it. */
  | { readonly type: 'first_audio'; readonly responseId: string; readonly afterMs: number }
  /** `leg`: the number of the dial. A reason as core has it. */
  | { readonly type: 'dial_started'; readonly leg: number; readonly reason: DialReason }
  | { readonly type: 'dial_finished'; readonly leg: number; readonly outcome: RefusalCode | 'ok' | 'given_up'; readonly service: UpstreamService | undefined }
  | { readonly type: 'tool_started'; readonly callId: string; readonly tool: string }
  | { readonly type: 'tool_finished'; readonly callId: string; readonly tool: string; readonly outcome: ToolOutcome['outcome']; readonly durationMs: number; readonly cut: boolean }
  /** A guard was asked about one piece of a text. `outcome`: `none` if it did not answer. */
  | { readonly type: 'guard_checked'; readonly guard: string; readonly side: GuardSide; readonly outcome: GuardVerdict['type']; readonly durationMs: number }
  /** The client's socket is gone, and the session waits for the client. */
  | { readonly type: 'client_gone' }
  | { readonly type: 'client_back'; readonly recovered: boolean; readonly from: 'memory' | 'moved' | 'snapshot'; readonly awayMs: number; readonly missed: number }
  | { readonly type: 'client_not_back' }
  /** The session goes on elsewhere: another instance asked for it, or this one drains. */
  | { readonly type: 'session_moved'; readonly why: 'asked' | 'drain' }
  /**
   * The first audio, or the first text, of the answer to a turn, after the end of speech or the request. `tools`: tools had run for it. `upstream`: its
   * configured name.
   */
  | {
      readonly type: 'answer_begun'
      readonly with: 'audio' | 'text'
      readonly ms: number
      readonly turn: TurnKind
      readonly tools: boolean
      readonly profile: string
      readonly upstream: string
    }
  /** The user's words, after the end of speech. */
  | { readonly type: 'transcribed'; readonly ms: number }
  /** The user spoke into an answer: after so long it was cancelled, or the client said how much of it was heard. */
  | { readonly type: 'barge_in'; readonly step: 'cancelled' | 'truncated'; readonly ms: number }
  /** So much of an answer had been sent and not played when the user spoke into it. */
  | { readonly type: 'audio_ahead'; readonly ms: number }
  /** Audio of an answer came later than its player needed it. */
  | { readonly type: 'audio_starved' }
  /** Of one response: its audio came up to so much later than it would be played if it began with the first. */
  | { readonly type: 'audio_jitter'; readonly ms: number }
  /** `toolMs`: while tools ran; undefined: none did. */
  | { readonly type: 'turn_ended'; readonly end: TurnEnd; readonly turn: TurnKind; readonly toolMs: number | undefined }
  /** One frame in 128, from the read to the write. */
  | { readonly type: 'overhead'; readonly direction: 'up' | 'down'; readonly ms: number }
  | { readonly type: 'backpressure'; readonly side: Side }
  | { readonly type: 'lane'; readonly side: Side; readonly hits: number; readonly misses: number }

export type TurnKind = 'spoken' | 'typed'

/** `interrupted`: the user spoke, or the client cancelled. `filtered`: by the service. `abandoned`: the client left before anything of the answer came. */
export type TurnEnd = 'completed' | 'interrupted' | 'failed' | 'filtered' | 'abandoned'

/** Metrics, audit, log, traces. Never blocks, never throws. */
export interface Recorder {
  note(note: Note): void
  /** A `traceparent` for what is sent while this is under way. Undefined, or absent: what the client sent is passed on. */
  traceparent?(of: Traced): string | undefined
  /** Who hears what was said. Absent: nobody asked for it, and there is no way for it. */
  readonly content?: ContentSink
  /** Who keeps what was said. Absent: nothing of this session is kept. */
  readonly record?: RecordSink
  /** Who keeps its sound. Absent: nobody. */
  readonly sound?: SoundSink
}

/** What may have a span of its own when something is sent for it, or counted. `turn`: the one that began last. */
export type Traced = { readonly type: 'session' } | { readonly type: 'turn' } | { readonly type: 'dial'; readonly leg: number } | { readonly type: 'tool'; readonly callId: string }
