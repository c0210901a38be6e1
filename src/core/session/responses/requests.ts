// Sends `response.create` upstream: the client's own, and ours for a turn that voice detection ended.
import { objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { relayId, type Step } from '../state.js'
import { changeResponses } from '../to-client.js'
import { askedForTurn, clientAsked } from './machine.js'

export function createForClient(step: Step, event: RealtimeEvent): void {
  changeResponses(step, clientAsked(step.state.responses, stringAt(event, 'event_id'), objectAt(event, 'response')))
  step.actions.push({ type: 'send', to: 'upstream', event })
}

/** It owes no tool result an answer, so what is owed stays owed. */
export function createForTurn(step: Step): void {
  const eventId = relayId(step)
  changeResponses(step, askedForTurn(step.state.responses, eventId))
  step.actions.push({ type: 'send', to: 'upstream', event: { type: 'response.create', event_id: eventId } })
}
