// Decides when our own `response.create` for tool results may go: once for all of them, never while another response is active.
import { objectAt } from '../../protocol/events.js'
import { createWithinQuota } from '../quota/gate.js'
import { relayId, type Step } from '../state.js'
import { changeResponses, sendToClient } from '../to-client.js'
import { callsOf, hasOpenClientCalls } from '../tools/ledger.js'

/** Sends the one `response.create` owed for tool results, if its time has come; with nothing owed, the client's that waited for that. */
export function followUp(step: Step): void {
  const { active, ourRequest, clientRequest, filler, unanswered, deferredRequest, hiddenResponse, rounds, userSpeaks } = step.state.responses
  if (active || ourRequest || clientRequest || filler) return
  if (step.state.phase !== 'live' && step.state.phase !== 'draining') return
  if (unanswered.size === 0) {
    // What waits for its quota answers the client too, and then this is asked again.
    if (!deferredRequest || step.state.quota.waiting !== undefined) return
    changeResponses(step, { deferredRequest: undefined })
    createWithinQuota(step, deferredRequest)
    return
  }
  if (userSpeaks && [...unanswered.values()].every((one) => one.late)) return
  for (const responseId of unanswered.keys()) {
    if (callsOf(step.state.calls, responseId).some((call) => call.status !== 'answered') || hasOpenClientCalls(step.state.calls, responseId)) return
  }
  const mixed = [...unanswered.values()].some((one) => one.mixed)
  const request = deferredRequest ? objectAt(deferredRequest, 'response') : [...unanswered.values()].at(-1)?.request
  const eventId = relayId(step)
  // At the limit the model still answers, without tools, so that a loop ends in words and not in silence.
  const response = { ...request, ...(rounds >= step.state.profile.limits.toolMaxRounds ? { tool_choice: 'none' } : {}) }
  changeResponses(step, {
    ourRequest: { eventId, request, covers: [...unanswered.keys()], awaited: hiddenResponse !== undefined || deferredRequest !== undefined },
    deferredRequest: undefined,
    dropNextRequest: mixed && !deferredRequest,
    rounds: rounds + 1,
  })
  step.actions.push({ type: 'send', to: 'upstream', event: { type: 'response.create', event_id: eventId, ...(Object.keys(response).length > 0 ? { response } : {}) } })
}

/** Our follow-up was refused. While another response is active it stays owed, unless that one began with the results in view. */
export function followUpRefused(step: Step, code: string): void {
  const { active, hiddenResponse } = step.state.responses
  const covered = active?.coversOutputs === true
  changeResponses(step, { ourRequest: undefined })
  if (code === 'conversation_already_has_active_response' && !covered) {
    followUp(step)
    return
  }
  changeResponses(step, { unanswered: new Map(), hiddenResponse: undefined, dropNextRequest: false })
  if (!covered && hiddenResponse) {
    // The client asked for an answer and none will come: it sees the response that only called tools, empty, rather than nothing.
    sendToClient(step, hiddenResponse.created)
    sendToClient(step, hiddenResponse.done)
  }
  followUp(step)
}

/** The response taken for the answer of our follow-up was another: that one was refused. What it was for is owed again, unless the active one began with it in view. */
export function uncertainAnswerRefused(step: Step, code: string): void {
  const { active, unanswered, uncertainAnswer } = step.state.responses
  changeResponses(step, { uncertainAnswer: undefined })
  if (code !== 'conversation_already_has_active_response' || active?.coversOutputs || !uncertainAnswer) return
  changeResponses(step, { unanswered: new Map([...uncertainAnswer.unanswered, ...unanswered]) })
  followUp(step)
}
