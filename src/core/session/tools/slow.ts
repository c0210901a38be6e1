// While a server-run tool takes long: announces it to a client that asked for such events, and has the model say a line, so that the user does not listen to silence.
import { type Json, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { answerTurn } from '../quota/gate.js'
import { mayStart } from '../responses/floor.js'
import { followUp } from '../responses/follow-up.js'
import { fillerAsked, fillerBegan, fillerCancelled, fillerOver } from '../responses/machine.js'
import type { UpstreamEvent } from '../responses/state.js'
import { note, noteDone, recordUsage, relayId, type SessionState, type Step } from '../state.js'
import { changeResponses, sendToClient } from '../to-client.js'
import type { ServerCall } from './ledger.js'
import { isTold, noticeStarted } from './notices.js'

/** Marks the filler line among responses: the service returns a response's metadata with it, whatever else was created meanwhile. */
const MARK = 'relay_filler'
/** A filler line that takes longer is cancelled, and nothing waits for it any more. */
const MAX_FILLER_MS = 8000

/** When the next notice or filler line is due, or the present line has taken too long. */
export function slowToolsDueAt({ profile, calls, responses }: SessionState): number {
  const { toolNoticeMs } = profile
  let due = responses.filler ? responses.filler.until : Number.POSITIVE_INFINITY
  if (toolNoticeMs === undefined) return due
  for (const call of calls.server.values()) {
    if (call.atWork && (wantsNotice(profile, call) || wantsFiller(profile, responses, call))) due = Math.min(due, call.startedAt + toolNoticeMs)
  }
  return due
}

/** At each tick. */
export function tickSlowTools(step: Step): void {
  const { now } = step
  const { profile } = step.state
  const filler = step.state.responses.filler
  if (filler && now >= filler.until) {
    cancelFiller(step)
    endFiller(step)
  }
  const { toolNoticeMs } = profile
  if (toolNoticeMs === undefined) return
  for (const call of step.state.calls.server.values()) {
    if (!call.atWork || now - call.startedAt < toolNoticeMs) continue
    if (wantsNotice(profile, call)) noticeStarted(step, call)
    if (wantsFiller(profile, step.state.responses, call)) sayFiller(step, call)
  }
}

function wantsNotice(profile: SessionState['profile'], call: ServerCall): boolean {
  return call.publicId === undefined && isTold(profile, call)
}

/** Once for each response that called tools. A call that runs in the background is no silence: the model has answered it. */
function wantsFiller({ toolFiller }: SessionState['profile'], { filledFor }: SessionState['responses'], call: ServerCall): boolean {
  return toolFiller !== undefined && call.status === 'running' && filledFor !== call.responseId
}

/** Out of band: the model reads the conversation, and what it says is no part of it. Only while neither side speaks or is about to. */
function sayFiller(step: Step, { responseId }: ServerCall): void {
  if (!mayStart(step.state, 'filler')) return
  sayAside(step, step.state.profile.toolFiller ?? '', step.state.responses.unanswered.get(responseId)?.request?.output_modalities, responseId)
}

/** `responseId`: the response for which it is said. */
export function sayAside(step: Step, instructions: string, modalities: Json | undefined, responseId: string): void {
  const eventId = relayId(step)
  const response: JsonObject = {
    conversation: 'none',
    instructions,
    tools: [],
    tool_choice: 'none',
    metadata: { [MARK]: eventId },
    ...(modalities === undefined ? {} : { output_modalities: modalities }),
  }
  changeResponses(step, fillerAsked(step.state.responses, eventId, step.now + MAX_FILLER_MS, responseId))
  step.actions.push({ type: 'send', to: 'upstream', event: { type: 'response.create', event_id: eventId, response } })
}

/** The user speaks, or an answer was asked for: the line is cut off, now or as soon as it begins. */
export function cancelFiller(step: Step): void {
  const { filler } = step.state.responses
  if (!filler || filler.cancelled) return
  changeResponses(step, fillerCancelled(step.state.responses))
  if (filler.id !== undefined) sendCancel(step, filler.id)
}

/** True: the event is the filler line's `response.created` or `response.done`, and is dealt with. */
export function fillerSeen(step: Step, { event }: UpstreamEvent): boolean {
  const response = objectAt(event, 'response')
  const mark = stringAt(objectAt(response, 'metadata'), MARK)
  // Also of one that is waited for no longer: the relay's mark is never shown.
  if (response === undefined || !mark?.startsWith(step.state.relayIdPrefix)) return false
  const { filler } = step.state.responses
  const id = stringAt(response, 'id') ?? ''
  sendToClient(step, { event: withoutMark(event, response), frame: undefined })
  if (event.type === 'response.created') {
    note(step, { type: 'response_started', responseId: id })
    if (filler?.eventId !== mark) sendCancel(step, id)
    else {
      changeResponses(step, fillerBegan(step.state.responses, id))
      if (filler.cancelled) sendCancel(step, id)
    }
    return true
  }
  const usage = objectAt(response, 'usage')
  noteDone(step, id, response)
  if (usage) recordUsage(step, id, usage)
  if (filler?.eventId === mark) endFiller(step)
  return true
}

/** True: the error is about the filler line, of which the client knows nothing yet. */
export function fillerRefused(step: Step, cause: string | undefined): boolean {
  if (cause === undefined || cause !== step.state.responses.filler?.eventId) return false
  endFiller(step)
  return true
}

function endFiller(step: Step): void {
  changeResponses(step, fillerOver(step.state.responses))
  followUp(step)
  answerTurn(step)
}

function sendCancel(step: Step, responseId: string): void {
  step.actions.push({ type: 'send', to: 'upstream', event: { type: 'response.cancel', event_id: relayId(step), response_id: responseId } })
}

function withoutMark(event: RealtimeEvent, response: JsonObject): RealtimeEvent {
  return { ...event, response: { ...response, metadata: null } }
}
