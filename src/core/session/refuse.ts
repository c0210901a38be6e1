// Answers a refused client event with an `error` naming what is wrong; too many wrong ones end the session.
import { MAX_EVENT_ID } from '../policy/client-rules.js'
import type { Rejection } from '../policy/policy.js'
import { toErrorEvent } from '../protocol/errors.js'
import { close, note, publicEventId, type Turn } from './state.js'

/** Too much at once is no violation: a client that keeps to the hint is not punished for what it sent before. */
export function refuse(turn: Turn, error: Rejection, causeEventId: string | undefined, type: string): void {
  note(turn, { note: 'event_refused', type, code: error.code })
  const eventId = publicEventId(turn)
  const cause = causeEventId !== undefined && causeEventId.length <= MAX_EVENT_ID ? causeEventId : undefined
  const { param, message, retryAfterSeconds } = error
  turn.actions.push({ do: 'send', to: 'client', event: toErrorEvent(error.code, { eventId, causeEventId: cause, param, message, retryAfterSeconds }) })
  if (error.code === 'rate_limited' || error.code === 'budget_spent') return
  turn.s = { ...turn.s, violations: turn.s.violations + 1 }
  if (turn.s.violations > turn.s.profile.limits.maxViolations) close(turn, 'bad_event', 'too_many_violations')
}
