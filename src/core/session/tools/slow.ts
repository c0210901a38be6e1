// While a server-run tool takes long: the client that asked for it is told, and the model says a line of its own, so that nobody listens to silence.
import { type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { answerTurn, readTokens } from '../quota/gate.js'
import { followUp } from '../responses/follow-up.js'
import { type Shown, statusLabel } from '../responses/state.js'
import { changeResponses, show } from '../show.js'
import { note, relayId, type SessionState, type Turn } from '../state.js'
import { changeServerCall, type ServerCall } from './ledger.js'
import { isTold, noticeStarted } from './notices.js'

/** Marks the filler line among responses: the service returns a response's metadata with it, whatever else was created meanwhile. */
const MARK = 'relay_filler'
/** A filler line that takes longer is cancelled, and nothing waits for it any more. */
const MAX_FILLER_MS = 8000

/** Time of the next tick that tells or says something; each call's time counts from the first tick that finds it at work. */
export function slowToolsDueAt({ profile, calls, responses }: SessionState): number {
  const { toolNoticeMs } = profile
  let due = responses.filler ? responses.filler.until : Number.POSITIVE_INFINITY
  if (toolNoticeMs === undefined) return due
  for (const call of calls.server.values()) {
    if (call.atWork && (wantsNotice(profile, call) || wantsFiller(profile, responses, call))) due = Math.min(due, (call.seenAt ?? Number.NEGATIVE_INFINITY) + toolNoticeMs)
  }
  return due
}

/** At each tick. */
export function tickSlowTools(turn: Turn): void {
  const { now, profile } = turn.s
  const filler = turn.s.responses.filler
  if (filler && now >= filler.until) {
    cancelFiller(turn)
    fillerOver(turn)
  }
  const { toolNoticeMs } = profile
  if (toolNoticeMs === undefined) return
  for (const call of turn.s.calls.server.values()) {
    if (!call.atWork) continue
    if (call.seenAt === undefined) turn.s = { ...turn.s, calls: changeServerCall(turn.s.calls, call.callId, { seenAt: now }) }
    else if (now - call.seenAt >= toolNoticeMs) {
      if (wantsNotice(profile, call)) noticeStarted(turn, call)
      if (wantsFiller(profile, turn.s.responses, call)) sayFiller(turn, call)
    }
  }
}

function wantsNotice(profile: SessionState['profile'], call: ServerCall): boolean {
  return call.shownId === undefined && isTold(profile, call)
}

/** Once for each response that called tools. A call that runs in the background is no silence: the model has answered it. */
function wantsFiller({ toolFiller }: SessionState['profile'], { filledFor }: SessionState['responses'], call: ServerCall): boolean {
  return toolFiller !== undefined && call.status === 'running' && filledFor !== call.responseId
}

/** Out of band: the model reads the conversation, and what it says is no part of it. Only while nobody speaks or is about to. */
function sayFiller(turn: Turn, { responseId }: ServerCall): void {
  const { active, ours, clients, filler, owed, userSpeaks } = turn.s.responses
  if (active || ours || clients || filler || userSpeaks || turn.s.phase !== 'live' || turn.s.quota.waiting !== undefined) return
  const eventId = relayId(turn)
  const modalities = owed.get(responseId)?.request?.output_modalities
  const response: JsonObject = {
    conversation: 'none',
    instructions: turn.s.profile.toolFiller ?? '',
    tools: [],
    tool_choice: 'none',
    metadata: { [MARK]: eventId },
    ...(modalities === undefined ? {} : { output_modalities: modalities }),
  }
  changeResponses(turn, { filler: { eventId, id: undefined, until: turn.s.now + MAX_FILLER_MS, cancelled: false }, filledFor: responseId })
  turn.actions.push({ do: 'send', to: 'upstream', event: { type: 'response.create', event_id: eventId, response } })
}

/** The user speaks, or an answer was asked for: the line is cut off, now or as soon as it begins. */
export function cancelFiller(turn: Turn): void {
  const { filler } = turn.s.responses
  if (!filler || filler.cancelled) return
  changeResponses(turn, { filler: { ...filler, cancelled: true } })
  if (filler.id !== undefined) sendCancel(turn, filler.id)
}

/** True: the event is the filler line's `response.created` or `response.done`, and is dealt with. */
export function fillerSeen(turn: Turn, { event }: Shown): boolean {
  const response = objectAt(event, 'response')
  const mark = stringAt(objectAt(response, 'metadata'), MARK)
  // Also of one that is waited for no longer: the relay's mark is never shown.
  if (response === undefined || !mark?.startsWith(turn.s.relayIdPrefix)) return false
  const { filler } = turn.s.responses
  const id = stringAt(response, 'id') ?? ''
  show(turn, { event: withoutMark(event, response), frame: undefined })
  if (event.type === 'response.created') {
    if (filler?.eventId !== mark) sendCancel(turn, id)
    else {
      changeResponses(turn, { filler: { ...filler, id } })
      if (filler.cancelled) sendCancel(turn, id)
    }
    return true
  }
  note(turn, { note: 'response_done', status: statusLabel(stringAt(response, 'status')) })
  const usage = objectAt(response, 'usage')
  if (usage) {
    turn.actions.push({ do: 'record.usage', responseId: id, usage })
    readTokens(turn, usage)
  }
  if (filler?.eventId === mark) fillerOver(turn)
  return true
}

/** True: the error is about the filler line, of which the client knows nothing yet. */
export function fillerRefused(turn: Turn, cause: string | undefined): boolean {
  if (cause === undefined || cause !== turn.s.responses.filler?.eventId) return false
  fillerOver(turn)
  return true
}

function fillerOver(turn: Turn): void {
  changeResponses(turn, { filler: undefined })
  followUp(turn)
  answerTurn(turn)
}

function sendCancel(turn: Turn, responseId: string): void {
  turn.actions.push({ do: 'send', to: 'upstream', event: { type: 'response.cancel', event_id: relayId(turn), response_id: responseId } })
}

function withoutMark(event: RealtimeEvent, response: JsonObject): RealtimeEvent {
  return { ...event, response: { ...response, metadata: null } }
}
