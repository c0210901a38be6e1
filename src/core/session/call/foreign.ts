// Looks at every event of a call's upstream before anything is made of it: what nobody but the caller, past the relay, can have caused is counted and undone.
import { serverPartInForce } from '../../policy/session-update.js'
import { arrayAt, isObject, objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { close } from '../ending.js'
import { answerTurn, askAfterUse, changeQuota } from '../quota/gate.js'
import { overRate } from '../refuse.js'
import { followUp } from '../responses/follow-up.js'
import type { UpstreamEvent } from '../responses/state.js'
import { answersTurnsInForce } from '../restore/under-way.js'
import { note, noteDone, recordUsage, type Step } from '../state.js'
import { cutOff } from './cancel.js'
import { explanationOf, isMarked, refusedBy, SESSION, withoutExpected, withoutMark } from './expected.js'
import { foreignItem } from './foreign-items.js'
import type { CallState } from './state.js'
import { changeCall, countUpdate, countViolation, isUndone, tolerates, undoItem, undoSession } from './undo.js'

const MOST_DISMISSED = 32
/** Between a cancel and the end of what was cancelled. */
const BUSY_MS = 1000
/** After a loss: between two events of what goes on, or of what was done meanwhile. */
export const UNSURE_MS = 5000

/** What of it is to be handled. Undefined: nothing. */
export function pastForeign(step: Step, received: UpstreamEvent): UpstreamEvent | undefined {
  const { call } = step.state
  if (!call) return received
  const { event } = received
  const responseId = stringAt(event, 'response_id')
  if (responseId !== undefined && call.dismissed.includes(responseId)) return undefined
  if (responseId !== undefined && call.unsure?.responseId === responseId) changeCall(step, { unsure: { until: step.now + UNSURE_MS, responseId } })
  switch (event.type) {
    case 'session.updated':
      return sessionSeen(step, call, received)
    case 'response.created':
      return responseBegan(step, call, received)
    case 'response.done':
      return responseEnded(step, call, received)
    case 'conversation.item.added':
    case 'conversation.item.created':
    case 'conversation.item.deleted':
    case 'conversation.item.retrieved':
      return itemSeen(step, call, received)
    case 'error':
      errorSeen(step, call, event)
      return received
    case 'output_audio_buffer.started':
    case 'output_audio_buffer.stopped':
    case 'output_audio_buffer.cleared':
      changeCall(step, { plays: event.type === 'output_audio_buffer.started' })
      step.set({ lastActive: step.now })
      return received
    case 'input_audio_buffer.speech_started':
    case 'input_audio_buffer.speech_stopped':
    case 'input_audio_buffer.committed':
      step.set({ lastActive: step.now })
      return received
    default:
      return received
  }
}

/** Whether the upstream runs what the server wants, and leaves the answering to the relay. */
export function isLocked(step: Step, event: RealtimeEvent): boolean {
  const session = objectAt(event, 'session')
  return serverPartInForce(session, step.state.profile) && !answersTurnsInForce(session)
}

function sessionSeen(step: Step, call: CallState, received: UpstreamEvent): UpstreamEvent | undefined {
  const locked = isLocked(step, received.event)
  const explanation = locked ? explanationOf(call, received.event) : undefined
  if (explanation || (locked && wasAnothers(call))) {
    step.set({ call: { ...withoutExpected(call, explanation), session: objectAt(received.event, 'session') } })
    if (isUndone(step, SESSION)) goOn(step)
    return received
  }
  if (!tolerates(step, 'session') || !countUpdate(step)) return undefined
  undoSession(step, !locked)
  return undefined
}

/** The mark says that the relay asked for it. One that began in a session, or beside an item, that is being undone has read it. */
function responseBegan(step: Step, call: CallState, received: UpstreamEvent): UpstreamEvent | undefined {
  const id = stringAt(objectAt(received.event, 'response'), 'id') ?? ''
  const explanation = explanationOf(call, received.event)
  if (explanation || (wasAnothers(call) && isMarked(received.event))) {
    step.set({ call: withoutExpected(call, explanation) })
    if (call.breaches.length > 0) cutOff(step, id)
    return unmarked(received)
  }
  if (!tolerates(step, 'response')) return undefined
  const tooMuch = overRate(step, 'response.create')
  const isAside =
    objectAt(received.event, 'response')?.conversation_id === null || (step.state.responses.active !== undefined && step.state.responses.active.id !== call.unsure?.responseId)
  if (tooMuch || isAside || call.breaches.length > 0 || step.state.quota.spentUntil !== undefined) {
    changeCall(step, { dismissed: [...call.dismissed, id].slice(-MOST_DISMISSED), ...(isAside ? {} : { busyUntil: step.now + BUSY_MS }) })
    note(step, { type: 'response_started', responseId: id })
    cutOff(step, id)
    if (tooMuch || isAside) countViolation(step)
    // An SDK that configures itself and asks in one breath gets its answer, from the server's session.
    else if (step.state.quota.spentUntil === undefined && call.breaches.every((one) => one === SESSION)) changeQuota(step, { turnUnanswered: true })
    return undefined
  }
  changeCall(step, { foreignResponse: id })
  askAfterUse(step, 'transcript')
  return unmarked(received)
}

function responseEnded(step: Step, call: CallState, received: UpstreamEvent): UpstreamEvent | undefined {
  const response = objectAt(received.event, 'response')
  const id = stringAt(response, 'id') ?? ''
  const { foreignResponse } = call
  changeCall(step, {
    busyUntil: undefined,
    foreignResponse: foreignResponse === id ? undefined : foreignResponse,
    dismissed: call.dismissed.filter((one) => one !== id),
    unsure: call.unsure?.responseId === id ? { ...call.unsure, responseId: undefined } : call.unsure,
  })
  if (!call.dismissed.includes(id)) return unmarked(received)
  const usage = objectAt(response, 'usage')
  noteDone(step, id, response)
  if (usage) recordUsage(step, id, usage)
  askAfterUse(step, 'transcript')
  // What it said by then would be read by the answers to come.
  if (response?.conversation_id !== null) for (const item of arrayAt(response, 'output')) if (isObject(item)) undoItem(step, stringAt(item, 'id') ?? '')
  goOn(step)
  return undefined
}

function itemSeen(step: Step, call: CallState, received: UpstreamEvent): UpstreamEvent | undefined {
  const { event } = received
  const explanation = explanationOf(call, event)
  if (!explanation) return wasAnothers(call) || foreignItem(step, call, event) ? received : undefined
  step.set({ call: withoutExpected(call, explanation) })
  // What is undone was never shown.
  if (event.type !== 'conversation.item.deleted' || !isUndone(step, stringAt(event, 'item_id') ?? '')) return received
  goOn(step)
  return undefined
}

function errorSeen(step: Step, call: CallState, event: RealtimeEvent): void {
  const refused = refusedBy(call, event)
  if (!refused) return
  step.set({ call: withoutExpected(call, refused) })
  if (refused.key === SESSION && call.breaches.includes(SESSION)) return close(step, 'foreign_control', 'undoing_refused')
  // There is no such item any more.
  if (refused.key.startsWith('deleted ') && isUndone(step, refused.key.slice('deleted '.length))) goOn(step)
}

/** What another instance had sent is answered now, and without a data channel nobody else sends. */
function wasAnothers({ mode, adopted, unsure }: CallState): boolean {
  return mode === 'media-only' && adopted && unsure !== undefined
}

/** What had to wait. */
function goOn(step: Step): void {
  followUp(step)
  answerTurn(step)
}

function unmarked(received: UpstreamEvent): UpstreamEvent {
  const event = withoutMark(received.event)
  return event === received.event ? received : { event, frame: undefined }
}
