// What each client event means for a live session, after policy has rebuilt or refused it.
import { CLIENT_RULES, judgeClientEvent } from '../policy/client-rules.js'
import { withToolsOf } from '../policy/client-tools.js'
import { lockedKinds } from '../policy/locked.js'
import { arrayAt, objectAt, type RealtimeEvent, stringAt } from '../protocol/events.js'
import { closeGate, queueBehind } from './gate.js'
import { guardSent, waitsForGuards } from './guards/input.js'
import { gateWaits } from './guards/state.js'
import { alreadyTruncated, cancelledByClient, clearedByClient, stopsPlayback, truncatedByClient, withinSent } from './playing/interrupting.js'
import { audioRefused, changeQuota, createWithinQuota, leaveAnsweringToRelay, quotaRequested } from './quota/gate.js'
import { overRate, refuse } from './refuse.js'
import { followUp } from './responses/follow-up.js'
import { clientRequestDeferred, deferredRequestOver, hiddenResponseOver, itemTaken, nextRequestWanted } from './responses/machine.js'
import { deletedByRelay, truncatedByRelay } from './restore/truncating.js'
import { messagesReceived, resumeRequested } from './resume.js'
import { note, publicEventId, publicItemId, type Step } from './state.js'
import { changeResponses, sendToClient } from './to-client.js'
import { refreshRequested } from './token-refresh.js'
import { approvalGiven } from './tools/approval.js'
import { callsOf, clientCall } from './tools/ledger.js'
import { cancelTools, clientAnswered } from './tools/run.js'
import { cancelFiller } from './tools/slow.js'
import { marked } from './voice.js'

export function handleClientEvent(step: Step, event: RealtimeEvent): void {
  if (event.type === 'relay.token.refresh' && step.state.profile.relayEvents) {
    refreshRequested(step, event)
    return
  }
  if (event.type === 'relay.tool.approval' && step.state.profile.relayEvents) {
    approvalGiven(step, event)
    return
  }
  if (event.type === 'relay.quota.get' && step.state.profile.relayEvents) {
    quotaRequested(step, event)
    return
  }
  if (event.type === 'relay.resume.enable' && step.state.profile.relayEvents) {
    resumeRequested(step, event)
    return
  }
  if (event.type === 'relay.ack' && step.state.resume.isOffered) {
    messagesReceived(step, event)
    return
  }
  if (step.state.gate.waiting) {
    waitBehindGate(step, event)
    return
  }
  const verdict = judgeClientEvent(event, step)
  if (verdict.type === 'reject') {
    refuse(step, verdict.error, stringAt(event, 'event_id'), Object.hasOwn(CLIENT_RULES, event.type) ? event.type : 'unknown')
    return
  }
  if (verdict.type !== 'replace') {
    note(step, { type: 'event_dropped', side: 'client', why: 'policy' })
    return
  }
  const rebuilt = step.state.call ? withEventId(step, verdict.event) : verdict.event
  if (audioRefused(step, rebuilt)) return
  const tooMuch = overRate(step, rebuilt.type)
  if (tooMuch) {
    refuse(step, tooMuch, stringAt(event, 'event_id'), event.type)
    return
  }
  noteLocked(step, event, rebuilt)
  if (rebuilt.type === 'session.update') adoptClientTools(step, rebuilt)
  switch (rebuilt.type) {
    case 'response.create':
      clientCreates(step, rebuilt)
      return
    case 'response.cancel':
      if (stopsPlayback(step, rebuilt)) return
      clientCancels(step, rebuilt)
      cancelledByClient(step, rebuilt)
      return
    case 'conversation.item.create':
      if (!step.state.guards || !waitsForGuards(step, rebuilt)) clientAddsItem(step, rebuilt)
      return
    case 'session.update':
      step.actions.push({ type: 'send', to: 'upstream', event: leaveAnsweringToRelay(step, rebuilt, false) })
      return
    case 'input_audio_buffer.commit':
      changeQuota(step, { ownCommits: step.state.quota.ownCommits + 1 })
      return passMarked(step, rebuilt)
    case 'input_audio_buffer.clear':
      return passMarked(step, rebuilt)
    case 'output_audio_buffer.clear':
      if (step.state.call) step.actions.push({ type: 'send', to: 'upstream', event: rebuilt })
      else clearedByClient(step)
      return
    case 'conversation.item.delete':
      if (!deletedByRelay(step, rebuilt)) step.actions.push({ type: 'send', to: 'upstream', event: rebuilt })
      return
    case 'conversation.item.truncate':
      clientTruncates(step, rebuilt)
      return
    default:
      step.actions.push({ type: 'send', to: 'upstream', event: rebuilt })
  }
}

function noteLocked(step: Step, event: RealtimeEvent, rebuilt: RealtimeEvent): void {
  if (rebuilt.type !== 'session.update' && rebuilt.type !== 'response.create') return
  const kinds = lockedKinds(event, rebuilt, step.state.profile.clientTools === true)
  if (kinds.length > 0) note(step, { type: 'fields_locked', eventType: rebuilt.type, kinds })
}

/** In a call, so that an error tells which event came to nothing: it will have no echo. */
function withEventId(step: Step, event: RealtimeEvent): RealtimeEvent {
  return typeof event.event_id === 'string' ? event : { ...event, event_id: publicEventId(step) }
}

/** What it is about is the audio so far. */
function passMarked(step: Step, event: RealtimeEvent): void {
  if (step.state.profile.limits.reconnectMs) step.set({ voice: marked(step.state.voice, step.heard.totalMs) })
  step.actions.push({ type: 'send', to: 'upstream', event })
}

/** The client's order is kept: nothing overtakes its `response.create`. */
function waitBehindGate(step: Step, event: RealtimeEvent): void {
  const gate = queueBehind(step.state.gate, event)
  if (gate) step.set({ gate })
  else refuse(step, { code: 'rate_limited', message: 'Too many events at once.', retryAfterSeconds: 1 }, stringAt(event, 'event_id'), 'unknown')
}

function clientCreates(step: Step, event: RealtimeEvent): void {
  const { active, unanswered, ourRequest, clientRequest, dropNextRequest } = step.state.responses
  changeResponses(step, itemTaken(step.state.responses))
  if (dropNextRequest) {
    note(step, { type: 'event_dropped', side: 'client', why: 'response_already_created' })
    return
  }
  const mixedAtWork = !active && [...unanswered].some(([id, one]) => one.mixed && callsOf(step.state.calls, id).some((call) => call.status !== 'answered'))
  // A follow-up that the client cannot know of yet would have its own request refused.
  const unseen = ourRequest !== undefined && !ourRequest.awaited && (!active || active.deferred !== undefined)
  const goesOn = active?.goesOn === true || clientRequest?.goesOn === true
  if (mixedAtWork || unseen || goesOn) {
    changeResponses(step, clientRequestDeferred(step.state.responses, event))
    note(step, { type: 'event_dropped', side: 'client', why: goesOn ? 'waits_for_answer' : 'waits_for_tools' })
    return
  }
  cancelFiller(step)
  if (gateWaits(step.state)) step.set({ gate: closeGate(step.state.gate, 'guard', event) })
  else createWithinQuota(step, event)
}

/** Of a `session.update` as it goes upstream: calls of the tools beside the server's are the client's from now on. */
function adoptClientTools(step: Step, update: RealtimeEvent): void {
  if (step.state.profile.clientTools) step.set({ profile: withToolsOf(step.state.profile, arrayAt(objectAt(update, 'session'), 'tools')) })
}

/**
 * With tools at work and no response active there is nothing upstream to cancel: the relay stops its own work instead. A cancel that names a
 * response is about that one alone.
 */
function clientCancels(step: Step, event: RealtimeEvent): void {
  const { active, unanswered, ourRequest, hiddenResponse, filler } = step.state.responses
  const named = stringAt(event, 'response_id')
  if (named !== undefined && named !== active?.id) {
    if (named === filler?.id) cancelFiller(step)
    else if (unanswered.has(named)) {
      cancelTools(step, named)
      followUp(step)
    } else step.actions.push({ type: 'send', to: 'upstream', event })
    return
  }
  cancelFiller(step)
  if (filler && !active && !ourRequest && unanswered.size === 0) return
  if (active || ourRequest || unanswered.size === 0) {
    if (ourRequest) changeResponses(step, deferredRequestOver(step.state.responses))
    step.actions.push({ type: 'send', to: 'upstream', event })
    return
  }
  cancelTools(step)
  if (!hiddenResponse) {
    step.actions.push({ type: 'send', to: 'upstream', event })
    return
  }
  changeResponses(step, hiddenResponseOver(step.state.responses))
  sendToClient(step, hiddenResponse.created)
  const response = { ...objectAt(hiddenResponse.done.event, 'response'), status: 'cancelled', status_details: { type: 'cancelled', reason: 'client_cancelled' } }
  sendToClient(step, { event: { ...hiddenResponse.done.event, response }, frame: undefined })
}

function clientTruncates(step: Step, event: RealtimeEvent): void {
  if (alreadyTruncated(step, event)) return
  const truncate = withinSent(step, event)
  if (!truncatedByRelay(step, truncate)) step.actions.push({ type: 'send', to: 'upstream', event: truncate })
  truncatedByClient(step, truncate)
}

export function clientAddsItem(step: Step, asked: RealtimeEvent): void {
  const event = step.state.guards ? guardSent(step, asked) : asked
  const item = objectAt(event, 'item')
  // In a call an item is known by its id when it comes back, and one that is sent twice is refused.
  const named = step.state.call && item && stringAt(item, 'id') === undefined ? { ...event, item: { id: publicItemId(step), ...item } } : event
  step.actions.push({ type: 'send', to: 'upstream', event: named })
  if (item?.type === 'function_call_output') {
    const callId = stringAt(item, 'call_id') ?? ''
    const { ourRequest } = step.state.responses
    // Not one of those that our follow-up answers: the client's create will be for this one.
    if (ourRequest && !ourRequest.covers.includes(clientCall(step.state.calls, callId)?.responseId ?? '')) changeResponses(step, nextRequestWanted(step.state.responses))
    clientAnswered(step, callId)
  } else changeResponses(step, itemTaken(step.state.responses))
}
