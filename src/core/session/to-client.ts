// Passes server events through policy to the client. A deferred `response.created` goes out when something visible follows it.
import { judgeServerEvent } from '../policy/server-rules.js'
import { objectAt, type RealtimeEvent, stringAt } from '../protocol/events.js'
import { shown } from './responses/machine.js'
import type { Responses, UpstreamEvent } from './responses/state.js'
import { note, type Step } from './state.js'

/** `responses`: made by `responses/machine.ts`. */
export function changeResponses(step: Step, responses: Responses): void {
  if (responses !== step.state.responses) step.state = { ...step.state, responses }
}

export function sendToClient(step: Step, received: UpstreamEvent): void {
  const verdict = judgeServerEvent(received.event, step)
  if (verdict.type === 'drop') note(step, { type: 'event_dropped', side: 'upstream', why: verdict.why })
  if (verdict.type !== 'forward' && verdict.type !== 'replace') return
  if (belongsToActive(step, received.event)) sendDeferred(step)
  if (verdict.type === 'forward') step.actions.push({ type: 'send', to: 'client', event: received.event, frame: received.frame })
  else step.actions.push({ type: 'send', to: 'client', event: verdict.event })
}

export function sendDeferred(step: Step): void {
  const active = step.state.responses.active
  if (!active?.deferred) return
  changeResponses(step, shown(step.state.responses))
  sendToClient(step, active.deferred)
}

function belongsToActive(step: Step, event: RealtimeEvent): boolean {
  const active = step.state.responses.active
  if (!active?.deferred) return false
  const item = event.type === 'conversation.item.added' ? objectAt(event, 'item') : undefined
  return stringAt(event, 'response_id') === active.id || (item?.type === 'message' && item.role === 'assistant')
}
