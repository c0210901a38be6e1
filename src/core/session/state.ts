// One call of `step` at work on a session's memory.

import { limitsOfEvent } from '../limits/report.js'
import type { SessionView } from '../policy/policy.js'
import type { SessionProfile, ToolOwner } from '../policy/profile.js'
import { type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../protocol/events.js'
import { inputTokens } from '../protocol/token-usage.js'
import type { Action } from './actions.js'
import { isClientCallItem, isHidden, visibleItem } from './items.js'
import { type Lanes, lanesFor } from './lanes.js'
import type { SessionNote } from './notes.js'
import { nothingPlaying, type Playing } from './playing/playing.js'
import { callCount, endReason } from './responses/how-ended.js'
import { statusLabel } from './responses/state.js'
import { rolloverFor } from './restore/state.js'
import { copyOf, openingState, type SessionSeed, type SessionState, type UpstreamState } from './session-state.js'
import { clientCall } from './tools/ledger.js'
import { type Heard, heardNothing } from './voice.js'

export { openingState, type SessionSeed, type SessionState, type UpstreamState }

export const MAX_EARLY = 16

type OwnState = { -readonly [Field in keyof SessionState]: SessionState[Field] }

/**
 * One call of `step` at work: the state so far and the actions so far. Lives no longer than that call. To policy it is the view of the
 * session, always of the state as it stands.
 */
export class Step implements SessionView {
  readonly actions: Action[] = []
  /** `state` is a copy that nobody else has. */
  #isOwn = false

  /** `now`: the time of the input, on the session's clock. */
  constructor(
    public state: SessionState,
    readonly now: number,
    /** Of the client's audio. */
    readonly heard: Heard = heardNothing,
    /** Of the answers. */
    readonly playing: Playing = nothingPlaying,
  ) {}

  set(changes: Partial<SessionState>): void {
    Object.assign(this.own(), changes)
  }

  /**
   * The state, to be changed until this call is over. The one that was given stays as it was, so that one input costs one copy, whatever it changes.
   * `set` says the same of rare changes in fewer words, and more slowly.
   */
  own(): OwnState {
    if (!this.#isOwn) this.state = copyOf(this.state)
    this.#isOwn = true
    return this.state
  }

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
    return isClientCallItem(this.state.items, itemId)
  }

  isOpenClientCall(callId: string): boolean {
    return clientCall(this.state.calls, callId)?.open === true
  }

  isClientCall(callId: string): boolean {
    return clientCall(this.state.calls, callId) !== undefined
  }

  get isCall(): boolean {
    return this.state.call !== undefined
  }
}

/** The client and a configured upstream may talk. */
export function isReady({ life, upstream }: SessionState): boolean {
  return (life === 'open' || life === 'draining') && upstream.phase === 'ready'
}

export function lanesOf({ life, upstream, quota, call }: SessionState): Lanes {
  // Audio is looked at where it is not taken.
  return lanesFor(life, upstream.phase, quota.spentUntil !== undefined || call !== undefined, upstream.rewrites)
}

/** A fresh id for something of ours towards the upstream; at most 32 characters, the service's limit for item ids. */
export function relayId(step: Step): string {
  step.set({ idsUsed: step.state.idsUsed + 1 })
  return `${step.state.relayIdPrefix}${step.state.idsUsed}`
}

/** A fresh id for an event of ours towards the client; says nothing about `relayIdPrefix`. */
export function publicEventId(step: Step): string {
  step.set({ idsUsed: step.state.idsUsed + 1 })
  return `event_relay_${step.state.idsUsed}`
}

/** The same for an item of the client's that has none. */
export function publicItemId(step: Step): string {
  step.set({ idsUsed: step.state.idsUsed + 1 })
  return `item_relay_${step.state.idsUsed}`
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
  const reason = endReason(response)
  const calls = callCount(response)
  note(step, { type: 'response_done', responseId, model: step.state.model, status, reason, calls, usage: objectAt(response, 'usage') })
}

/** What one response used, before the client sees its end. The next response reads about as much as this one did. */
export function recordUsage(step: Step, responseId: string, usage: JsonObject): void {
  step.actions.push({ type: 'record.usage', responseId, usage })
  const { turnUnanswered, ownCommits, answersTurns, holds, spentUntil, spentTold } = step.state.quota
  step.own().quota = { turnUnanswered, ownCommits, answersTurns, holds, spentUntil, spentTold, lastInput: inputTokens(usage) }
}

/** A leg that runs `session` has just become ready: when it is to be left. */
export function planRollover(step: Step, session: JsonObject | undefined): void {
  const { profile, openedAt, token, relayIdPrefix, upstream, call } = step.state
  // The conversation of a call cannot be had elsewhere.
  if (call) return
  const endsAt = Math.min(openedAt + profile.limits.maxSessionMs, token.expiresAt)
  step.set({ rollover: rolloverFor(profile.limits, session?.expires_at, step.now, endsAt, `${relayIdPrefix}${upstream.leg}`) })
}
