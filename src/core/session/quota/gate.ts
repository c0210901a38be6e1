// Gates responses on the caller's quota, and reports what is left of it to a client that wants to know.

import { gatesInput } from '../../policy/guards.js'
import type { Rejection } from '../../policy/policy.js'
import { outputCap } from '../../policy/profile.js'
import { type QuotaLeft, type QuotaPolicy, type QuotaUsage, quotaLeft, spentRule } from '../../policy/quota.js'
import { arrayAt, isObject, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { cutOffForeign } from '../call/cancel.js'
import { close } from '../ending.js'
import { closeGate, type GatedRequest, isOpen, openGate } from '../gate.js'
import { gateWaits } from '../guards/state.js'
import type { QuotaReservation } from '../inputs.js'
import { interruptsItself, playingWith } from '../playing/state.js'
import { overRate, refuse } from '../refuse.js'
import { isFree, mayStart } from '../responses/floor.js'
import { createForClient, createForLine, createForTurn } from '../responses/requests.js'
import { note, publicEventId, type SessionState, type Step } from '../state.js'
import { interruptsInForce, silenceInForce, withAnswers, withoutAnswers } from './own-turns.js'
import type { QuotaCause, QuotaState } from './state.js'

const UNKNOWN: Rejection = { code: 'rate_limited', message: 'The quota cannot be checked now.', retryAfterSeconds: 5 }
/** Most answers are over by then. */
const HELD_RETRY_SECONDS = 3

export function changeQuota(step: Step, change: Partial<QuotaState>): void {
  step.set({ quota: { ...step.state.quota, ...change } })
}

/**
 * The relay asks for the answers to spoken turns: what is not to start must not start by itself. In a call, whose audio it does not have, always; and if
 * speech does not interrupt, since an upstream that answers at its end would meet the answer that goes on.
 */
export function answersItself(state: Pick<SessionState, 'profile' | 'call'>): boolean {
  return state.profile.quota !== undefined || state.call !== undefined || interruptsItself(state) || gatesInput(state.profile.guards)
}

/** A `session.update` on its way upstream, with the answering of turns left to us. */
export function leaveAnsweringToRelay(step: Step, update: RealtimeEvent, opening: boolean): RealtimeEvent {
  if (!answersItself(step.state)) return update
  const { event, wishes } = withoutAnswers(update, opening, interruptsItself(step.state))
  if (wishes.answers !== undefined) changeQuota(step, { answersTurns: wishes.answers })
  if (wishes.interrupts !== undefined && interruptsItself(step.state)) step.set({ playing: playingWith(step.state.playing, { interrupts: wishes.interrupts }) })
  return event
}

/** A session event on its way to the client, which knows nothing of that. */
export function asIfUpstreamAnswered(step: Step, event: RealtimeEvent): RealtimeEvent {
  if (!answersItself(step.state)) return event
  const { quota, playing } = step.state
  return withAnswers(event, { answers: quota.answersTurns, interrupts: interruptsItself(step.state) ? playing.interrupts : undefined })
}

/** The upstream has shown this session in force: when it says that speech is over, and, if it interrupts by itself, whether it does. */
export function noteInterrupting(step: Step, session: JsonObject | undefined): void {
  const { profile, playing } = step.state
  if (!profile.interruption) return
  const silenceMs = silenceInForce(session)
  const interrupts = interruptsItself(step.state) ? playing.interrupts : interruptsInForce(session)
  if (silenceMs !== playing.silenceMs || interrupts !== playing.interrupts) step.set({ playing: playingWith(playing, { silenceMs, interrupts }) })
}

/** The client's `response.create`. Without a quota it goes at once. */
export function createWithinQuota(step: Step, event: RealtimeEvent): void {
  if (step.state.profile.quota) ask(step, event)
  else createForClient(step, event)
}

/** Voice detection ended a turn, or the client's own commit was taken. */
export function turnCommitted(step: Step): void {
  const { ownCommits, answersTurns } = step.state.quota
  if (!answersItself(step.state)) return
  if (ownCommits > 0) changeQuota(step, { ownCommits: ownCommits - 1 })
  else if (answersTurns) {
    changeQuota(step, { turnUnanswered: true })
    answerTurn(step)
  }
}

/** The client's own commit came to nothing. */
export function commitRefused(step: Step): void {
  changeQuota(step, { ownCommits: Math.max(0, step.state.quota.ownCommits - 1) })
}

/** Once nothing is active: the answer to a turn that was spoken meanwhile. */
export function answerTurn(step: Step): void {
  if (!step.state.quota.turnUnanswered || !mayStart(step.state, 'turn') || gateWaits(step.state)) return
  changeQuota(step, { turnUnanswered: false })
  if (step.state.profile.quota) ask(step, 'turn')
  else createForTurn(step)
}

/** The line of the profile that is to be said. */
export function askForLine(step: Step): void {
  if (step.state.profile.quota) ask(step, 'line')
  else createForLine(step)
}

/** Once something was used: is anything left? */
export function askAfterUse(step: Step, cause: 'response' | 'transcript'): void {
  if (step.state.profile.quota) step.actions.push({ type: 'quota.ask', cause })
}

/** `relay.quota.get` of an opted-in client; answered by `relay.quota`, empty if there is no quota, or by an error. */
export function quotaRequested(step: Step, event: RealtimeEvent): void {
  const eventId = stringAt(event, 'event_id')
  const tooMuch = overRate(step, event.type)
  if (tooMuch) refuse(step, tooMuch, eventId, event.type)
  else if (step.state.profile.quota) step.actions.push({ type: 'quota.ask', cause: { eventId } })
  else tell(step, [])
}

/** Reports the quota to a client that asked, and to an opted-in one after each visible response. If the usage is unknown, only a client that asked hears of it. */
export function tellLeft(step: Step, usage: QuotaUsage | undefined, cause: QuotaCause): void {
  const policy = step.state.profile.quota
  if (policy && usage) {
    const left = quotaLeft(policy, usage)
    noteSpent(step, left)
    if (typeof cause === 'object' || (cause === 'response' && step.state.profile.relayEvents)) tell(step, left)
  } else if (typeof cause === 'object') refuse(step, UNKNOWN, cause.eventId, 'relay.quota.get')
}

function noteSpent(step: Step, left: readonly QuotaLeft[]): void {
  const spent = spentRule(left)
  const spentUntil = spent ? (spent.resetsAt ?? Number.POSITIVE_INFINITY) : undefined
  if (spentUntil !== step.state.quota.spentUntil) changeQuota(step, { spentUntil, spentTold: false })
  if (spentUntil !== undefined) cutOffForeign(step)
}

/** Once the period is over, audio goes upstream again. */
export function forgetSpent(step: Step): void {
  const { spentUntil } = step.state.quota
  if (spentUntil !== undefined && step.now >= spentUntil) changeQuota(step, { spentUntil: undefined })
}

/** True: the quota is used up and the event carries audio, which would cost more. It is refused once, an item each time. */
export function audioRefused(step: Step, event: RealtimeEvent): boolean {
  const { spentUntil, spentTold } = step.state.quota
  if (spentUntil === undefined) return false
  const isAppend = event.type === 'input_audio_buffer.append'
  if (!isAppend && !hasAudio(event)) return false
  if (isAppend && spentTold) {
    note(step, { type: 'event_dropped', side: 'client', why: 'quota_spent' })
    return true
  }
  if (isAppend) changeQuota(step, { spentTold: true })
  const retry = Number.isFinite(spentUntil) ? { retryAfterSeconds: Math.max(1, Math.ceil((spentUntil - step.now) / 1000)) } : {}
  note(step, { type: 'quota_refused', rule: 'audio' })
  refuse(step, { code: 'budget_spent', message: 'The quota is used up, so no audio is taken.', ...retry }, stringAt(event, 'event_id'), event.type)
  return true
}

function hasAudio(event: RealtimeEvent): boolean {
  return event.type === 'conversation.item.create' && arrayAt(objectAt(event, 'item'), 'content').some((part) => isObject(part) && Object.hasOwn(part, 'audio'))
}

/** Opens the gate. Returns what the client sent meanwhile, to be handled now. */
export function quotaReserved(step: Step, answer: QuotaReservation | undefined): readonly RealtimeEvent[] {
  const policy = step.state.profile.quota
  const { waiting, queue } = step.state.gate
  if (!policy || waiting?.why !== 'quota') return []
  const { request } = waiting
  step.set({ gate: openGate })
  if (answer) noteSpent(step, quotaLeft(policy, answer.usage))
  const refusal = refusalOf(policy, answer, step.now)
  if (refusal) {
    note(step, { type: 'quota_refused', rule: refusal.rule })
    refuse(step, refusal.error, typeof request === 'string' ? undefined : stringAt(request, 'event_id'), 'response.create')
    // The caller's audio cannot be refused, and would cost more.
    if (step.state.call && typeof request === 'string' && refusal.error.code === 'budget_spent') close(step, 'budget_spent', 'quota_spent')
  } else if (request === 'turn') createForTurn(step)
  else if (request === 'line') lineAllowed(step)
  else createForClient(step, request)
  return queue
}

/** After every input. An answer's part stays reserved until the answer and its server-run tools are over, however they end. */
export function releaseWhenIdle(step: Step): void {
  const { quota, gate } = step.state
  if (!quota.holds || !isOpen(gate) || !isFree(step.state.responses) || [...step.state.responses.unanswered.values()].some((one) => !one.mixed && !one.late)) return
  changeQuota(step, { holds: false })
  step.actions.push({ type: 'quota.release' })
}

function ask(step: Step, request: GatedRequest): void {
  // What the answer before reserved must not count beside what it used.
  releaseWhenIdle(step)
  changeQuota(step, { holds: true })
  step.set({ gate: closeGate(step.state.gate, 'quota', request) })
  step.actions.push({
    type: 'quota.reserve',
    input: step.state.quota.lastInput,
    output: outputCap(step.state.profile, typeof request === 'string' ? undefined : objectAt(request, 'response')),
  })
}

/** Whoever speaks meanwhile is answered instead; only the last goodbye waits for nobody. */
function lineAllowed(step: Step): void {
  const { responses, manners } = step.state
  if (isFree(responses) && (!responses.userSpeaks || manners?.line?.what === 'ending_goodbye')) createForLine(step)
}

function tell(step: Step, left: readonly QuotaLeft[]): void {
  step.actions.push({ type: 'send', to: 'client', event: { type: 'relay.quota', event_id: publicEventId(step), quota: left.map(publicQuota) } })
}

function refusalOf(policy: QuotaPolicy, answer: QuotaReservation | undefined, now: number): { readonly error: Rejection; readonly rule: string } | undefined {
  if (!answer) return policy.failOpen ? undefined : { error: UNKNOWN, rule: 'unknown' }
  const spent = spentRule(quotaLeft(policy, answer.usage))
  if (spent) {
    const { per, resetsAt } = spent
    const retry = resetsAt === undefined ? {} : { retryAfterSeconds: Math.max(1, Math.ceil((resetsAt - now) / 1000)) }
    return { error: { code: per === 'minute' ? 'rate_limited' : 'budget_spent', message: `The ${quotaWords(spent)} is used up.`, ...retry }, rule: ruleName(spent) }
  }
  if (answer.granted) return undefined
  const held = spentRule(quotaLeft(policy, answer.usage, answer.held))
  if (!held) return { error: UNKNOWN, rule: 'unknown' }
  return {
    error: { code: 'rate_limited', message: `What is left of the ${quotaWords(held)} is held by answers under way.`, retryAfterSeconds: HELD_RETRY_SECONDS },
    rule: ruleName(held),
  }
}

function quotaWords({ of, per }: QuotaLeft): string {
  return `quota of ${WORDS[of]} per ${per}`
}

function ruleName({ of, per }: QuotaLeft): string {
  return `${of === 'audioMinutes' ? 'audio_minutes' : of}_per_${per}`
}

const WORDS = { responses: 'responses', tokens: 'tokens', audioMinutes: 'audio minutes', money: 'money' } as const

/** As `relay.quota` and `GET /v1/quota` spell it; amounts to a millionth, times in whole seconds as elsewhere in this protocol. */
export function publicQuota({ of, per, max, used, remaining, resetsAt, low }: QuotaLeft) {
  const round = (value: number) => Math.round(value * 1e6) / 1e6
  const name = of === 'audioMinutes' ? 'audio_minutes' : of
  return { of: name, per, max, used: round(used), remaining: round(remaining), resets_at: resetsAt === undefined ? null : Math.ceil(resetsAt / 1000), low }
}
