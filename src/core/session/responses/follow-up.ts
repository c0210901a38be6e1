// Decides when our own `response.create` for tool results may go: once for all of them, never while another response is active.
import { BUSY } from '../../policy/upstream-codes.js'
import { objectAt } from '../../protocol/events.js'
import { isOpen } from '../gate.js'
import { changeQuota, createWithinQuota } from '../quota/gate.js'
import { note, relayId, type Step } from '../state.js'
import { changeResponses, sendToClient } from '../to-client.js'
import { callsOf, hasOpenClientCalls } from '../tools/ledger.js'
import { mayStart } from './floor.js'
import { askedForResults, deferredRequestOver, ourRequestRefused, resultsGivenUp, uncertainAnswerRefused } from './machine.js'

/** Between two tries. */
const UNSEEN_MS = 1000

/** Sends the one `response.create` that tool results want, if its time has come. With none waiting, sends the client's request that waited for that. */
export function followUp(step: Step): void {
  if (!mayStart(step.state, 'results')) return
  const { unanswered, deferredRequest, rounds, userSpeaks } = step.state.responses
  if (unanswered.size === 0) {
    // A request that waits at the gate answers the client too. This runs again after it.
    if (!deferredRequest || !isOpen(step.state.gate)) return
    changeResponses(step, deferredRequestOver(step.state.responses))
    createWithinQuota(step, deferredRequest)
    return
  }
  if (userSpeaks && [...unanswered.values()].every((one) => one.late)) return
  for (const responseId of unanswered.keys()) {
    if (callsOf(step.state.calls, responseId).some((call) => call.status !== 'answered') || hasOpenClientCalls(step.state.calls, responseId)) return
  }
  if (rounds > step.state.profile.limits.toolMaxRounds) return giveUp(step)
  const request = deferredRequest ? objectAt(deferredRequest, 'response') : [...unanswered.values()].at(-1)?.request
  const eventId = relayId(step)
  // At the limit the model is asked once more, without tools, so that a loop ends in words and not in silence.
  const response = { ...request, ...(rounds >= step.state.profile.limits.toolMaxRounds ? { tool_choice: 'none' } : {}) }
  changeResponses(step, askedForResults(step.state.responses, eventId, request))
  step.actions.push({ type: 'send', to: 'upstream', event: { type: 'response.create', event_id: eventId, ...(Object.keys(response).length > 0 ? { response } : {}) } })
}

/** The model goes on calling after it was asked for an answer without tools. The client, which waits for one, sees an empty answer. */
function giveUp(step: Step): void {
  const { hiddenResponse } = step.state.responses
  note(step, { type: 'event_dropped', side: 'upstream', why: 'too_many_tool_rounds' })
  changeResponses(step, resultsGivenUp(step.state.responses))
  if (!hiddenResponse) return
  sendToClient(step, hiddenResponse.created)
  sendToClient(step, hiddenResponse.done)
}

/** Our follow-up was refused. While another response is active it stays wanted, unless that one began with the results in view. */
export function followUpRefused(step: Step, code: string): void {
  const { active, hiddenResponse, ourRequest } = step.state.responses
  // Begun while there was no sideband. It is waited for, without asking in a circle.
  if (step.state.call && !active && code === BUSY) {
    step.set({ call: { ...step.state.call, busyUntil: step.now + UNSEEN_MS } })
    if (ourRequest?.covers.length === 0) changeQuota(step, { turnUnanswered: true })
  }
  const covered = active?.coversOutputs === true
  changeResponses(step, ourRequestRefused(step.state.responses))
  if (code === BUSY && !covered) {
    followUp(step)
    return
  }
  changeResponses(step, resultsGivenUp(step.state.responses))
  if (!covered && hiddenResponse) {
    // The client asked for an answer and none will come. It sees the response that only called tools, empty, rather than nothing.
    sendToClient(step, hiddenResponse.created)
    sendToClient(step, hiddenResponse.done)
  }
  followUp(step)
}

/** The response taken for the answer of our follow-up was another: that one was refused. Its results want an answer again, unless the active response has them in view. */
export function uncertainFollowUpRefused(step: Step, code: string): void {
  const { active, uncertainAnswer } = step.state.responses
  const again = code === BUSY && !active?.coversOutputs && uncertainAnswer !== undefined
  changeResponses(step, uncertainAnswerRefused(step.state.responses, again))
  if (again) followUp(step)
}
