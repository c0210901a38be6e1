// What ingress asks of the part that runs WebRTC calls. Types only.
import type { SessionProfile } from '../core/policy/profile.js'
import type { JsonObject } from '../core/protocol/events.js'
import type { RewrittenOffer } from '../core/sdp/offer.js'
import type { Identity } from './caller.js'
import type { CallClaim, CallMode } from './calls.js'
import type { ToolSet } from './tools.js'

/** A ticket's holder may place one call for the caller whom it was given to. */
export interface Ticket {
  readonly identity: Identity
  readonly model: string | undefined
  /** Settings that the caller asked for, as the settable table rebuilt them. */
  readonly wishes: JsonObject
}

export interface NewCall extends Omit<Ticket, 'model'> {
  readonly sessionId: string
  readonly profile: SessionProfile
  readonly tools: ToolSet
  readonly requestedModel: string | undefined
  readonly trace: string | undefined
  readonly mode: CallMode
  readonly offer: RewrittenOffer
  /** The caller left. */
  readonly signal: AbortSignal
  /** The session is open, and `onEnd` will be called. */
  readonly onOpen: () => void
  readonly onEnd: () => void
}

export interface CallDesk {
  /** Resolves once the call is recorded and the sideband holds it. Rejects with a `RefusalError`, and the call is then hung up. */
  open(call: NewCall): Promise<{ readonly id: string; readonly sdp: string }>
  /** Resolves once the call is over. Rejects with `not_found` for every call that is not this caller's. */
  hangUp(id: string, identity: Identity): Promise<void>
  /** Undefined: none of this caller's, for every reason alike. A call of another instance comes here first. */
  claim(id: string, identity: Identity): Promise<CallClaim | undefined>
  issue(ticket: Ticket, ttlMs: number): Promise<string>
  /** Once. Undefined: unknown, used or too old. */
  redeem(ticket: string): Promise<Ticket | undefined>
}
