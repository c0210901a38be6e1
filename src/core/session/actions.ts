// Everything a session may want done. The relay performs actions at once and in order.

import type { LimitSource, ReportedLimit } from '../limits/merge.js'
import type { GuardSide } from '../policy/guards.js'
import type { RefusalCode } from '../protocol/errors.js'
import type { Frame, JsonObject, RealtimeEvent, Side } from '../protocol/events.js'
import type { Media } from './media.js'
import type { Moment } from './moment.js'
import type { SessionNote } from './notes.js'
import type { QuotaCause } from './quota/state.js'

export type Action =
  /**
   * `frame`: goes out instead of the event's encoding. `leg`: goes to the leg that was dialled, and is not switched to yet. `gate`: waits for
   * `output.release`.
   */
  | { readonly type: 'send'; readonly to: Side; readonly event: RealtimeEvent; readonly frame?: Frame | undefined; readonly leg?: number; readonly gate?: GatePlace | undefined }
  /**
   * Opens an upstream socket under this number. Answered by `upstream.opened` or `upstream.failed`, and by `dial.waits` and `dial.begins` if others are
   * before it. `urgent`: somebody speaks or waits for an answer, or there is little time.
   */
  | { readonly type: 'dial'; readonly leg: number; readonly reason: DialReason; readonly urgent: boolean }
  /** The leg that was dialled and not switched to is not wanted any more. */
  | { readonly type: 'drop' }
  /** What is sent upstream goes to this leg from now on. The leg before it is closed; if it `lingers`, some seconds later. */
  | { readonly type: 'switch'; readonly leg: number; readonly lingers?: boolean }
  /** Lets the client come back to this session. Answered by `resume.offered`, at once. */
  | { readonly type: 'resume.offer' }
  /** The client has this many messages: they need not be kept. */
  | { readonly type: 'resume.ack'; readonly received: number }
  /** What goes on elsewhere, and why the client's socket is closed. Tools that are `spared` finish all the same. The session ends with the next action. */
  | { readonly type: 'export'; readonly state: JsonObject; readonly code: 'superseded' | 'draining'; readonly spared: readonly string[] }
  /** A turn is over: what goes on if this process dies. */
  | { readonly type: 'resume.keep' }
  /** The client's socket makes no progress: it is given up. Answered by `client.gone`. */
  | { readonly type: 'client.drop' }
  /** Sends the upstream this stretch of the client's audio once more, by the client's audio clock. */
  | { readonly type: 'audio.append'; readonly fromMs: number; readonly toMs: number }
  /** Whatever the upstream sends next, a pong as well, shows that it is there. */
  | { readonly type: 'ping' }
  /** `keys`: what the caller has pressed. Never in a note. */
  | { readonly type: 'tool.start'; readonly callId: string; readonly name: string; readonly arguments: string; readonly keys?: string }
  | { readonly type: 'tool.cancel'; readonly callId: string }
  /** Asks this guard. Answered by `guard.verdict`. Never in a note. */
  | { readonly type: 'guard.check'; readonly id: number; readonly guard: string; readonly side: GuardSide; readonly text: string }
  /** What is held of this response up to the mark may go, its sound as well. */
  | { readonly type: 'output.release'; readonly responseId: string; readonly mark: number }
  /** What is held of this response never goes, but for what has no words; nor does any sound of it that comes later. */
  | { readonly type: 'output.drop'; readonly responseId: string }
  /** Answered by `token.verified`. The token goes to the authenticator and nowhere else. */
  | { readonly type: 'token.verify'; readonly token: string }
  /** The session rests on this token from now on: revoking it ends the session, revoking the one before does not. */
  | { readonly type: 'token.use'; readonly tokenId: string | undefined }
  /** What an event says about the deployment's limits. */
  | { readonly type: 'record.limits'; readonly source: LimitSource; readonly limits: readonly ReportedLimit[] }
  | { readonly type: 'record.usage'; readonly responseId: string; readonly usage: JsonObject }
  /** The use of a response is unknown for good: this much is booked, in tokens, and marked as an estimate. */
  | { readonly type: 'record.estimate'; readonly input: number; readonly output: number }
  /** Billed apart from any response. */
  | { readonly type: 'record.transcription'; readonly itemId: string; readonly contentIndex: number; readonly usage: JsonObject }
  /** Of a call: the server's part was seen in force. Once. */
  | { readonly type: 'call.live' }
  /** The session in force may have other audio from now on. */
  | { readonly type: 'media'; readonly media: Media }
  /** The client's playback is thrown away: what it has not played by now is not heard. */
  | { readonly type: 'playback.clear' }
  /** This audio is not sent, since nobody is to hear it. */
  | { readonly type: 'playback.drop'; readonly event: RealtimeEvent }
  /** Answered by `quota.left`, soon and once. */
  | { readonly type: 'quota.ask'; readonly cause: QuotaCause }
  /** Reserves this much, in tokens, for a response that wants to start, until its usage is known. Answered by `quota.reserved`, soon and once. */
  | { readonly type: 'quota.reserve'; readonly input: number; readonly output: number }
  /** No response is under way any more: this session reserves nothing, once what it used is booked. */
  | { readonly type: 'quota.release' }
  /** Transfers the caller to the target of this name. Answered by `phone.transferred`. */
  | { readonly type: 'phone.transfer'; readonly callId: string; readonly name: string }
  /** Ends the client's part: says why, and closes its side. The upstream is read on. */
  | ({ readonly type: 'park' } & Ending)
  /** Ends the session: says why to the client unless the session was parked, and closes both sides. */
  | ({ readonly type: 'close' } & Ending)
  | { readonly type: 'note'; readonly note: SessionNote }
  /** It happened now. */
  | ({ readonly type: 'moment' } & Moment)

/**
 * `lost`: the leg before it failed, and the session goes on. `again`: so it does, and nothing new is said against the upstream. `rollover`: it goes on,
 * and the next is made ready beside it.
 */
export type DialReason = 'first' | 'lost' | 'again' | 'rollover'

export type EndCode = RefusalCode | 'client_left'

/** `why` is a fixed word of ours. */
export interface Ending {
  readonly code: EndCode
  readonly why: string
  readonly retryAfterSeconds?: number | undefined
}

/** Where an event stands in its response: behind so many pieces of words. */
export interface GatePlace {
  readonly responseId: string
  readonly mark: number
}
