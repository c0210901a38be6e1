// Cuts off a response of a call that must not go on, at the upstream and at the caller's ear.
import { relayId, type Step } from '../state.js'
import { clear } from './outgoing.js'

export function cutOff(step: Step, responseId: string): void {
  step.actions.push({ type: 'send', to: 'upstream', event: { type: 'response.cancel', event_id: relayId(step), response_id: responseId } })
  step.actions.push({ type: 'send', to: 'upstream', event: clear(step) })
}

/** The quota is used up: what the caller has asked for past the relay is not paid for any further. */
export function cutOffForeign(step: Step): void {
  const { call } = step.state
  if (call?.foreignResponse === undefined) return
  cutOff(step, call.foreignResponse)
  step.set({ call: { ...call, foreignResponse: undefined } })
}
