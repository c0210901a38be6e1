// Answers a refused client event with an `error` that names what is wrong, and counts what may be asked for only so often. Too many refusals end the session.
import { MAX_EVENT_ID } from '../policy/client-rules.js'
import type { Rejection } from '../policy/policy.js'
import { toErrorEvent } from '../protocol/errors.js'
import { close } from './ending.js'
import { takeCall, takeEvent, takeViolation } from './rates.js'
import { note, publicEventId, type Step } from './state.js'

/** Violations are forgotten with time, so that a client that sends something odd every few seconds keeps its call. Too much at once is no violation: a client that keeps to the hint is not punished for what it sent before. */
export function refuse(step: Step, error: Rejection, causeEventId: string | undefined, type: string): void {
  note(step, { type: 'event_refused', eventType: type, code: error.code })
  const eventId = publicEventId(step)
  const cause = causeEventId !== undefined && causeEventId.length <= MAX_EVENT_ID ? causeEventId : undefined
  const { param, message, retryAfterSeconds } = error
  step.actions.push({ type: 'send', to: 'client', event: toErrorEvent(error.code, { eventId, causeEventId: cause, param, message, retryAfterSeconds }) })
  if (error.code === 'rate_limited' || error.code === 'budget_spent') return
  const [rates, ok] = takeViolation(step.state.rates, step.state.profile.limits, step.now)
  step.set({ rates })
  if (!ok) close(step, 'bad_event', 'too_many_violations')
}

/** Counts one client event that policy let through. The refusal, if it is one too many. */
export function overRate(step: Step, type: string): Rejection | undefined {
  const [rates, refusal] = takeEvent(step.state.rates, type, step.state.profile.limits, step.now)
  if (rates !== step.state.rates) step.set({ rates })
  return refusal
}

/** Counts a server-run call. True: it exceeds the rate. */
export function overCallRate(step: Step): boolean {
  const [rates, ok] = takeCall(step.state.rates, step.state.profile.limits, step.now)
  step.set({ rates })
  return !ok
}
