// Passes server events through policy to the client. A deferred `response.created` goes out when something visible follows it.
import { followsAnswers } from '../policy/guards.js'
import { judgeServerEvent } from '../policy/server-rules.js'
import { objectAt, type RealtimeEvent, stringAt } from '../protocol/events.js'
import { followOn, wayOf } from './guards/words.js'
import { shown } from './responses/machine.js'
import type { Responses, UpstreamEvent } from './responses/state.js'
import { note, type Step } from './state.js'

/** `responses`: made by `responses/machine.ts`. */
export function changeResponses(step: Step, responses: Responses): void {
  if (responses !== step.state.responses) step.own().responses = responses
}

export function sendToClient(step: Step, received: UpstreamEvent): void {
  if (isBegun(step, received.event)) return
  const verdict = judgeServerEvent(received.event, step)
  if (verdict.type === 'drop') note(step, { type: 'event_dropped', side: 'upstream', why: verdict.why })
  if (verdict.type !== 'forward' && verdict.type !== 'replace') return
  if (belongsToActive(step, received.event)) sendDeferred(step)
  const frame = verdict.type === 'forward' ? received.frame : undefined
  const event = verdict.type === 'forward' ? received.event : verdict.event
  if (step.state.guards) guarded(step, event, frame)
  else if (verdict.type === 'forward') step.actions.push({ type: 'send', to: 'client', event, frame })
  else step.actions.push({ type: 'send', to: 'client', event })
}

function guarded(step: Step, event: RealtimeEvent, frame: UpstreamEvent['frame']): void {
  const way = step.state.profile.guards && followsAnswers(step.state.profile.guards) ? wayOf(step, event) : undefined
  if (way?.type === 'drop') return
  if (way?.type === 'replace') step.actions.push({ type: 'send', to: 'client', event: way.event, gate: way.gate })
  else step.actions.push({ type: 'send', to: 'client', event, frame, gate: way?.gate })
  if (way?.type === 'send' && way.follows !== undefined) followOn(step, way.follows)
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

/** True: the client has seen this response, or this speech, begin, on an upstream that was lost. */
function isBegun(step: Step, event: RealtimeEvent): boolean {
  const { restored } = step.state
  if (restored.expected === undefined && restored.speech === undefined) return false
  const isResponse = event.type === 'response.created' && restored.expected !== undefined && stringAt(objectAt(event, 'response'), 'id') === restored.expected
  const isSpeech = event.type === 'input_audio_buffer.speech_started' && stringAt(event, 'item_id') === restored.speech
  if (isResponse) step.set({ restored: { ...restored, expected: undefined } })
  if (isSpeech) step.set({ restored: { ...restored, speech: undefined } })
  return isResponse || isSpeech
}
