// Follows responses from `response.created` to `response.done` and decides whether the client sees them at all.

import { arrayAt, isObject, type JsonObject, objectAt, stringAt } from '../../protocol/events.js'
import { partingResponseOver } from '../manners/parting.js'
import { answerTurn, askAfterUse } from '../quota/gate.js'
import { isAway } from '../resume-state.js'
import { note, noteDone, recordLimits, recordUsage, relayId, type Step } from '../state.js'
import { changeResponses, sendDeferred, sendToClient } from '../to-client.js'
import { callsOf, hasClientCalls } from '../tools/ledger.js'
import { abortRunning, dropWaiting, registerCall, startCalls } from '../tools/run.js'
import { isFree } from './floor.js'
import { followUp } from './follow-up.js'
import { began, ended, isActiveOne, responseHidden } from './machine.js'
import type { ActiveResponse, UpstreamEvent } from './state.js'

const OWES_NOTHING: Pick<ActiveResponse, 'coversOutputs' | 'coversLate'> = { coversOutputs: true, coversLate: [] }

export function responseCreated(step: Step, received: UpstreamEvent): void {
  const { unanswered, uncertainAnswer } = step.state.responses
  const response = objectAt(received.event, 'response')
  const id = stringAt(response, 'id') ?? ''
  if (step.state.conversationId === undefined) step.set({ conversationId: stringAt(response, 'conversation_id') })
  note(step, { type: 'response_started', responseId: id })
  // The service began it by itself, and nobody would hear it.
  if (isAway(step.state) && isFree(step.state.responses))
    step.actions.push({ type: 'send', to: 'upstream', event: { type: 'response.cancel', event_id: relayId(step), response_id: id } })
  const { coversOutputs, coversLate } = unanswered.size > 0 || uncertainAnswer ? coveredBy(step) : OWES_NOTHING
  const mayCallTools = step.state.profile.tools.some((tool) => tool.owner === 'server')
  changeResponses(step, began(step.state.responses, { id, deferred: mayCallTools ? received : undefined, coversOutputs, coversLate }))
  if (!mayCallTools) sendToClient(step, received)
}

/** Which of the results that want an answer are in the conversation before a response begins. */
function coveredBy(step: Step): Pick<ActiveResponse, 'coversOutputs' | 'coversLate'> {
  const { unanswered, uncertainAnswer } = step.state.responses
  const isCovered = (responseId: string) => callsOf(step.state.calls, responseId).every((call) => call.acknowledged)
  const coversOutputs = [...unanswered.keys(), ...(uncertainAnswer?.unanswered ?? []).map(([responseId]) => responseId)].every(isCovered)
  return { coversOutputs, coversLate: [...unanswered].flatMap(([id, one]) => (one.late && isCovered(id) ? [id] : [])) }
}

export function responseDone(step: Step, received: UpstreamEvent): void {
  const response = objectAt(received.event, 'response')
  const id = stringAt(response, 'id') ?? ''
  const status = stringAt(response, 'status') ?? 'unknown'
  const usage = objectAt(response, 'usage')
  noteDone(step, id, response)
  if (usage) recordUsage(step, id, usage)
  recordLimits(step, received.event)
  const finished = status === 'completed' || status === 'incomplete'
  if (finished) registerMissedCalls(step, id, response)
  else {
    dropWaiting(step, id)
    if (status === 'cancelled') abortRunning(step, callsOf(step.state.calls, id))
  }

  const { active } = step.state.responses
  const isActive = isActiveOne(step.state.responses, id)
  const wantsFollowUp = finished && callsOf(step.state.calls, id).length > 0 ? { mixed: hasClientCalls(step.state.calls, id) } : undefined
  const after = () => ended(step.state.responses, id, wantsFollowUp)
  if (isActive && active?.deferred && wantsFollowUp) {
    changeResponses(step, responseHidden(after(), { created: active.deferred, done: received }))
    note(step, { type: 'event_dropped', side: 'upstream', why: 'hidden_response' })
  } else {
    if (isActive) sendDeferred(step)
    changeResponses(step, after())
    sendToClient(step, received)
    askAfterUse(step, 'response')
  }
  if (step.state.manners) partingResponseOver(step, id, { finished, spoke: saysSomething(response) })
  followUp(step)
  answerTurn(step)
}

function saysSomething(response: JsonObject | undefined): boolean {
  return arrayAt(response, 'output').some((item) => isObject(item) && item.type === 'message')
}

/** Calls are registered at `response.output_item.done`; this catches an upstream that left that event out. */
function registerMissedCalls(step: Step, responseId: string, response: JsonObject | undefined): void {
  for (const item of arrayAt(response, 'output')) {
    if (isObject(item) && item.type === 'function_call') registerCall(step, item, responseId, null)
  }
  startCalls(step)
}
