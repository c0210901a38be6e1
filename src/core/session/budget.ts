// What the passing of time ends: configuring, the token, the session, idleness, and a drain.

import { tickCall } from './call/sideband.js'
import { callDueAt } from './call/state.js'
import { close, closeNow } from './ending.js'
import { isOpen } from './gate.js'
import { guardsDueAt, holdsBack } from './guards/state.js'
import { tickGuards } from './guards/verdicts.js'
import type { Input } from './inputs.js'
import { mannersDueAt, tickManners } from './manners/manners.js'
import { leaveWhenQuiet, leavingDueAt } from './move/leaving.js'
import { forgetSpent } from './quota/gate.js'
import { isFree } from './responses/floor.js'
import { ANSWER_BEGINS_MS } from './responses/state.js'
import { restoreDueAt, tickRestore } from './restore/loss.js'
import { rolloverDueAt, tickRollover } from './restore/rollover.js'
import { silenceDueAt, tickSilence } from './restore/silence.js'
import { endIfNotBack } from './resume.js'
import { isReady, publicEventId, type SessionState, type Step } from './state.js'
import { noticeExpiry } from './token-refresh.js'
import { lapseApprovals } from './tools/approval.js'
import { firstAskedAt, hasUnanswered } from './tools/ledger.js'
import { slowToolsDueAt, tickSlowTools } from './tools/slow.js'

/** The earliest time at which a tick does anything; ticks before it may be left out. `before`: a state whose time, `known`, is known. */
export function dueAt(state: SessionState, before?: SessionState, known = 0): number {
  if (before && isAsDue(state, before)) return known
  if (state.parkedUntil !== undefined) return state.parkedUntil
  const { upstream, profile, openedAt, token, lastActive, drainUntil, calls, quota, resume } = state
  const { limits } = profile
  const opening = upstream.phase === 'ready' || state.restore ? Number.POSITIVE_INFINITY : openedAt + limits.configureTimeoutMs
  const notice = (profile.relayEvents ? token.noticeAt : undefined) ?? Number.POSITIVE_INFINITY
  const lapse = firstAskedAt(calls) + limits.toolApprovalMs
  return Math.min(
    opening,
    notice,
    lapse,
    slowToolsDueAt(state),
    restoreDueAt(state),
    silenceDueAt(state),
    rolloverDueAt(state),
    callDueAt(state.call),
    mannersDueAt(state),
    guardsDueAt(state),
    token.expiresAt,
    openedAt + limits.maxSessionMs,
    lastActive + limits.idleTimeoutMs,
    drainUntil ?? Number.POSITIVE_INFINITY,
    drainUntil === undefined || state.responses.turnSince === undefined ? Number.POSITIVE_INFINITY : turnOverAt(state),
    quota.spentUntil ?? Number.POSITIVE_INFINITY,
    resume.awayUntil ?? Number.POSITIVE_INFINITY,
    leavingDueAt(state),
    state.playing.dueAt ?? Number.POSITIVE_INFINITY,
  )
}

/** Most events change nothing that time depends on. */
function isAsDue(a: SessionState, b: SessionState): boolean {
  return (
    a.upstream === b.upstream &&
    a.profile === b.profile &&
    a.token === b.token &&
    a.lastActive === b.lastActive &&
    a.drainUntil === b.drainUntil &&
    a.parkedUntil === b.parkedUntil &&
    a.quota.spentUntil === b.quota.spentUntil &&
    a.resume === b.resume &&
    a.restore === b.restore &&
    a.watch === b.watch &&
    a.rollover === b.rollover &&
    a.call === b.call &&
    a.playing === b.playing &&
    a.manners === b.manners &&
    a.guards === b.guards &&
    a.calls === b.calls &&
    a.responses === b.responses
  )
}

export function tick(step: Step, { clientActiveAt, upstreamHeard, said, unheardMs }: Extract<Input, { type: 'tick' }>): void {
  const { now } = step
  if (step.state.parkedUntil !== undefined) {
    if (now >= step.state.parkedUntil) closeNow(step, 'client_left', 'not_settled')
    return
  }
  // The relay counts in periods, whose end may still be to come.
  const active = isWorking(step.state) ? now : Math.max(step.state.lastActive, Math.min(now, clientActiveAt))
  if (active !== step.state.lastActive) step.set({ lastActive: active })
  const { upstream, profile, openedAt, token, lastActive } = step.state
  const { limits } = profile
  if (upstream.phase !== 'ready' && !step.state.restore && now - openedAt >= limits.configureTimeoutMs)
    close(step, 'upstream_timeout', upstream.phase === 'configuring' ? 'still_configuring' : 'still_connecting')
  else if (now >= token.expiresAt) close(step, 'unauthenticated', 'token_expired')
  else if (now - openedAt >= limits.maxSessionMs) close(step, 'session_over', 'maximum_length')
  else if (now - lastActive >= limits.idleTimeoutMs) close(step, 'idle', 'idle')
  else {
    if (isReady(step.state)) {
      noticeExpiry(step)
      lapseApprovals(step)
      tickSlowTools(step)
      tickSilence(step, upstreamHeard, said)
      tickCall(step)
      tickManners(step, unheardMs)
      tickGuards(step)
    }
    tickRollover(step, said)
    tickRestore(step)
    forgetSpent(step)
    endIfNotBack(step)
    closeWhenDrained(step)
  }
}

/** A session is idle from the end of its last work on, not from what the client sent before that. */
export function noteEndOfWork(step: Step, before: SessionState): void {
  if (isWorking(before) && !isWorking(step.state)) step.own().lastActive = step.now
}

function isWorking({ responses, calls }: SessionState): boolean {
  return responses.active !== undefined || hasUnanswered(calls)
}

/** `moves`: the client may come back to another instance, so its session goes on until it can move there. */
export function drain(step: Step, untilMs: number, moves: boolean): void {
  if (step.state.life === 'draining') return
  if (moves && step.state.life === 'open' && step.state.resume.isOffered) return leaveWhenQuiet(step, untilMs)
  step.set({ life: 'draining', drainUntil: untilMs })
  if (!isReady(step.state)) {
    close(step, 'draining', 'not_live_yet')
    return
  }
  if (step.state.profile.relayEvents) step.actions.push({ type: 'send', to: 'client', event: { type: 'relay.draining', event_id: publicEventId(step) } })
  closeWhenDrained(step)
}

/** While the user speaks: never. Else when the answer to the last turn has begun, or will not come. */
function turnOverAt({ responses }: SessionState): number {
  if (responses.userSpeaks) return Number.POSITIVE_INFINITY
  return responses.turnSince === undefined ? 0 : responses.turnSince + ANSWER_BEGINS_MS
}

/** A sentence of the user, the answer, its tools and its follow-up finish first, until the deadline. */
export function closeWhenDrained(step: Step): void {
  const { life, drainUntil, responses, calls, gate, manners, guards } = step.state
  if (life !== 'draining' || drainUntil === undefined) return
  const working =
    !isFree(responses) ||
    !isOpen(gate) ||
    responses.unanswered.size > 0 ||
    hasUnanswered(calls) ||
    manners?.parting !== undefined ||
    holdsBack(guards) ||
    step.now < turnOverAt(step.state)
  if (!working || step.now >= drainUntil) closeNow(step, 'draining', working ? 'drain_deadline' : 'drained')
}
