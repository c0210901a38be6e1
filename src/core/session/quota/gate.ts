// Lets a response start only when the caller's quota was looked at: what waits for that, in order, and what the client is told of it.
import type { Rejection } from '../../policy/policy.js'
import type { SessionProfile } from '../../policy/profile.js'
import { type QuotaLeft, type QuotaPolicy, type QuotaUsage, quotaLeft, spentRule } from '../../policy/quota.js'
import { type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { tokenUsage } from '../../protocol/token-usage.js'
import { overRate } from '../rates.js'
import { refuse } from '../refuse.js'
import { createForClient, createForTurn } from '../responses/creates.js'
import { note, publicEventId, type QuotaReservation, type Turn } from '../state.js'
import { withAnswers, withoutAnswers } from './own-turns.js'
import type { QuotaCause, QuotaState } from './state.js'

const MAX_HELD = 64
const UNKNOWN: Rejection = { code: 'rate_limited', message: 'The quota cannot be checked now.', retryAfterSeconds: 5 }
/** Most answers are over by then. */
const HELD_RETRY_SECONDS = 3
/** Of one response (source: the API's `max_output_tokens`, 1 to 4096 or `inf`). */
const MOST_OUTPUT_TOKENS = 4096

export function changeQuota(turn: Turn, change: Partial<QuotaState>): void {
  turn.s = { ...turn.s, quota: { ...turn.s.quota, ...change } }
}

/** True: the event waits behind a `response.create`, so that the client's order is kept. */
export function holdBehindQuota(turn: Turn, event: RealtimeEvent): boolean {
  const { waiting, held } = turn.s.quota
  if (waiting === undefined) return false
  if (held.length < MAX_HELD) changeQuota(turn, { held: [...held, event] })
  else refuse(turn, { code: 'rate_limited', message: 'Too many events at once.', retryAfterSeconds: 1 }, stringAt(event, 'event_id'), 'unknown')
  return true
}

/** A `session.update` on its way upstream, with the answering of turns left to us. */
export function ownTurns(turn: Turn, update: RealtimeEvent, opening: boolean): RealtimeEvent {
  if (!turn.s.profile.quota) return update
  const { event, answers } = withoutAnswers(update, opening)
  if (answers !== undefined) changeQuota(turn, { answersTurns: answers })
  return event
}

/** A session event on its way to the client, which knows nothing of that. */
export function shownTurns(turn: Turn, event: RealtimeEvent): RealtimeEvent {
  return turn.s.profile.quota ? withAnswers(event, turn.s.quota.answersTurns) : event
}

/** The client's `response.create`, at once where there is no quota. */
export function createWithinQuota(turn: Turn, event: RealtimeEvent): void {
  if (turn.s.profile.quota) ask(turn, event)
  else createForClient(turn, event)
}

/** Voice detection ended a turn, or the client's own commit was taken. */
export function turnCommitted(turn: Turn): void {
  const { ownCommits, answersTurns } = turn.s.quota
  if (!turn.s.profile.quota) return
  if (ownCommits > 0) changeQuota(turn, { ownCommits: ownCommits - 1 })
  else if (answersTurns) {
    changeQuota(turn, { turnOwed: true })
    answerTurn(turn)
  }
}

/** The client's own commit came to nothing. */
export function commitRefused(turn: Turn): void {
  changeQuota(turn, { ownCommits: Math.max(0, turn.s.quota.ownCommits - 1) })
}

/** Once nothing is active: the answer to a turn that was spoken meanwhile. */
export function answerTurn(turn: Turn): void {
  const { active, ours, clients, filler } = turn.s.responses
  if (!turn.s.quota.turnOwed || turn.s.quota.waiting !== undefined || active || ours || clients || filler) return
  if (turn.s.phase !== 'live') return
  changeQuota(turn, { turnOwed: false })
  ask(turn, 'turn')
}

/** After each visible response an opted-in client is told what is left of its quota. */
export function tellAfterResponse(turn: Turn): void {
  if (turn.s.profile.quota && turn.s.profile.relayEvents) turn.actions.push({ do: 'quota.ask', cause: 'response' })
}

/** `relay.quota.get` of an opted-in client; answered by `relay.quota`, empty where there is no quota, or by an error. */
export function quotaRequested(turn: Turn, event: RealtimeEvent): void {
  const eventId = stringAt(event, 'event_id')
  const tooMuch = overRate(turn, event.type)
  if (tooMuch) refuse(turn, tooMuch, eventId, event.type)
  else if (turn.s.profile.quota) turn.actions.push({ do: 'quota.ask', cause: { eventId } })
  else tell(turn, [])
}

/** Unasked nothing is said where nobody knows. */
export function tellLeft(turn: Turn, usage: QuotaUsage | undefined, cause: QuotaCause): void {
  const policy = turn.s.profile.quota
  if (policy && usage) tell(turn, quotaLeft(policy, usage))
  else if (cause !== 'response') refuse(turn, UNKNOWN, cause.eventId, 'relay.quota.get')
}

/** Returns what the client sent meanwhile, to be handled now. */
export function quotaReserved(turn: Turn, answer: QuotaReservation | undefined): readonly RealtimeEvent[] {
  const policy = turn.s.profile.quota
  const { waiting, held } = turn.s.quota
  if (!policy || waiting === undefined) return []
  changeQuota(turn, { waiting: undefined, held: [] })
  const refusal = refusalOf(policy, answer, turn.s.now)
  if (refusal) {
    note(turn, { note: 'quota_refused', rule: refusal.rule })
    refuse(turn, refusal.error, waiting === 'turn' ? undefined : stringAt(waiting, 'event_id'), 'response.create')
  } else if (waiting === 'turn') createForTurn(turn)
  else createForClient(turn, waiting)
  return held
}

/** What a response read tells what the next one will read. */
export function readTokens(turn: Turn, usage: JsonObject): void {
  if (turn.s.profile.quota) changeQuota(turn, { lastInput: tokenUsage(usage).input })
}

/** After every input: an answer holds its part of the quota until it is over with its server-run tools, however it ends. */
export function releaseWhenIdle(turn: Turn): void {
  const { holds, waiting } = turn.s.quota
  const { active, ours, clients, filler, owed } = turn.s.responses
  if (!holds || waiting !== undefined || active || ours || clients || filler || [...owed.values()].some((one) => !one.mixed && !one.late)) return
  changeQuota(turn, { holds: false })
  turn.actions.push({ do: 'quota.release' })
}

function ask(turn: Turn, waiting: RealtimeEvent | 'turn'): void {
  // What the answer before held must not count beside what it used.
  releaseWhenIdle(turn)
  changeQuota(turn, { waiting, holds: true })
  const request = waiting === 'turn' ? undefined : objectAt(waiting, 'response')
  turn.actions.push({ do: 'quota.reserve', input: turn.s.quota.lastInput, output: outputCap(turn.s.profile, request) })
}

/** The most tokens a response may speak or write; a session's own cap counts where the client cannot lift it. */
function outputCap({ session, clientMaySet }: SessionProfile, request: JsonObject | undefined): number {
  const cap = request?.max_output_tokens ?? (clientMaySet.has('max_output_tokens') ? undefined : session.max_output_tokens)
  return typeof cap === 'number' && cap > 0 ? Math.min(cap, MOST_OUTPUT_TOKENS) : MOST_OUTPUT_TOKENS
}

function tell(turn: Turn, left: readonly QuotaLeft[]): void {
  turn.actions.push({ do: 'send', to: 'client', event: { type: 'relay.quota', event_id: publicEventId(turn), quota: left.map(shown) } })
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
export function shown({ of, per, max, used, remaining, resetsAt, low }: QuotaLeft) {
  const round = (value: number) => Math.round(value * 1e6) / 1e6
  const name = of === 'audioMinutes' ? 'audio_minutes' : of
  return { of: name, per, max, used: round(used), remaining: round(remaining), resets_at: resetsAt === undefined ? null : Math.ceil(resetsAt / 1000), low }
}
