// Calls by WebRTC and SIP: the user's media goes straight to the upstream, and the relay holds the sideband. Types only.
import type { CallMode } from '../core/policy/enforcement.js'
import type { JsonObject } from '../core/protocol/events.js'
import type { EndCode } from '../core/session/actions.js'
import type { Link } from './link.js'
import type { DialRequest, UpstreamConnection } from './upstream.js'

export type { CallMode }

/** A call as its upstream knows it. Neither field is ever shown to a client. */
export interface PlacedCall {
  readonly callId: string
  /** Name of the configured upstream that has it. */
  readonly upstream: string
}

export interface CallOffer {
  /** As it goes out: checked and rewritten. */
  readonly sdp: string
  /** The server's session, locked: it is in force from the first packet on. */
  readonly session: JsonObject
  readonly correlationId: string
  readonly trace?: string | undefined
  readonly signal: AbortSignal
  /** The only zones that the call may go to. Absent: any. */
  readonly zones?: readonly string[] | undefined
}

export interface AnsweredCall {
  readonly call: PlacedCall
  readonly sdp: string
}

/** A call by SIP that rings at the upstream. Whoever accepts it first has it. */
export interface RingingCall extends Omit<CallOffer, 'sdp'> {
  /** The upstream's own id. */
  readonly callId: string
}

/** Rejects with a `RefusalError`, like `UpstreamProvider.dial`. */
export interface CallProvider {
  place(offer: CallOffer): Promise<AnsweredCall>
  /** Takes the call at the upstream that knows it. `not_found`: none does any more. If it is unknown whether it was accepted, it is hung up. */
  accept(call: RingingCall): Promise<PlacedCall>
  /** Refuses a ringing call with a SIP status, at every upstream that may know it. Bounded in time. Never rejects. */
  reject(callId: string, sipStatus: number): Promise<void>
  /** Has the call's own carrier connect the caller with `target`, `tel:` or `sip:`. Resolves once the carrier was asked; then the call ends by itself. Tried once. */
  refer(call: PlacedCall, target: string): Promise<void>
  /** Opens the sideband. `not_found`: the call is over. The upstream sends no `session.created` on it. */
  attach(call: PlacedCall, request: Pick<DialRequest, 'correlationId' | 'trace' | 'signal'>): Promise<UpstreamConnection>
  /** Resolves once the upstream has ended the call or does not know it. Bounded in time, repeated meanwhile; rejects if it could not be ended. */
  hangUp(call: PlacedCall): Promise<void>
}

/** What makes a session the sideband of a call. Its client may come, leave and come again, or never be there. */
export interface SessionCall {
  /** The relay's own id of the call. */
  readonly id: string
  readonly mode: CallMode
  /** Another instance had it before. Absent: it was placed just now. */
  readonly adopted?: boolean
  /** Opens the sideband, the first time and after a loss. */
  attach(request: Pick<DialRequest, 'correlationId' | 'trace' | 'signal'>): Promise<UpstreamConnection>
  /** The server's part was seen in force on the sideband. Called once. */
  onLive(): void
  /** The session is over; called once, before `NewSession.onEnd`. `handsOver`: the call goes on and another instance takes it. Otherwise it is to be hung up. */
  onOver(end: { readonly code: EndCode; readonly handsOver: boolean }): void
}

/** An attaching client's way to the call that it made. */
export interface CallClaim {
  readonly sessionId: string
  /** Gives the session this link, in place of one before it. False: the session has ended meanwhile. */
  attach(link: Link): boolean
}
