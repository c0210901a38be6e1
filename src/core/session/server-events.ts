// What each server event means for a live session, beyond what policy says about showing it.

import { refusedByLimit } from '../limits/refusal.js'
import { isVisibleItem } from '../policy/server-rules.js'
import { serverPartInForce } from '../policy/session-update.js'
import { isObject, objectAt, type RealtimeEvent, stringAt } from '../protocol/events.js'
import { codeLabel } from './error-codes.js'
import { mediaOf } from './media.js'
import { answerTurn, commitRefused, shownTurns, turnCommitted } from './quota/gate.js'
import { doubtConfirmed, followUp, followUpRefused } from './responses/follow-up.js'
import { responseCreated, responseDone } from './responses/lifecycle.js'
import type { Shown } from './responses/state.js'
import { changeResponses, show } from './show.js'
import { close, note, type Turn, viewOf } from './state.js'
import { acknowledgeOutput } from './tools/ledger.js'
import { registerCall, registerItem, startCalls } from './tools/run.js'
import { cancelFiller, fillerRefused, fillerSeen } from './tools/slow.js'

export function handleServerEvent(turn: Turn, shown: Shown): void {
  const { event } = shown
  switch (event.type) {
    case 'response.created':
      if (fillerSeen(turn, shown)) return
      cancelFiller(turn)
      responseCreated(turn, shown)
      return
    case 'response.done':
      if (fillerSeen(turn, shown)) return
      responseDone(turn, shown)
      return
    case 'error':
      errorEvent(turn, shown)
      return
    case 'session.created':
      note(turn, { note: 'event_dropped', side: 'upstream', why: 'second_session_created' })
      return
    case 'session.updated':
      if (!serverPartInForce(objectAt(event, 'session'), turn.s.profile)) return close(turn, 'upstream_refused', 'configuration_not_in_force')
      turn.actions.push({ do: 'media', media: mediaOf(objectAt(event, 'session')) })
      show(turn, turn.s.profile.quota ? { event: shownTurns(turn, event), frame: undefined } : shown)
      return
    case 'conversation.item.input_audio_transcription.completed':
      recordTranscription(turn, event)
      break
    case 'rate_limits.updated':
      turn.actions.push({ do: 'record.limits', event })
      break
    case 'response.output_item.added':
    case 'response.output_item.done':
    case 'conversation.item.added':
    case 'conversation.item.created':
    case 'conversation.item.done':
    case 'conversation.item.retrieved':
      itemSeen(turn, shown)
      break
    case 'input_audio_buffer.speech_started':
      cancelFiller(turn)
      changeResponses(turn, { userSpeaks: true })
      break
    case 'input_audio_buffer.speech_stopped':
      changeResponses(turn, { userSpeaks: false })
      break
    case 'input_audio_buffer.committed':
      changeResponses(turn, { rounds: 0, userSpeaks: false })
      break
    case 'input_audio_buffer.cleared':
      changeResponses(turn, { userSpeaks: false })
      break
    default:
      break
  }
  show(turn, shown)
  if (event.type === 'input_audio_buffer.committed') turnCommitted(turn)
  if (event.type === 'response.output_item.done') startCalls(turn)
  else if (event.type === 'input_audio_buffer.cleared') followUp(turn)
}

function recordTranscription(turn: Turn, event: RealtimeEvent): void {
  const usage = objectAt(event, 'usage')
  const index = event.content_index
  if (usage) turn.actions.push({ do: 'record.transcription', itemId: stringAt(event, 'item_id') ?? '', contentIndex: typeof index === 'number' ? index : 0, usage })
}

function itemSeen(turn: Turn, { event }: Shown): void {
  const item = event.item
  if (!isObject(item)) return
  const responseId = stringAt(event, 'response_id')
  registerItem(turn, item, stringAt(event, 'previous_item_id') ?? null, responseId, isVisibleItem(item, viewOf(turn.s)))
  if (event.type === 'response.output_item.done' && item.type === 'function_call' && responseId !== undefined) registerCall(turn, item, responseId, null)
  if (event.type === 'conversation.item.added' || event.type === 'conversation.item.created') {
    turn.s = { ...turn.s, calls: acknowledgeOutput(turn.s.calls, stringAt(item, 'id') ?? '') }
  }
}

/** Errors about our own events are ours to deal with; the client's always reach the client. */
function errorEvent(turn: Turn, shown: Shown): void {
  const error = objectAt(shown.event, 'error')
  const code = stringAt(error, 'code') ?? 'none'
  const cause = stringAt(error, 'event_id')
  note(turn, { note: 'upstream_error', code: codeLabel(code) })
  if (refusedByLimit(error)) turn.actions.push({ do: 'record.limits', event: shown.event })
  if (code === 'input_audio_buffer_commit_empty') commitRefused(turn)
  if (fillerRefused(turn, cause)) return
  const { ours, clients, doubted } = turn.s.responses
  if (doubted && cause === doubted.eventId) {
    doubtConfirmed(turn, code)
    return
  }
  if (ours && (cause === ours.eventId || (cause === undefined && !clients && code === 'conversation_already_has_active_response'))) {
    followUpRefused(turn, code)
    return
  }
  if (cause?.startsWith(turn.s.relayIdPrefix)) return
  show(turn, shown)
  if (clients && (cause === clients.eventId || code === 'conversation_already_has_active_response')) {
    changeResponses(turn, { clients: undefined })
    followUp(turn)
    answerTurn(turn)
  }
}
