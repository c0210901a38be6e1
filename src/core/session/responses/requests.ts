// Sends `response.create` upstream: the client's own, and ours for a turn that voice detection ended or for a line of the profile.
import { objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { changeManners } from '../manners/change.js'
import { lineRequest } from '../manners/line-request.js'
import { relayId, type Step } from '../state.js'
import { changeResponses } from '../to-client.js'
import { askedForLine, askedForTurn, clientAsked } from './machine.js'

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

/** The line that is to be said. It goes at once, or once the quota has let it. */
export function createForLine(step: Step): void {
  const { line } = step.state.manners ?? {}
  if (!line) return
  const eventId = relayId(step)
  const response = lineRequest(step.state.profile, line.what)
  changeManners(step, { line: { what: line.what, eventId } })
  changeResponses(step, askedForLine(step.state.responses, eventId, response))
  step.actions.push({ type: 'send', to: 'upstream', event: { type: 'response.create', event_id: eventId, response } })
}
