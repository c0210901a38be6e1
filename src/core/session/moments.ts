// What of a turn is worth timing. Core says that it happened; the relay, which acts at once, says when.
import { isObject, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../protocol/events.js'
import type { Action } from './actions.js'
import type { Input } from './inputs.js'
import type { Moment } from './moment.js'
import { answersItself } from './quota/gate.js'
import type { Responses } from './responses/state.js'
import type { SessionState, Step } from './state.js'
import { hasOpenClientCalls, type ToolCalls } from './tools/ledger.js'

/** After every input: what it changed says what happened. Of a session that is restored or over nothing is told. */
export function tellMoments(step: Step, before: SessionState, input: Input): void {
  const { state } = step
  if (before.restore || state.restore || (state.life !== 'open' && state.life !== 'draining')) return
  if (input.type === 'upstream.event') {
    if (input.leg === before.upstream.leg) tellServerEvent(step, before, input.event)
  } else if (input.type === 'client.event') tellClientEvent(step, before, input.event)
  else if (input.type === 'quota.reserved' && before.gate.waiting && step.actions.some(isQuotaRefusal)) tell(step, { type: 'moment', what: 'response_refused' })
  else if (isRequestAtGuards(before) && step.actions.some(isBlocked)) tell(step, { type: 'moment', what: 'response_refused' })
  if (state.calls !== before.calls) tellTools(step, before.calls, state.calls)
  const { active } = state.responses
  if (active && active.id !== before.responses.active?.id) tell(step, { type: 'moment', what: 'response_created', responseId: active.id })
}

function tellServerEvent(step: Step, before: SessionState, event: RealtimeEvent): void {
  const itemId = stringAt(event, 'item_id') ?? ''
  switch (event.type) {
    case 'input_audio_buffer.speech_started':
      return tell(step, { type: 'moment', what: 'speech_started' })
    case 'input_audio_buffer.speech_stopped':
      return tell(step, { type: 'moment', what: 'speech_stopped', itemId, answered: answersTurns(step.state) })
    case 'input_audio_buffer.committed':
      return tell(step, { type: 'moment', what: 'committed', itemId })
    case 'conversation.item.input_audio_transcription.completed':
      return tell(step, { type: 'moment', what: 'transcribed', itemId })
    case 'output_audio_buffer.started':
      if (step.state.call) tell(step, { type: 'moment', what: 'playback_started', responseId: stringAt(event, 'response_id') ?? '' })
      return
    case 'response.done':
      return tellDone(step, before, objectAt(event, 'response'))
    case 'error':
      if (isAsked(before) && !isAsked(step.state) && step.state.responses.active === before.responses.active) tell(step, { type: 'moment', what: 'response_refused' })
      return
    default:
      return
  }
}

/** The line that is said while a tool takes long is never the active response. */
function tellDone(step: Step, before: SessionState, response: JsonObject | undefined): void {
  const { active, unanswered } = step.state.responses
  const done = before.responses.active
  if (!done || done.id === active?.id) return
  const end = endOf(response)
  const goesOn = end === 'completed' && (hasOthersThanLate(unanswered) || hasOpenClientCalls(step.state.calls, done.id))
  tell(step, { type: 'moment', what: 'response_done', responseId: done.id, end, goesOn })
}

function tellClientEvent(step: Step, before: SessionState, event: RealtimeEvent): void {
  const { responses, gate } = step.state
  if (event.type === 'response.create') {
    const isTaken = responses.clientRequest !== before.responses.clientRequest || responses.deferredRequest !== before.responses.deferredRequest
    if (isTaken || gate.waiting !== before.gate.waiting) tell(step, { type: 'moment', what: 'response_asked' })
  } else if (event.type === 'input_audio_buffer.commit') {
    if (sends(step, 'input_audio_buffer.commit')) tell(step, { type: 'moment', what: 'committed', itemId: undefined })
  } else if (event.type === 'conversation.item.truncate') {
    // Done upstream, or by the relay itself, which then says so to the client.
    if (sends(step, 'conversation.item.truncate') || sends(step, 'conversation.item.truncated')) tell(step, { type: 'moment', what: 'truncated' })
  }
}

/** A background tool is answered when it begins: nobody waits for it. */
function tellTools(step: Step, before: ToolCalls, after: ToolCalls): void {
  if (after.server !== before.server) {
    for (const [callId, { status }] of after.server) {
      const was = before.server.get(callId)?.status === 'running'
      if (was !== (status === 'running')) tell(step, { type: 'moment', what: was ? 'tool_finished' : 'tool_started', by: 'relay' })
    }
  }
  if (after.client === before.client) return
  // Both have the same order, and a call that was not there before comes last.
  let at = 0
  for (const call of after.client) {
    while (at < before.client.length && before.client[at]?.callId !== call.callId) at++
    const was = before.client[at++]?.open === true
    if (was !== call.open) tell(step, { type: 'moment', what: was ? 'tool_finished' : 'tool_started', by: 'client' })
  }
}

function hasOthersThanLate(unanswered: Responses['unanswered']): boolean {
  if (unanswered.size > 0) for (const { late } of unanswered.values()) if (!late) return true
  return false
}

/** Whether an answer to a spoken turn comes without a request of the client. */
function answersTurns(state: SessionState): boolean {
  return answersItself(state) ? state.quota.answersTurns : state.answersTurns
}

function isAsked({ responses }: SessionState): boolean {
  return responses.clientRequest !== undefined || responses.ourRequest !== undefined
}

function endOf(response: JsonObject | undefined): Extract<Moment, { what: 'response_done' }>['end'] {
  switch (stringAt(response, 'status')) {
    case 'completed':
      return 'completed'
    case 'cancelled':
      return 'interrupted'
    case 'incomplete':
      return stringAt(detailsOf(response), 'reason') === 'content_filter' ? 'filtered' : 'completed'
    default:
      return 'failed'
  }
}

function detailsOf(response: JsonObject | undefined): JsonObject | undefined {
  const details = response?.status_details
  return isObject(details) ? details : undefined
}

function sends(step: Step, type: string): boolean {
  return step.actions.some((action) => action.type === 'send' && action.event.type === type)
}

function isQuotaRefusal(action: Step['actions'][number]): boolean {
  return action.type === 'note' && action.note.type === 'quota_refused'
}

/** The client's `response.create` waits for the verdict on the user's words. */
function isRequestAtGuards({ gate: { waiting } }: SessionState): boolean {
  return waiting?.why === 'guard' && typeof waiting.request !== 'string' && waiting.request.type === 'response.create'
}

function isBlocked(action: Step['actions'][number]): boolean {
  return action.type === 'send' && action.to === 'client' && stringAt(objectAt(action.event, 'error'), 'code') === 'content_blocked'
}

function tell(step: Step, moment: Extract<Action, { type: 'moment' }>): void {
  step.actions.push(moment)
}
