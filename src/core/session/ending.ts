// Ends a session once. What its last answer used is booked first: the upstream is read on for a short time, and after that the use is estimated.

import { outputCap } from '../policy/profile.js'
import { objectAt, type RealtimeEvent, stringAt } from '../protocol/events.js'
import type { EndCode } from './actions.js'
import { floorOf } from './responses/floor.js'
import { began, ended, fillerBegan, fillerOver } from './responses/machine.js'
import { noteDone, recordLimits, recordUsage, relayId, type SessionState, type Step } from './state.js'

/** How long the upstream is read on after the client has gone. A cancelled answer is over within a fraction of it. */
const SETTLE_MS = 5000

/** Says why to the client. Parks the session while some of its use is unknown and the upstream can still report it. */
export function close(step: Step, code: EndCode, why: string, retryAfterSeconds?: number): void {
  const { life, upstream } = step.state
  if (life === 'closed') return
  if (life === 'parked' || upstream.phase !== 'ready' || !isUnbooked(step.state)) return closeNow(step, code, why, retryAfterSeconds)
  stopTools(step)
  const untilMs = step.now + SETTLE_MS
  step.set({ life: 'parked', parkedUntil: untilMs })
  step.actions.push({ type: 'park', code, why, retryAfterSeconds })
  const { active, filler } = step.state.responses
  if (active) cancel(step, active.id)
  if (filler?.id !== undefined) cancel(step, filler.id)
}

/** Without waiting: what is not known by now is booked as an estimate. */
export function closeNow(step: Step, code: EndCode, why: string, retryAfterSeconds?: number): void {
  if (step.state.life === 'closed') return
  stopTools(step)
  const { responses, quota, profile } = step.state
  if (floorOf(responses) !== 'free') step.actions.push({ type: 'record.estimate', input: quota.lastInput, output: outputCap(profile, responses.clientRequest?.request) })
  step.set({ life: 'closed' })
  step.actions.push({ type: 'close', code, why, retryAfterSeconds })
}

/** An event for a parked session: only what it says about use is of interest. */
export function settle(step: Step, event: RealtimeEvent): void {
  const response = objectAt(event, 'response')
  const id = stringAt(response, 'id') ?? ''
  const { filler } = step.state.responses
  switch (event.type) {
    // Asked for before the client left, and begun only now.
    case 'response.created':
      if (filler && filler.id === undefined && floorOf(step.state.responses) === 'filler') step.set({ responses: fillerBegan(step.state.responses, id) })
      else step.set({ responses: began(step.state.responses, { id, deferred: undefined, coversOutputs: true, coversLate: [] }) })
      cancel(step, id)
      break
    case 'response.done': {
      const usage = objectAt(response, 'usage')
      noteDone(step, id, response)
      if (usage) recordUsage(step, id, usage)
      // Of an answer that was cut off the service may not say what it used.
      else if (stringAt(response, 'status') === 'cancelled')
        step.actions.push({ type: 'record.estimate', input: step.state.quota.lastInput, output: outputCap(step.state.profile, undefined) })
      step.set({ responses: filler?.id === id ? fillerOver(step.state.responses) : ended(step.state.responses, id, undefined) })
      break
    }
    default:
      break
  }
  recordLimits(step, event)
  if (!isUnbooked(step.state)) closeNow(step, 'client_left', 'settled')
}

/** Whether a response is under way whose use is not known yet. */
function isUnbooked({ responses }: SessionState): boolean {
  return floorOf(responses) !== 'free'
}

function stopTools(step: Step): void {
  if (step.state.life === 'parked') return
  for (const call of step.state.calls.server.values()) {
    if (call.atWork) step.actions.push({ type: 'tool.cancel', callId: call.callId })
  }
}

function cancel(step: Step, responseId: string): void {
  step.actions.push({ type: 'send', to: 'upstream', event: { type: 'response.cancel', event_id: relayId(step), response_id: responseId } })
}
