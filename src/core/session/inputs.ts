// Everything that may happen to a session.
import type { GuardVerdict } from '../policy/guards.js'
import type { QuotaAmounts, QuotaUsage } from '../policy/quota.js'
import type { RefusalCode } from '../protocol/errors.js'
import type { Frame, RealtimeEvent, Side } from '../protocol/events.js'
import type { QuotaCause } from './quota/state.js'
import type { Said } from './restore/cut.js'
import type { ClientBack } from './resume-state.js'
import type { TokenOutcome } from './token-term.js'

/** `leg` is the number of the dial that the socket came of. Inputs of any leg but the session's present one change nothing. */
export type Input =
  /** The client is there: the first input of every session. */
  | { readonly type: 'client.attached' }
  | { readonly type: 'client.event'; readonly event: RealtimeEvent }
  | { readonly type: 'client.closed'; readonly code: number }
  /** The client's socket is gone, and the client may come back. */
  | { readonly type: 'client.gone' }
  /** Of a call: a client has come, in place of one before it. That it goes is no input. */
  | { readonly type: 'client.joined' }
  /** It is there again, with a new token of the same caller. Answered by nothing: the relay has greeted it. */
  | ({ readonly type: 'client.back' } & ClientBack)
  /** Another instance has the session from now on. */
  | { readonly type: 'move'; readonly said: readonly Said[] }
  /** Answers `resume.offer`. */
  | { readonly type: 'resume.offered'; readonly token: string }
  /** A frame of the client that is no event it may send. */
  | { readonly type: 'frame.refused'; readonly code: RefusalCode; readonly message: string; readonly causeEventId?: string | undefined }
  | { readonly type: 'upstream.opened'; readonly leg: number; readonly privateWords: readonly string[] }
  /** Other sessions dial first. */
  | { readonly type: 'dial.waits'; readonly leg: number }
  /** A dial that waited is made now. */
  | { readonly type: 'dial.begins'; readonly leg: number }
  /** The dial came to nothing. `why` is a fixed word of ours. */
  | { readonly type: 'upstream.failed'; readonly leg: number; readonly code: RefusalCode; readonly why: string; readonly retryAfterSeconds?: number | undefined }
  /** `frame`: the event's own bytes, when sending them on would be the same as sending the event. */
  /** `said`, here with errors alone and below: what had been delivered of the items that are not done. */
  | { readonly type: 'upstream.event'; readonly leg: number; readonly event: RealtimeEvent; readonly frame: Frame | undefined; readonly said?: readonly Said[] | undefined }
  /** Part of a message was opened or closed by an event that the client has already. */
  | { readonly type: 'upstream.passed'; readonly leg: number; readonly event: RealtimeEvent }
  | { readonly type: 'upstream.closed'; readonly leg: number; readonly code: number; readonly said?: readonly Said[] }
  /** This side's backlog has made no progress for as long as a slow client may take. */
  | { readonly type: 'stalled'; readonly side: Side; readonly said?: readonly Said[] }
  | { readonly type: 'tool.finished'; readonly callId: string; readonly output: string; readonly ok: boolean; readonly durationMs: number }
  | { readonly type: 'token.verified'; readonly outcome: TokenOutcome }
  /** Answers `guard.check`, soon and once. */
  | { readonly type: 'guard.verdict'; readonly id: number; readonly verdict: GuardVerdict }
  /** What is held of this response is more than the gate may hold. */
  | { readonly type: 'output.full'; readonly responseId: string }
  /** Answers `quota.ask`. Undefined: the store did not answer in time. */
  | { readonly type: 'quota.left'; readonly usage: QuotaUsage | undefined; readonly cause: QuotaCause }
  /** Answers `quota.reserve`. Undefined: the store did not answer in time. */
  | { readonly type: 'quota.reserved'; readonly answer: QuotaReservation | undefined }
  /**
   * Something may be due. `clientActiveAt`: when the client last sent anything, audio included. `upstreamHeard`: frames of the present leg so far,
   * pongs as well; undefined while it is not read. `unheardMs`: how much of the answers' audio that was sent is not played yet; absent if nobody counts.
   */
  | { readonly type: 'tick'; readonly clientActiveAt: number; readonly upstreamHeard?: number | undefined; readonly said?: readonly Said[]; readonly unheardMs?: number }
  /** The caller pressed a key of the telephone. Never in a note. */
  | { readonly type: 'key'; readonly key: string }
  /** Answers `phone.transfer`. True: the carrier has the caller, and the session's end is near. */
  | { readonly type: 'phone.transferred'; readonly callId: string; readonly ok: boolean }
  /** `moves`: sessions whose clients may come back go on on another instance. */
  | { readonly type: 'drain'; readonly untilMs: number; readonly moves?: boolean }
  /** The relay's part ends the session: a revoked token, an operator, the end of a drain. */
  | { readonly type: 'end'; readonly code: RefusalCode; readonly why: string }

/** `granted`: the response may start, and its part is reserved. `held`: reserved by other responses of this user before this one. */
export interface QuotaReservation {
  readonly usage: QuotaUsage
  readonly held: QuotaAmounts
  readonly granted: boolean
}
