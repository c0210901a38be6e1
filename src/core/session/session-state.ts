// A session's memory: what it holds, how it begins, and how a change of it is made.
import type { SessionProfile } from '../policy/profile.js'
import type { JsonObject, RealtimeEvent } from '../protocol/events.js'
import { type CallSeed, type CallState, callBegins } from './call/state.js'
import { type Conversation, noConversation } from './conversation.js'
import { type Gate, openGate } from './gate.js'
import { type GuardsState, guardsBegin } from './guards/state.js'
import { type Items, noItems } from './items.js'
import type { Life, UpstreamPhase } from './lanes.js'
import { type MannersState, mannersBegin } from './manners/state.js'
import { noPlaying, type PlayingState } from './playing/state.js'
import { noQuota, type QuotaState } from './quota/state.js'
import { noRates, type Rates } from './rates.js'
import { type Recording, recordingBegins } from './recording/state.js'
import { noResponses, type Responses, type UpstreamEvent } from './responses/state.js'
import { neverRestored, type Restore, type Restored, type Rollover, type Watch } from './restore/state.js'
import { nothingUnderWay, type UnderWay } from './restore/under-way.js'
import { noResume, type ResumeState } from './resume-state.js'
import { type Caller, type TokenTerm, termFrom } from './token-term.js'
import { noCalls, type ToolCalls } from './tools/ledger.js'
import { noVoice, type Voice } from './voice.js'

/** The leg that the session speaks to, or waits for, and how far it is. */
export interface UpstreamState {
  readonly phase: UpstreamPhase
  /** The number of its dial; 0 before the first. */
  readonly leg: number
  /** It has said that no other leg would be served. */
  readonly isFinal?: boolean
  /** The response that it sends was begun by a leg before: the client knows it under another id. */
  readonly rewrites?: boolean
}

export interface SessionState {
  readonly life: Life
  readonly upstream: UpstreamState
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
  /** Of a parked session: what is not known of its use by then is estimated. */
  readonly parkedUntil: number | undefined
  readonly sessionCreated: RealtimeEvent | undefined
  /** Events that came before the session was live, at most `MAX_EARLY`. */
  readonly early: readonly UpstreamEvent[]
  readonly items: Items
  readonly conversation: Conversation
  /** Of the session in force, as last confirmed: the fields that this client may set. The rest is the profile's. */
  readonly inForce: JsonObject
  /** The upstream's model, as last confirmed. Never shown to a client. */
  readonly model: string | undefined
  readonly calls: ToolCalls
  readonly responses: Responses
  readonly rates: Rates
  readonly gate: Gate
  readonly quota: QuotaState
  readonly resume: ResumeState
  /** As the first leg named them: the client knows no others. */
  readonly sessionId: string | undefined
  readonly conversationId: string | undefined
  /** The session in force has the upstream answer spoken turns by itself. */
  readonly answersTurns: boolean
  readonly detectsTurns: boolean
  readonly underWay: UnderWay
  readonly voice: Voice
  readonly playing: PlayingState
  /** The upstream was lost, and the session goes on as soon as another knows the conversation. */
  readonly restore: Restore | undefined
  readonly restored: Restored
  /** The present upstream is left before its longest time. */
  readonly rollover: Rollover | undefined
  /** While an answer is awaited. */
  readonly watch: Watch | undefined
  /** The upstream is the sideband of a WebRTC call, and the client may come and go. */
  readonly call: CallState | undefined
  /** Absent: the profile has none. */
  readonly manners: MannersState | undefined
  /** Absent: the profile has none. */
  readonly guards: GuardsState | undefined
  readonly recording: Recording
}

export interface SessionSeed {
  readonly profile: SessionProfile
  /** Random and per session; see `SessionView`. */
  readonly relayIdPrefix: string
  readonly requestedModel: string | undefined
  readonly now: number
  readonly caller: Caller
  readonly expiresAt: number
  /** The token's `exp`, if the session's clock is not the wall clock. */
  readonly exp?: number
  /** Absent: all of the session passes through the relay. */
  readonly call?: CallSeed | undefined
}

export function openingState(seed: SessionSeed): SessionState {
  return {
    life: 'open',
    upstream: { phase: 'dialling', leg: 0 },
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
    parkedUntil: undefined,
    sessionCreated: undefined,
    early: [],
    items: noItems,
    conversation: noConversation,
    inForce: {},
    model: undefined,
    calls: noCalls,
    responses: noResponses,
    rates: noRates,
    gate: openGate,
    quota: noQuota,
    resume: noResume,
    sessionId: undefined,
    conversationId: undefined,
    answersTurns: true,
    detectsTurns: true,
    underWay: nothingUnderWay,
    voice: noVoice,
    playing: noPlaying,
    restore: undefined,
    restored: neverRestored,
    rollover: undefined,
    watch: undefined,
    call: seed.call && callBegins(seed.call),
    manners: mannersBegin(seed.profile, seed.call?.adopted === true),
    guards: guardsBegin(seed.profile),
    recording: recordingBegins(seed.profile),
  }
}

/** The state with these changes. */
export function stateWith(state: SessionState, changes: Partial<SessionState>): SessionState {
  return Object.assign(copyOf(state), changes)
}

/**
 * Every field is written out: V8 in Node 20 gives each `{ ...state }` of a `{ ...state }` a hidden class of its own, which takes twenty times as
 * long to make, and makes every later look at a state slow.
 */
export function copyOf(state: SessionState): SessionState {
  return {
    life: state.life,
    upstream: state.upstream,
    profile: state.profile,
    relayIdPrefix: state.relayIdPrefix,
    requestedModel: state.requestedModel,
    privateWords: state.privateWords,
    idsUsed: state.idsUsed,
    openedAt: state.openedAt,
    caller: state.caller,
    token: state.token,
    lastActive: state.lastActive,
    drainUntil: state.drainUntil,
    parkedUntil: state.parkedUntil,
    sessionCreated: state.sessionCreated,
    early: state.early,
    items: state.items,
    conversation: state.conversation,
    inForce: state.inForce,
    model: state.model,
    calls: state.calls,
    responses: state.responses,
    rates: state.rates,
    gate: state.gate,
    quota: state.quota,
    resume: state.resume,
    sessionId: state.sessionId,
    conversationId: state.conversationId,
    answersTurns: state.answersTurns,
    detectsTurns: state.detectsTurns,
    underWay: state.underWay,
    voice: state.voice,
    playing: state.playing,
    restore: state.restore,
    restored: state.restored,
    rollover: state.rollover,
    watch: state.watch,
    call: state.call,
    manners: state.manners,
    guards: state.guards,
    recording: state.recording,
  }
}
