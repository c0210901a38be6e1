// A session's memory, what may happen to it (Input) and what it wants done (Action).
import type { SessionView } from '../policy/policy.js'
import type { SessionProfile } from '../policy/profile.js'
import type { QuotaAmounts, QuotaUsage } from '../policy/quota.js'
import type { RefusalCode } from '../protocol/errors.js'
import type { Frame, JsonObject, RealtimeEvent, Side } from '../protocol/events.js'
import { type Items, isHidden, noItems, visibleItem } from './items.js'
import type { Media } from './media.js'
import type { SessionNote } from './notes.js'
import { noQuota, type QuotaCause, type QuotaState } from './quota/state.js'
import { noRates, type Rates } from './rates.js'
import { noResponses, type Responses, type UpstreamEvent } from './responses/state.js'
import { type Caller, type TokenOutcome, type TokenTerm, termFrom } from './token-term.js'
import { noCalls, type ToolCalls } from './tools/ledger.js'

export type Phase = 'connecting' | 'configuring' | 'live' | 'draining' | 'closed'

/** Permission for the relay to move audio frames without asking; anything but `pass` goes through `step`. */
export interface Lanes {
  readonly clientAudio: 'pass' | 'hold' | 'drop'
  readonly serverAudio: 'pass' | 'parse' | 'drop'
}

export interface SessionState {
  readonly phase: Phase
  readonly profile: SessionProfile
  readonly relayIdPrefix: string
  readonly requestedModel: string | undefined
  readonly privateWords: readonly string[]
  /** Ids given out so far: ours towards the upstream, and those of our own events towards the client. */
  readonly idsUsed: number
  /** On the session's clock, as every time in here: milliseconds near the epoch's, never set back nor forward. */
  readonly openedAt: number
  readonly caller: Caller
  readonly token: TokenTerm
  /** When the client last sent something or work last ended, as far as core was told: `tick` brings the rest. */
  readonly lastActive: number
  readonly drainUntil: number | undefined
  readonly sessionCreated: RealtimeEvent | undefined
  /** Events that came before the session was live, at most `MAX_EARLY`. */
  readonly early: readonly UpstreamEvent[]
  readonly items: Items
  readonly calls: ToolCalls
  readonly responses: Responses
  readonly violations: number
  readonly rates: Rates
  readonly quota: QuotaState
}

export const MAX_EARLY = 16

export type Input =
  | { readonly type: 'upstream.opened'; readonly privateWords: readonly string[] }
  /** `frame`: the event's own bytes, when sending them on would be the same as sending the event. */
  | { readonly type: 'upstream.event'; readonly event: RealtimeEvent; readonly frame: Frame | undefined }
  | { readonly type: 'upstream.closed'; readonly code: number }
  | { readonly type: 'client.event'; readonly event: RealtimeEvent }
  | { readonly type: 'frame.refused'; readonly code: RefusalCode; readonly message: string; readonly causeEventId?: string | undefined }
  | { readonly type: 'tool.finished'; readonly callId: string; readonly output: string; readonly ok: boolean; readonly durationMs: number }
  | { readonly type: 'token.verified'; readonly outcome: TokenOutcome }
  /** Answers `quota.ask`; undefined: nobody could tell in time. */
  | { readonly type: 'quota.left'; readonly usage: QuotaUsage | undefined; readonly cause: QuotaCause }
  /** Answers `quota.reserve`; undefined: nobody could tell in time. */
  | { readonly type: 'quota.reserved'; readonly answer: QuotaReservation | undefined }
  /** Something may be due. `clientActiveAt`: when the client last sent anything, audio included. */
  | { readonly type: 'tick'; readonly clientActiveAt: number }
  | { readonly type: 'drain'; readonly untilMs: number }

/** `granted`: the response may start, and holds its part. `held`: by other responses of this user, before this one. */
export interface QuotaReservation {
  readonly usage: QuotaUsage
  readonly held: QuotaAmounts
  readonly granted: boolean
}

export type Action =
  | { readonly type: 'send'; readonly to: Side; readonly event: RealtimeEvent; readonly frame?: Frame | undefined }
  /** The session is live: what the client sent before may be handled now. */
  | { readonly type: 'release.client' }
  | { readonly type: 'tool.start'; readonly callId: string; readonly name: string; readonly arguments: string }
  | { readonly type: 'tool.cancel'; readonly callId: string }
  /** Answered by `token.verified`. The token goes to the authenticator and nowhere else. */
  | { readonly type: 'token.verify'; readonly token: string }
  /** The session rests on this token from now on: revoking it ends the session, revoking the one before does not. */
  | { readonly type: 'token.use'; readonly tokenId: string | undefined }
  /** `rate_limits.updated`, or an event with an error of `limit-refusals.ts`. */
  | { readonly type: 'record.limits'; readonly event: RealtimeEvent }
  | { readonly type: 'record.usage'; readonly responseId: string; readonly usage: JsonObject }
  /** Billed apart from any response. */
  | { readonly type: 'record.transcription'; readonly itemId: string; readonly contentIndex: number; readonly usage: JsonObject }
  /** The session in force may have other audio from now on. */
  | { readonly type: 'media'; readonly media: Media }
  /** Answered by `quota.left`, soon and once. */
  | { readonly type: 'quota.ask'; readonly cause: QuotaCause }
  /** A response that wants to start holds this much, in tokens, until its usage is known. Answered by `quota.reserved`, soon and once. */
  | { readonly type: 'quota.reserve'; readonly input: number; readonly output: number }
  /** No response is under way any more: nothing is held for this session, once what it used is booked. */
  | { readonly type: 'quota.release' }
  | { readonly type: 'close'; readonly code: RefusalCode; readonly why: string }
  | { readonly type: 'note'; readonly note: SessionNote }

/** One call of `step` at work: the state so far and the actions so far. Lives no longer than that call. */
export interface Step {
  state: SessionState
  /** The time of the input, on the session's clock. */
  readonly now: number
  readonly actions: Action[]
}

export interface SessionSeed {
  readonly profile: SessionProfile
  /** Random and per session; see `SessionView`. */
  readonly relayIdPrefix: string
  readonly requestedModel: string | undefined
  readonly now: number
  readonly caller: Caller
  readonly expiresAt: number
  /** The token's `exp`, where the session's clock is not the wall clock. */
  readonly exp?: number
}

export function openingState(seed: SessionSeed): SessionState {
  return {
    phase: 'connecting',
    profile: seed.profile,
    relayIdPrefix: seed.relayIdPrefix,
    requestedModel: seed.requestedModel,
    privateWords: [],
    idsUsed: 0,
    openedAt: seed.now,
    caller: seed.caller,
    token: termFrom(seed.now, seed.expiresAt, seed.exp),
    lastActive: seed.now,
    drainUntil: undefined,
    sessionCreated: undefined,
    early: [],
    items: noItems,
    calls: noCalls,
    responses: noResponses,
    violations: 0,
    rates: noRates,
    quota: noQuota,
  }
}

const LIVE: Lanes = { clientAudio: 'pass', serverAudio: 'pass' }
const CLOSED: Lanes = { clientAudio: 'drop', serverAudio: 'drop' }
const OPENING: Lanes = { clientAudio: 'hold', serverAudio: 'parse' }

export function lanesOf({ phase }: SessionState): Lanes {
  if (phase === 'live' || phase === 'draining') return LIVE
  return phase === 'closed' ? CLOSED : OPENING
}

export function viewOf(s: SessionState): SessionView {
  return {
    profile: s.profile,
    relayIdPrefix: s.relayIdPrefix,
    requestedModel: s.requestedModel,
    privateWords: s.privateWords,
    // A name nobody declared is the server's: its call is hidden and answered with an error the model can read.
    toolOwner: (name) => s.profile.tools.find((tool) => tool.definition.name === name)?.owner ?? 'server',
    isHiddenItem: (itemId) => isHidden(s.items, itemId),
    visibleItem: (itemId) => visibleItem(s.items, itemId),
    isClientCallItem: (itemId) => s.items.clientCallItems.has(itemId),
    isOpenClientCall: (callId) => s.calls.client.get(callId)?.open === true,
    isClientCall: (callId) => s.calls.client.has(callId),
  }
}

/** A fresh id for something of ours towards the upstream; at most 32 characters, the service's limit for item ids. */
export function relayId(step: Step): string {
  step.state = { ...step.state, idsUsed: step.state.idsUsed + 1 }
  return `${step.state.relayIdPrefix}${step.state.idsUsed}`
}

/** A fresh id for an event of ours towards the client; says nothing about `relayIdPrefix`. */
export function publicEventId(step: Step): string {
  step.state = { ...step.state, idsUsed: step.state.idsUsed + 1 }
  return `event_relay_${step.state.idsUsed}`
}

export function note(step: Step, what: SessionNote): void {
  step.actions.push({ type: 'note', note: what })
}

/** Ends the session once; later closes are ignored. */
export function close(step: Step, code: RefusalCode, why: string): void {
  if (step.state.phase === 'closed') return
  for (const call of step.state.calls.server.values()) {
    if (call.atWork) step.actions.push({ type: 'tool.cancel', callId: call.callId })
  }
  step.state = { ...step.state, phase: 'closed' }
  step.actions.push({ type: 'close', code, why })
}
