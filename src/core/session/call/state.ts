// What the session of a WebRTC call knows beyond any other: its mode, what of its upstream's events it expects, and what of them is being undone.
import type { Bucket } from '../../limits/token-bucket.js'
import type { CallMode } from '../../policy/enforcement.js'
import type { JsonObject } from '../../protocol/events.js'

export interface CallSeed {
  readonly mode: CallMode
  /** Random, and never shown to anybody: begins the marks of responses that the relay asks for. */
  readonly secret: string
  /** Another instance had the call before, and what it had sent may still be answered. */
  readonly adopted: boolean
}

export interface CallState extends CallSeed {
  /** As last seen in force. Undefined: the call is not live yet. */
  readonly session: JsonObject | undefined
  /** What was sent upstream and has had no echo, oldest first. An event without an entry here is not the relay's doing. */
  readonly expected: readonly Expected[]
  /** An answer's audio is being played to the caller. */
  readonly plays: boolean
  /** Foreign facts whose undoing the upstream has not confirmed: `session`, or the id of an item. No response starts meanwhile. */
  readonly breaches: readonly string[]
  readonly undoneUntil: number | undefined
  /** The response under way that the caller has asked for past the relay. */
  readonly foreignResponse: string | undefined
  /** Foreign responses that were cancelled at their beginning: nothing of them is shown or run. */
  readonly dismissed: readonly string[]
  /** Foreign session updates, which are forgiven with time. */
  readonly updates: Bucket | undefined
  /** After a loss: until then the upstream may speak of what it did meanwhile, and of the response that was under way. */
  readonly unsure: { readonly until: number; readonly responseId: string | undefined } | undefined
  /** The upstream runs a response that the relay has not seen begin. */
  readonly busyUntil: number | undefined
}

export interface Expected {
  readonly key: string
  /** Of the event that was sent: an error about it ends the expectation. */
  readonly eventId: string | undefined
}

export function callBegins({ mode, secret, adopted }: CallSeed): CallState {
  return {
    mode,
    secret,
    adopted,
    session: undefined,
    expected: [],
    plays: false,
    breaches: [],
    undoneUntil: undefined,
    foreignResponse: undefined,
    dismissed: [],
    updates: undefined,
    unsure: undefined,
    busyUntil: undefined,
  }
}

export function callDueAt(call: CallState | undefined): number {
  if (!call) return Number.POSITIVE_INFINITY
  const never = Number.POSITIVE_INFINITY
  return Math.min(call.undoneUntil ?? never, call.unsure?.until ?? never, call.busyUntil ?? never)
}

/** Nothing may be asked for: what would answer is not the session that the server wants, or another response runs. */
export function mustWait({ breaches, busyUntil }: CallState): boolean {
  return breaches.length > 0 || busyUntil !== undefined
}
