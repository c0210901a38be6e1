// What each server event means for a live session, beyond what policy says about showing it.

import { requestedInForce } from '../policy/requested.js'
import { isVisibleItem } from '../policy/server-rules.js'
import { serverPartInForce } from '../policy/session-update.js'
import { BUSY, codeLabel } from '../policy/upstream-codes.js'
import { isObject, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../protocol/events.js'
import { pastForeign } from './call/foreign.js'
import { type Conversation, itemBefore, remembered } from './conversation.js'
import { close } from './ending.js'
import { answerBegins, transcriptCame, turnSpoken } from './guards/input.js'
import { type Items, itemDeleted, itemInserted } from './items.js'
import { countOf } from './kept-items.js'
import { keyPressed } from './manners/keys.js'
import { lineRefused } from './manners/lines.js'
import { mediaOf } from './media.js'
import { isLate } from './playing/state.js'
import { answerTurn, asIfUpstreamAnswered, askAfterUse, commitRefused, noteInterrupting, turnCommitted } from './quota/gate.js'
import { followUp, followUpRefused, uncertainFollowUpRefused } from './responses/follow-up.js'
import { responseCreated, responseDone } from './responses/lifecycle.js'
import { clientRequestOver, speechHeard, speechOver, turnTaken } from './responses/machine.js'
import type { UpstreamEvent } from './responses/state.js'
import type { Said } from './restore/cut.js'
import { pastDrift } from './restore/drift.js'
import { asClientKnows } from './restore/echo.js'
import { lost, noteFinal, wouldRestore } from './restore/loss.js'
import { neverRestored } from './restore/state.js'
import { answersTurnsInForce, detectsTurnsInForce, observed } from './restore/under-way.js'
import { noteSpeech, noteUpstreamSession } from './span-notes.js'
import { note, publicEventId, recordLimits, type Step } from './state.js'
import { changeResponses, sendToClient } from './to-client.js'
import { acknowledgeOutput } from './tools/ledger.js'
import { registerCall, registerItem, startCalls } from './tools/run.js'
import { cancelFiller, fillerRefused, fillerSeen } from './tools/slow.js'
import { markRefused, voiceAfter } from './voice.js'

type Told = UpstreamEvent & { readonly said?: readonly Said[] | undefined }

export function handleServerEvent(step: Step, told: Told): void {
  if (!step.state.restored.drift) return handle(step, told)
  for (const one of pastDrift(step, told)) handle(step, one)
}

function handle(step: Step, told: Told): void {
  const known = step.state.restored === neverRestored ? told : asClientKnows(step, told)
  const received = known && step.state.call ? pastForeign(step, known) : known
  if (!received) return
  const { event } = received
  remember(step, event)
  noteSpeech(step, event)
  if (isLate(step.state.playing, event)) return dropLate(step, event)
  switch (event.type) {
    case 'response.created':
      if (fillerSeen(step, received)) return
      cancelFiller(step)
      if (step.state.guards) answerBegins(step, event)
      responseCreated(step, received)
      return
    case 'response.done':
      if (fillerSeen(step, received)) return
      responseDone(step, received)
      return
    case 'error':
      errorEvent(step, received, told.said)
      return
    case 'session.created':
      note(step, { type: 'event_dropped', side: 'upstream', why: 'second_session_created' })
      return
    case 'session.updated':
      if (!serverPartInForce(objectAt(event, 'session'), step.state.profile)) return close(step, 'upstream_refused', 'configuration_not_in_force')
      confirm(step, objectAt(event, 'session'))
      sendToClient(step, { event: asIfUpstreamAnswered(step, event), frame: undefined })
      return
    case 'input_audio_buffer.dtmf_event_received':
      keyPressed(step, stringAt(event, 'event'))
      break
    case 'conversation.item.input_audio_transcription.completed':
      recordTranscription(step, event)
      if (step.state.guards) transcriptCame(step, event)
      break
    case 'conversation.item.input_audio_transcription.failed':
      if (step.state.guards) transcriptCame(step, event)
      break
    case 'rate_limits.updated':
      recordLimits(step, event)
      break
    case 'response.output_item.added':
    case 'response.output_item.done':
    case 'conversation.item.added':
    case 'conversation.item.created':
    case 'conversation.item.done':
    case 'conversation.item.retrieved':
      itemSeen(step, received)
      break
    case 'input_audio_buffer.speech_started':
      cancelFiller(step)
      changeResponses(step, speechHeard(step.state.responses, true))
      break
    case 'input_audio_buffer.speech_stopped':
      changeResponses(step, speechOver(step.state.responses, step.now))
      break
    case 'input_audio_buffer.committed':
      changeResponses(step, turnTaken(speechHeard(step.state.responses, false), step.now))
      break
    case 'input_audio_buffer.cleared':
      changeResponses(step, speechHeard(step.state.responses, false))
      break
    default:
      break
  }
  sendToClient(step, received)
  if (event.type === 'input_audio_buffer.committed') {
    if (step.state.guards) turnSpoken(step, event)
    turnCommitted(step)
  }
  if (event.type === 'response.output_item.done') startCalls(step)
  else if (event.type === 'input_audio_buffer.cleared') followUp(step)
}

function dropLate(step: Step, event: RealtimeEvent): void {
  note(step, { type: 'event_dropped', side: 'upstream', why: 'interrupted' })
  if (event.type === 'response.output_audio.delta') step.actions.push({ type: 'playback.drop', event })
}

/** What the session keeps of an event, beyond what it does with it. */
export function remember(step: Step, event: RealtimeEvent): void {
  const { profile, underWay, voice, conversation, answersTurns } = step.state
  if (profile.limits.reconnectMs) {
    const nowHeard = voiceAfter(voice, event, step.heard.totalMs)
    const nowUnderWay = observed(underWay, event, answersTurns)
    if (nowHeard !== voice) step.own().voice = nowHeard
    if (nowUnderWay !== underWay) step.own().underWay = nowUnderWay
  }
  const after = remembered(conversation, event)
  if (after === conversation) return
  const own = step.own()
  own.conversation = after
  own.items = linksAfter(own.items, conversation, after, event)
}

/** How the order of the conversation changes what is known of hidden items. */
function linksAfter(items: Items, before: Conversation, after: Conversation, event: RealtimeEvent): Items {
  if (event.type === 'conversation.item.deleted') {
    const id = stringAt(event, 'item_id') ?? ''
    return itemDeleted(items, id, itemBefore(before, id))
  }
  // Even behind the last item that is kept there may be a hidden one: what a model is told after a loss is not kept.
  if (items.hidden.size === 0 || countOf(after) + after.leftOut <= countOf(before) + before.leftOut) return items
  const previous = stringAt(event, 'previous_item_id')
  return previous === undefined ? items : itemInserted(items, stringAt(objectAt(event, 'item'), 'id') ?? '', previous)
}

/** The upstream has shown this session in force. */
export function confirm(step: Step, session: JsonObject | undefined): void {
  step.actions.push({ type: 'media', media: mediaOf(session) })
  noteUpstreamSession(step, session)
  const { clientMaySet } = step.state.profile
  const inForce = clientMaySet.size > 0 ? requestedInForce(session ?? {}, clientMaySet) : step.state.inForce
  const transcribes = objectAt(objectAt(objectAt(session, 'audio'), 'input'), 'transcription') !== undefined
  const voice = transcribes === step.state.voice.transcribes ? step.state.voice : { ...step.state.voice, transcribes }
  step.set({ inForce, voice, model: stringAt(session, 'model'), answersTurns: answersTurnsInForce(session), detectsTurns: detectsTurnsInForce(session) })
  noteInterrupting(step, session)
}

function recordTranscription(step: Step, event: RealtimeEvent): void {
  const usage = objectAt(event, 'usage')
  const index = event.content_index
  if (!usage) return
  step.actions.push({ type: 'record.transcription', itemId: stringAt(event, 'item_id') ?? '', contentIndex: typeof index === 'number' ? index : 0, usage })
  askAfterUse(step, 'transcript')
}

function itemSeen(step: Step, { event }: UpstreamEvent): void {
  const item = event.item
  if (!isObject(item)) return
  const responseId = stringAt(event, 'response_id')
  registerItem(step, item, stringAt(event, 'previous_item_id') ?? null, responseId, isVisibleItem(item, step))
  if (event.type === 'response.output_item.done' && item.type === 'function_call' && responseId !== undefined) registerCall(step, item, responseId, null)
  if (event.type === 'conversation.item.added' || event.type === 'conversation.item.created') {
    const own = step.own()
    own.calls = acknowledgeOutput(own.calls, stringAt(item, 'id') ?? '')
  }
}

/** Errors about our own events are ours to deal with; the client's always reach the client. */
function errorEvent(step: Step, received: UpstreamEvent, said: readonly Said[] = []): void {
  const error = objectAt(received.event, 'error')
  const code = stringAt(error, 'code') ?? 'none'
  const cause = stringAt(error, 'event_id')
  note(step, { type: 'upstream_error', code: codeLabel(code) })
  recordLimits(step, received.event)
  noteFinal(step, code)
  // It is over a moment before its socket is.
  if (code === 'session_expired' && step.state.call) return close(step, 'session_over', 'upstream_session_over')
  if (code === 'session_expired' && wouldRestore(step.state, step.now)) return lost(step, 'expired', said, { code: 'session_over', why: 'upstream_session_over' })
  if (code === 'input_audio_buffer_commit_empty') {
    commitRefused(step)
    step.set({ voice: markRefused(step.state.voice) })
  }
  if (fillerRefused(step, cause) || lineRefused(step, cause, code)) return
  const { ourRequest, clientRequest, uncertainAnswer } = step.state.responses
  if (uncertainAnswer && cause === uncertainAnswer.eventId) {
    uncertainFollowUpRefused(step, code)
    return
  }
  if (ourRequest && (cause === ourRequest.eventId || (cause === undefined && !clientRequest && code === BUSY))) {
    followUpRefused(step, code)
    return
  }
  if (cause?.startsWith(step.state.relayIdPrefix)) return againRefused(step, cause)
  sendToClient(step, received)
  if (clientRequest && (cause === clientRequest.eventId || code === BUSY)) {
    changeResponses(step, clientRequestOver(step.state.responses))
    followUp(step)
    answerTurn(step)
  }
}

/** What a restore has asked for again will not come: a client that has seen it begin sees it fail. */
function againRefused(step: Step, cause: string): void {
  const { clientRequest } = step.state.responses
  if (clientRequest?.eventId !== cause) return
  const { expected } = step.state.restored
  step.set({ restored: { ...step.state.restored, expected: undefined } })
  changeResponses(step, clientRequestOver(step.state.responses))
  const response = { id: expected ?? '', object: 'realtime.response', status: 'failed', status_details: { type: 'failed' }, output: [], usage: null }
  if (expected !== undefined) sendToClient(step, { event: { type: 'response.done', event_id: publicEventId(step), response }, frame: undefined })
  followUp(step)
  answerTurn(step)
}
