// Turns function calls of the model into tools to start, and their results into items for the model; the client sees neither.
import type { ToolHandling } from '../../policy/profile.js'
import { isVisibleItem } from '../../policy/server-rules.js'
import { isObject, type JsonObject, stringAt } from '../../protocol/events.js'
import { addClientCallItem, hideItem } from '../items.js'
import { overCallRate } from '../rates.js'
import { followUp } from '../responses/follow-up.js'
import { changeResponses } from '../show.js'
import { type Input, relayId, type Turn, viewOf } from '../state.js'
import { addClientCall, addLateResult, addServerCall, answerClientCall, callsOf, changeServerCall, forgetWaiting, nextToStart, type ServerCall } from './ledger.js'
import { askApproval, noticeFinished, noticeStarted } from './notices.js'

const CANCELLED = 'The tool call was cancelled.'
export const NOT_APPROVED = 'The user did not approve.'
const TOO_MANY = 'Too many tool calls in a short time. Try again in a minute.'
const IN_BACKGROUND = 'The tool is running; its result will follow.'

/** Notes an item: hidden from the client, or a call of the client's own. Called for every event that carries one. */
export function registerItem(turn: Turn, item: unknown, previous: string | null, responseId: string | undefined, visible: boolean): void {
  if (!isObject(item)) return
  const itemId = stringAt(item, 'id')
  if (itemId === undefined) return
  if (!visible) turn.s = { ...turn.s, items: hideItem(turn.s.items, itemId, previous) }
  else if (item.type === 'function_call') {
    const callId = stringAt(item, 'call_id')
    turn.s = { ...turn.s, items: addClientCallItem(turn.s.items, itemId) }
    if (callId !== undefined && responseId !== undefined) turn.s = { ...turn.s, calls: addClientCall(turn.s.calls, callId, responseId) }
  }
}

/** A finished function call of the model. Incomplete ones (their response was cut off) are not run. */
export function registerCall(turn: Turn, item: JsonObject, responseId: string, previous: string | null): void {
  const callId = stringAt(item, 'call_id')
  const name = stringAt(item, 'name')
  if (callId === undefined || item.status === 'incomplete' || responseId === turn.s.responses.filler?.id) return
  const isClients = isVisibleItem(item, viewOf(turn.s))
  registerItem(turn, item, previous, responseId, isClients)
  if (isClients) return
  turn.s = { ...turn.s, calls: addServerCall(turn.s.calls, { callId, responseId, name: name ?? '', arguments: stringAt(item, 'arguments') ?? '' }) }
}

export function startCalls(turn: Turn): void {
  const most = turn.s.profile.limits.toolMaxConcurrent
  for (let call = nextToStart(turn.s.calls, most); call; call = nextToStart(turn.s.calls, most)) start(turn, call)
}

function start(turn: Turn, call: ServerCall): void {
  const handling = handlingOf(turn, call.name)
  if (handling?.approval === 'client' && !call.approved) {
    if (turn.s.profile.relayEvents) askApproval(turn, call)
    else handOver(turn, call.callId, NOT_APPROVED)
    return
  }
  if (overCallRate(turn)) {
    noticeFinished(turn, call, false, 0)
    handOver(turn, call.callId, TOO_MANY)
    return
  }
  turn.s = { ...turn.s, calls: changeServerCall(turn.s.calls, call.callId, { status: 'running', atWork: true }) }
  // Of a call the client knows already, it hears at once; of others, where the profile says so, only when they take long.
  if (turn.s.profile.toolNoticeMs === undefined || call.shownId !== undefined) noticeStarted(turn, call)
  turn.actions.push({ do: 'tool.start', callId: call.callId, name: call.name, arguments: call.arguments })
  if (handling?.background) handOver(turn, call.callId, IN_BACKGROUND)
}

/** Calls of a cancelled or failed response that had not begun: the client is not asked about them any longer. */
export function dropWaiting(turn: Turn, responseId: string): void {
  for (const call of callsOf(turn.s.calls, responseId)) if (call.status === 'asking') noticeFinished(turn, call, false, 0)
  turn.s = { ...turn.s, calls: forgetWaiting(turn.s.calls, responseId) }
}

/** Stops the running ones of these calls, except those declared to be finished whatever happens to their response. */
export function abortRunning(turn: Turn, calls: Iterable<ServerCall>): void {
  for (const call of calls) {
    if (call.status === 'running' && handlingOf(turn, call.name)?.onCancel !== 'finish') turn.actions.push({ do: 'tool.cancel', callId: call.callId })
  }
}

function handlingOf(turn: Turn, name: string): ToolHandling | undefined {
  return turn.s.profile.tools.find((tool) => tool.definition.name === name)
}

/** Hands a result to the model, also when its response was cancelled meanwhile: a call without a result would stay open for good. */
export function toolFinished(turn: Turn, { callId, output, ok, durationMs }: Extract<Input, { is: 'tool.finished' }>): void {
  const call = turn.s.calls.server.get(callId)
  if (!call?.atWork) return
  turn.s = { ...turn.s, calls: changeServerCall(turn.s.calls, callId, { atWork: false }) }
  noticeFinished(turn, call, ok, durationMs)
  if (call.status === 'running') handOver(turn, callId, output)
  else handOverLate(turn, call, output)
  startCalls(turn)
  followUp(turn)
}

/** The result of a call, as the item the model waits for; the call is answered from here on. */
export function handOver(turn: Turn, callId: string, output: string): void {
  const eventId = relayId(turn)
  const itemId = relayId(turn)
  turn.s = { ...turn.s, items: hideItem(turn.s.items, itemId, null), calls: changeServerCall(turn.s.calls, callId, { status: 'answered', outputItemId: itemId }) }
  const item = { id: itemId, type: 'function_call_output', call_id: callId, output }
  turn.actions.push({ do: 'send', to: 'upstream', event: { type: 'conversation.item.create', event_id: eventId, item } })
}

/** A message in the system's name: a call takes one result only, and a background call has had it. */
function handOverLate(turn: Turn, { callId, name }: ServerCall, output: string): void {
  const eventId = relayId(turn)
  const itemId = relayId(turn)
  turn.s = { ...turn.s, items: hideItem(turn.s.items, itemId, null), calls: addLateResult(turn.s.calls, name, itemId) }
  changeResponses(turn, { owed: new Map(turn.s.responses.owed).set(itemId, { request: undefined, mixed: false, late: true }) })
  const text = `Result of the tool ${name} (call ${callId}):\n${output}`
  const item = { id: itemId, type: 'message', role: 'system', content: [{ type: 'input_text', text }] }
  turn.actions.push({ do: 'send', to: 'upstream', event: { type: 'conversation.item.create', event_id: eventId, item } })
}

/** The client answered a call of its own: if the server-run calls beside it are answered too, the response may go on. */
export function clientAnswered(turn: Turn, callId: string): void {
  turn.s = { ...turn.s, calls: answerClientCall(turn.s.calls, callId) }
  followUp(turn)
}

/** The client cancelled while tools were at work: they are stopped, those not begun never begin, and no follow-up comes. */
export function cancelTools(turn: Turn): void {
  abortRunning(turn, turn.s.calls.server.values())
  for (const call of turn.s.calls.server.values()) {
    if (call.status !== 'waiting' && call.status !== 'asking') continue
    noticeFinished(turn, call, false, 0)
    handOver(turn, call.callId, CANCELLED)
  }
  changeResponses(turn, { owed: new Map(), absorbed: undefined })
}
