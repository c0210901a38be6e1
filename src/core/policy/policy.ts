// Policy's question and answer: a verdict about one event, without memory and without effect.
import type { RefusalCode } from '../protocol/errors.js'
import type { Json, RealtimeEvent } from '../protocol/events.js'
import type { SessionProfile, ToolOwner } from './profile.js'

export interface Rejection {
  readonly code: RefusalCode
  /** Path of the offending field in GA spelling. */
  readonly param?: string
  /** Our own words; never quotes what was sent. */
  readonly message?: string
  /** When it would be let through, if time alone helps. */
  readonly retryAfterSeconds?: number
}

export type Verdict =
  | { readonly type: 'forward' }
  | { readonly type: 'replace'; readonly event: RealtimeEvent }
  | { readonly type: 'drop'; readonly why: string }
  | { readonly type: 'reject'; readonly error: Rejection }

/** What policy may know about the session; a read-only window on its state. */
export interface SessionView {
  readonly profile: SessionProfile
  /** Our own event and item ids start with it; unguessable, so a client can neither use nor probe them. */
  readonly relayIdPrefix: string
  /** Model name the client asked for; the only model name it ever sees. */
  readonly requestedModel: string | undefined
  /** Names that must not appear in any text towards the client: deployment, host. */
  readonly privateWords: readonly string[]
  toolOwner(name: string | undefined): ToolOwner
  isHiddenItem(itemId: string): boolean
  /** The nearest visible item at or before `itemId` in the conversation; null: the start. */
  visibleItem(itemId: string): string | null
  /** Item id of a call that the client sees and answers itself. */
  isClientCallItem(itemId: string): boolean
  /** A call passed on to the client and not yet answered by it. */
  isOpenClientCall(callId: string): boolean
  /** Its media go past the relay by WebRTC. */
  readonly isCall: boolean
  /** Any call ever passed on to the client, answered or not. */
  isClientCall(callId: string): boolean
}

export const FORWARD: Verdict = { type: 'forward' }

export function drop(why: string): Verdict {
  return { type: 'drop', why }
}

export function reject(code: RefusalCode, param: string | undefined, message: string): Verdict {
  return { type: 'reject', error: param === undefined ? { code, message } : { code, param, message } }
}

export function replace(event: RealtimeEvent): Verdict {
  return { type: 'replace', event }
}

/** Keeps the named own fields; the same object when nothing else is there, so that untouched events can be told from changed ones. */
export function onlyFields<T extends { [key: string]: Json }>(object: T, allowed: ReadonlySet<string>): T {
  for (const key in object) {
    if (!allowed.has(key) && Object.hasOwn(object, key)) return Object.fromEntries(Object.entries(object).filter(([name]) => allowed.has(name))) as T
  }
  return object
}
