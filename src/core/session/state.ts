// A session's memory, and one call of `step` at work on it.

import { limitsOfEvent } from '../limits/report.js'
import type { SessionView } from '../policy/policy.js'
import type { SessionProfile, ToolOwner } from '../policy/profile.js'
import { type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../protocol/events.js'
import { tokenUsage } from '../protocol/token-usage.js'
import type { Action } from './actions.js'
import { type Conversation, noConversation } from './conversation.js'
import { type Gate, openGate } from './gate.js'
import { type Items, isHidden, noItems, visibleItem } from './items.js'
import { type Lanes, type Life, lanesFor, type UpstreamPhase } from './lanes.js'
import type { SessionNote } from './notes.js'
import { noQuota, type QuotaState } from './quota/state.js'
import { noRates, type Rates } from './rates.js'
import { noResponses, type Responses, statusLabel, type UpstreamEvent } from './responses/state.js'
import { neverRestored, type Restore, type Restored, type Rollover, rolloverFor, type Watch } from './restore/state.js'
import { nothingUnderWay, type UnderWay } from './restore/under-way.js'
import { noResume, type ResumeState } from './resume-state.js'
import { type Caller, type TokenTerm, termFrom } from './token-term.js'
import { noCalls, type ToolCalls } from './tools/ledger.js'

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
  /** The upstream was lost, and the session goes on as soon as another knows the conversation. */
  readonly restore: Restore | undefined
  readonly restored: Restored
  /** The present upstream is left before its longest time. */
  readonly rollover: Rollover | undefined
  /** While an answer is awaited. */
  readonly watch: Watch | undefined
}

export const MAX_EARLY = 16

/**
 * One call of `step` at work: the state so far and the actions so far. Lives no longer than that call. To policy it is the view of the
 * session, always of the state as it stands.
 */
export class Step implements SessionView {
  readonly actions: Action[] = []

  /** `now`: the time of the input, on the session's clock. */
  constructor(
    public state: SessionState,
    readonly now: number,
  ) {}

  get profile(): SessionProfile {
    return this.state.profile
  }

  get relayIdPrefix(): string {
    return this.state.relayIdPrefix
  }

  get requestedModel(): string | undefined {
    return this.state.requestedModel
  }

  get privateWords(): readonly string[] {
    return this.state.privateWords
  }

  /** An undeclared name is the server's: its call is hidden and answered with an error the model can read. */
  toolOwner(name: string | undefined): ToolOwner {
    return this.state.profile.tools.find((tool) => tool.definition.name === name)?.owner ?? 'server'
  }

  isHiddenItem(itemId: string): boolean {
    return isHidden(this.state.items, itemId)
  }

  visibleItem(itemId: string): string | null {
    return visibleItem(this.state.items, itemId)
  }

  isClientCallItem(itemId: string): boolean {
    return this.state.items.clientCallItems.has(itemId)
  }

  isOpenClientCall(callId: string): boolean {
    return this.state.calls.client.get(callId)?.open === true
  }

  isClientCall(callId: string): boolean {
    return this.state.calls.client.has(callId)
  }
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
    restore: undefined,
    restored: neverRestored,
    rollover: undefined,
    watch: undefined,
  }
}

/** The client and a configured upstream may talk. */
export function isReady({ life, upstream }: SessionState): boolean {
  return (life === 'open' || life === 'draining') && upstream.phase === 'ready'
}

export function lanesOf({ life, upstream, quota }: SessionState): Lanes {
  return lanesFor(life, upstream.phase, quota.spentUntil !== undefined, upstream.rewrites)
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

/** What an event says about the deployment's limits is recorded; returns whether it says anything. */
export function recordLimits(step: Step, event: RealtimeEvent): boolean {
  const seen = limitsOfEvent(event)
  if (seen) step.actions.push({ type: 'record.limits', ...seen })
  return seen !== undefined
}

/** Counted under one of a fixed set of statuses. */
export function noteDone(step: Step, responseId: string, response: JsonObject | undefined): void {
  const status = statusLabel(stringAt(response, 'status'))
  note(step, { type: 'response_done', responseId, model: step.state.model, status, usage: objectAt(response, 'usage') })
}

/** What one response used, before the client sees its end. The next response reads about as much as this one did. */
export function recordUsage(step: Step, responseId: string, usage: JsonObject): void {
  step.actions.push({ type: 'record.usage', responseId, usage })
  step.state = { ...step.state, quota: { ...step.state.quota, lastInput: tokenUsage(usage).input } }
}

/** A leg that runs `session` has just become ready: when it is to be left. */
export function planRollover(step: Step, session: JsonObject | undefined): void {
  const { profile, openedAt, token, relayIdPrefix, upstream } = step.state
  const endsAt = Math.min(openedAt + profile.limits.maxSessionMs, token.expiresAt)
  step.state = { ...step.state, rollover: rolloverFor(profile.limits, session?.expires_at, step.now, endsAt, `${relayIdPrefix}${upstream.leg}`) }
}
