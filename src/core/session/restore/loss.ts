// What the end of an upstream leg means: a new one is dialled while there is hope, and the session ends as it would have otherwise.
import type { RealtimeEvent } from '../../protocol/events.js'
import type { Ending } from '../actions.js'
import { type Conversation, heardOf, remembered } from '../conversation.js'
import { closeNow } from '../ending.js'
import type { QuotaReservation } from '../inputs.js'
import { msHeard } from '../replay.js'
import { floorOf } from '../responses/floor.js'
import { note, type SessionState, type Step } from '../state.js'
import { isSpoken, type LossCause, type Said } from './cut.js'
import { attemptUntil, beginRestore, mayRestore, nextLeg, pauseAfter, type Restore, remembering } from './state.js'

/** Errors after which another dial would meet the same end. */
const FINAL_CODES: ReadonlySet<string> = new Set(['insufficient_quota', 'invalid_api_key', 'account_deactivated', 'billing_hard_limit_reached'])

/** Of a session whose turn to dial does not come. */
const MOST_WAIT_MS = 60_000

/** An `error` of the upstream that says why its end is near. */
export function noteFinal(step: Step, code: string): void {
  if (FINAL_CODES.has(code)) step.set({ upstream: { ...step.state.upstream, isFinal: true } })
}

/** Whether a loss now would be followed by a new dial. */
export function wouldRestore({ life, upstream, profile, restored }: SessionState, now: number): boolean {
  return life === 'open' && upstream.phase === 'ready' && upstream.isFinal !== true && mayRestore(profile, restored, now)
}

/** A leg that was ready is gone, or is to be left. `ending`: what this is to a session that cannot be restored. */
export function lost(step: Step, cause: LossCause, said: readonly Said[], ending: Ending): void {
  const { state, now } = step
  if (!wouldRestore(state, now)) {
    const { code, why, retryAfterSeconds } = ending
    return closeNow(step, code, why, retryAfterSeconds)
  }
  const until = now + (state.profile.limits.reconnectMs ?? 0)
  note(step, { type: 'upstream_lost', cause, during: during(state) })
  step.set({ conversation: withWhatWasSaid(state, said), restored: remembering(state.restored, now) })
  dial(step, beginRestore({ cause, ending, since: now, until, attempt: 0, attemptUntil: 0, said }))
}

/** Only what the client has of it: text as far as it came, speech as far as it was heard, calls whose arguments are whole. */
export function withWhatWasSaid({ conversation, underWay }: SessionState, said: readonly Said[]): Conversation {
  let after = conversation
  for (const { id, item, parts, final, done } of underWay.responses.flatMap(({ items }) => items)) {
    const { text = '', audioMs = 0, speed } = said.find((one) => one.itemId === id) ?? {}
    const words = parts.find((part) => part.text !== undefined)?.text ?? text
    if (final && !done) after = remembered(after, { type: 'response.output_item.done', item })
    else after = heardOf(after, id, words, parts.some(isSpoken) ? msHeard(words, audioMs, speed) : undefined)
  }
  return after
}

/** The dial, or the leg that it gave, came to nothing. `retryAfterMs`: the upstream wants to be left alone for so long. */
export function attemptFailed(step: Step, why: string, retryAfterMs = 0): void {
  const { restore, upstream, relayIdPrefix } = step.state
  if (!restore) return
  const dialAt = step.now + Math.max(pauseAfter(restore.attempt, relayIdPrefix), retryAfterMs)
  if (dialAt >= restore.until) return giveUp(step, why)
  step.set({ upstream: { ...upstream, phase: 'lost' }, restore: { ...restore, dialAt, awaited: new Map(), sounds: [], news: [] } })
}

/** At every tick. */
export function tickRestore(step: Step): void {
  const { restore, upstream } = step.state
  if (!restore) return
  if (step.now >= restore.until) giveUp(step, 'deadline')
  else if (restore.dialAt !== undefined && step.now >= restore.dialAt) dial(step, restore)
  else if (upstream.phase !== 'lost' && step.now >= restore.attemptUntil) attemptFailed(step, 'too_slow')
}

/** A frame that was read as its lane closed is handled before those that are held. */
export function keepEarly(step: Step, event: RealtimeEvent): void {
  const { restore } = step.state
  if (restore) step.set({ restore: { ...restore, early: [...restore.early, event] } })
}

export function keepReserved(step: Step, answer: QuotaReservation | undefined): void {
  const { restore } = step.state
  if (restore) step.set({ restore: { ...restore, reserved: [...restore.reserved, answer] } })
}

export function restoreDueAt({ restore }: SessionState): number {
  if (!restore) return Number.POSITIVE_INFINITY
  return Math.min(restore.until, restore.dialAt ?? restore.attemptUntil)
}

export function dial(step: Step, restore: Restore): void {
  const leg = nextLeg(step.state)
  const { reconnectMs = 0 } = step.state.profile.limits
  const next: Restore = { ...restore, attempt: restore.attempt + 1, dialAt: undefined, attemptUntil: attemptUntil(step.now, restore.until, reconnectMs), awaited: new Map() }
  step.set({ upstream: { phase: 'dialling', leg }, restore: next, rollover: undefined })
  const isNews = restore.attempt === 0 && restore.ending.code !== 'session_over'
  step.actions.push({ type: 'dial', leg, reason: isNews ? 'lost' : 'again', urgent: during(step.state) !== 'idle' })
}

/** Others are dialled first, so its own time does not run; a minute after the loss all of it is over. */
export function dialWaits(step: Step): void {
  const { restore } = step.state
  if (!restore) return
  const until = Math.max(restore.until, restore.since + MOST_WAIT_MS)
  step.set({ restore: { ...restore, until, attemptUntil: until } })
}

export function dialBegins(step: Step): void {
  const { restore } = step.state
  const { reconnectMs = 0 } = step.state.profile.limits
  if (!restore) return
  const until = step.now + reconnectMs
  step.set({ restore: { ...restore, until, attemptUntil: attemptUntil(step.now, until, reconnectMs) } })
}

function giveUp(step: Step, why: string): void {
  const { restore } = step.state
  if (!restore) return
  const { code, why: cause, retryAfterSeconds } = restore.ending
  note(step, { type: 'restore_failed', cause: restore.cause, why, attempts: restore.attempt, durationMs: step.now - restore.since })
  closeNow(step, code, cause, retryAfterSeconds)
}

function during({ responses, underWay }: SessionState): 'idle' | 'asked' | 'answer' | 'speech' {
  const floor = floorOf(responses)
  if (floor === 'upstream' || floor === 'filler') return 'answer'
  if (floor === 'asked' || underWay.owed !== undefined) return 'asked'
  return underWay.speech === undefined ? 'idle' : 'speech'
}
