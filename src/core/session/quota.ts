// Lets a response start only when the caller's quota was looked at: what waits for that, in order, and what the client is told of it.
import type { Rejection } from '../policy/policy.js'
import { type QuotaLeft, type QuotaPolicy, type QuotaUsage, quotaLeft, spentRule } from '../policy/quota.js'
import { type RealtimeEvent, stringAt } from '../protocol/events.js'
import { createForClient, createForTurn } from './creates.js'
import { withAnswers, withoutAnswers } from './own-turns.js'
import type { QuotaState } from './quota-state.js'
import { refuse } from './refuse.js'
import { note, publicEventId, type Turn } from './state.js'

const MAX_HELD = 64
/** When to come back where the quota could not be looked at. */
const UNKNOWN_RETRY_SECONDS = 5

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
  const { active, ours, clients } = turn.s.responses
  if (!turn.s.quota.turnOwed || turn.s.quota.waiting !== undefined || active || ours || clients) return
  if (turn.s.phase !== 'live') return
  changeQuota(turn, { turnOwed: false })
  ask(turn, 'turn')
}

/** After each visible response an opted-in client is told what is left of its quota. */
export function tellAfterResponse(turn: Turn): void {
  if (!turn.s.profile.quota || !turn.s.profile.relayEvents) return
  changeQuota(turn, { tell: true })
  turn.actions.push({ do: 'quota.ask' })
}

/** `usage` undefined: nobody could tell. Returns what the client sent meanwhile, to be handled now. */
export function quotaKnown(turn: Turn, usage: QuotaUsage | undefined): readonly RealtimeEvent[] {
  const policy = turn.s.profile.quota
  if (!policy) return []
  const left = usage && quotaLeft(policy, usage)
  const { waiting, held, tell } = turn.s.quota
  changeQuota(turn, { waiting: undefined, held: [], tell: false })
  if (tell && left) turn.actions.push({ do: 'send', to: 'client', event: { type: 'relay.quota', event_id: publicEventId(turn), quota: left.map(shown) } })
  if (waiting === undefined) return held
  const refusal = refusalOf(policy, left, turn.s.now)
  if (refusal) {
    note(turn, { note: 'quota_refused', rule: ruleName(left) })
    refuse(turn, refusal, waiting === 'turn' ? undefined : stringAt(waiting, 'event_id'), 'response.create')
  } else if (waiting === 'turn') createForTurn(turn)
  else createForClient(turn, waiting)
  return held
}

function ask(turn: Turn, waiting: RealtimeEvent | 'turn'): void {
  changeQuota(turn, { waiting })
  turn.actions.push({ do: 'quota.ask' })
}

function refusalOf(policy: QuotaPolicy, left: readonly QuotaLeft[] | undefined, now: number): Rejection | undefined {
  if (!left) return policy.failOpen ? undefined : { code: 'rate_limited', message: 'The quota cannot be checked now.', retryAfterSeconds: UNKNOWN_RETRY_SECONDS }
  const spent = spentRule(left)
  if (!spent) return undefined
  const { of, per, resetsAt } = spent
  const retry = resetsAt === undefined ? {} : { retryAfterSeconds: Math.max(1, Math.ceil((resetsAt - now) / 1000)) }
  return { code: per === 'minute' ? 'rate_limited' : 'budget_spent', message: `The quota of ${WORDS[of]} per ${per} is used up.`, ...retry }
}

function ruleName(left: readonly QuotaLeft[] | undefined): string {
  const spent = left && spentRule(left)
  return spent ? `${spent.of === 'audioMinutes' ? 'audio_minutes' : spent.of}_per_${spent.per}` : 'unknown'
}

const WORDS = { responses: 'responses', tokens: 'tokens', audioMinutes: 'audio minutes', money: 'money' } as const

/** As `relay.quota` and `GET /v1/quota` spell it; amounts to a millionth, times in whole seconds as elsewhere in this protocol. */
export function shown({ of, per, max, used, remaining, resetsAt, low }: QuotaLeft) {
  const round = (value: number) => Math.round(value * 1e6) / 1e6
  const name = of === 'audioMinutes' ? 'audio_minutes' : of
  return { of: name, per, max, used: round(used), remaining: round(remaining), resets_at: resetsAt === undefined ? null : Math.ceil(resetsAt / 1000), low }
}
