// Turns function calls of the model into tools to start, and their results into items for the model; the client sees neither.
import type { ToolHandling } from '../../policy/profile.js'
import { isVisibleItem } from '../../policy/server-rules.js'
import { isObject, type JsonObject, stringAt } from '../../protocol/events.js'
import { ask, forgetChecks } from '../guards/ask.js'
import { inputWaits } from '../guards/state.js'
import type { Input } from '../inputs.js'
import { addClientCallItem, hideItem } from '../items.js'
import { isBuiltIn } from '../manners/built-in.js'
import { keysForTools } from '../manners/keys.js'
import { builtInCalled } from '../manners/parting.js'
import { overCallRate } from '../refuse.js'
import { followUp } from '../responses/follow-up.js'
import { lateResultUnanswered, toolsCancelled } from '../responses/machine.js'
import { isAway } from '../resume-state.js'
import { relayId, type Step } from '../state.js'
import { changeResponses } from '../to-client.js'
import { handOver } from './answer.js'
import { addClientCall, addLateResult, addServerCall, answerClientCall, callsOf, changeServerCall, forgetWaiting, nextToStart, type ServerCall } from './ledger.js'
import { askApproval, noticeFinished, noticeStarted } from './notices.js'

const CANCELLED = 'The tool call was cancelled.'
export const NOT_APPROVED = 'The user did not approve.'
const TOO_MANY = 'Too many tool calls in a short time. Try again in a minute.'
const IN_BACKGROUND = 'The tool is running; its result will follow.'

/** Notes an item: hidden from the client, or a call of the client's own. Called for every event that carries one. */
export function registerItem(step: Step, item: unknown, previous: string | null, responseId: string | undefined, visible: boolean): void {
  if (!isObject(item)) return
  const itemId = stringAt(item, 'id')
  if (itemId === undefined) return
  if (!visible) step.set({ items: hideItem(step.state.items, itemId, previous) })
  else if (item.type === 'function_call') {
    const callId = stringAt(item, 'call_id')
    const own = step.own()
    own.items = addClientCallItem(own.items, itemId)
    if (callId !== undefined && responseId !== undefined) own.calls = addClientCall(own.calls, callId, responseId)
  }
}

/** A finished function call of the model. Incomplete ones (their response was cut off) are not run. */
export function registerCall(step: Step, item: JsonObject, responseId: string, previous: string | null): void {
  const callId = stringAt(item, 'call_id')
  const name = stringAt(item, 'name')
  if (callId === undefined || item.status === 'incomplete' || responseId === step.state.responses.filler?.id) return
  const isClients = isVisibleItem(item, step)
  registerItem(step, item, previous, responseId, isClients)
  if (isClients) return
  step.set({ calls: addServerCall(step.state.calls, { callId, responseId, name: name ?? '', arguments: stringAt(item, 'arguments') ?? '' }) })
}

/** None while the client is away: whether it comes back is not known. Nor while the user's words wait for a verdict. */
export function startCalls(step: Step): void {
  if (isAway(step.state) || inputWaits(step.state)) return
  const most = step.state.profile.limits.toolMaxConcurrent
  for (let call = nextToStart(step.state.calls, most); call; call = nextToStart(step.state.calls, most)) start(step, call)
}

function start(step: Step, call: ServerCall): void {
  const handling = handlingOf(step, call.name)
  if (handling?.approval === 'client' && !call.approved) {
    if (step.state.profile.relayEvents) askApproval(step, call)
    else handOver(step, call.callId, NOT_APPROVED)
    return
  }
  if (overCallRate(step)) {
    noticeFinished(step, call, false, 0)
    handOver(step, call.callId, TOO_MANY)
    return
  }
  if (isBuiltIn(step.state.profile, call.name)) return builtInCalled(step, call)
  step.set({ calls: changeServerCall(step.state.calls, call.callId, { status: 'running', atWork: true, startedAt: step.now }) })
  // Announce at once if the client knows the call already or the profile sets no delay; otherwise only when it is slow.
  if (step.state.profile.toolNoticeMs === undefined || call.publicId !== undefined) noticeStarted(step, call)
  const about = { type: 'arguments', callId: call.callId } as const
  ask(step, 'tool_arguments', 'observe', about, call.arguments)
  if (!ask(step, 'tool_arguments', 'wait', about, call.arguments)) begin(step, call, call.arguments)
}

/** Its guards, if there are any, have let it. */
export function begin(step: Step, call: ServerCall, args: string): void {
  const keys = keysForTools(step.state)
  step.actions.push({ type: 'tool.start', callId: call.callId, name: call.name, arguments: args, ...(keys !== undefined && { keys }) })
  if (handlingOf(step, call.name)?.background) handOver(step, call.callId, IN_BACKGROUND)
}

/** Calls of a cancelled or failed response that had not begun: the client is not asked about them any longer. */
export function dropWaiting(step: Step, responseId: string): void {
  for (const call of callsOf(step.state.calls, responseId)) if (call.status === 'asking') noticeFinished(step, call, false, 0)
  step.set({ calls: forgetWaiting(step.state.calls, responseId) })
}

/** Stops the running ones of these calls, except those declared to be finished whatever happens to their response. What only waits for its guards does not begin. */
export function abortRunning(step: Step, calls: Iterable<ServerCall>): void {
  for (const call of calls) {
    if (call.status !== 'running' || !call.atWork) continue
    if (isAboutToBegin(step, call)) {
      forgetChecks(step, (about) => about.type === 'arguments' && about.callId === call.callId)
      finish(step, call, CANCELLED, false, 0)
    } else if (handlingOf(step, call.name)?.onCancel !== 'finish') step.actions.push({ type: 'tool.cancel', callId: call.callId })
  }
}

function handlingOf(step: Step, name: string): ToolHandling | undefined {
  return step.state.profile.tools.find((tool) => tool.definition.name === name)
}

/** Hands a result to the model, also when its response was cancelled meanwhile: a call without a result would stay open for good. */
export function toolFinished(step: Step, { callId, output, ok, durationMs }: Extract<Input, { type: 'tool.finished' }>): void {
  const call = step.state.calls.server.get(callId)
  if (!call?.atWork) return
  const about = { type: 'result', callId, output, ok, durationMs } as const
  ask(step, 'tool_output', 'observe', about, output)
  if (ask(step, 'tool_output', 'wait', about, output)) return
  resultReady(step, call, output, ok, durationMs)
}

/** Its guards, if there are any, have let it: as it was, redacted, or in words of ours. */
export function resultReady(step: Step, call: ServerCall, output: string, ok: boolean, durationMs: number): void {
  finish(step, call, output, ok, durationMs)
  startCalls(step)
  followUp(step)
}

function finish(step: Step, call: ServerCall, output: string, ok: boolean, durationMs: number): void {
  step.set({ calls: changeServerCall(step.state.calls, call.callId, { atWork: false }) })
  noticeFinished(step, call, ok, durationMs)
  if (call.status === 'running') handOver(step, call.callId, output)
  else handOverLate(step, call, output)
}

/** Its guards are asked about what the model wants of it. */
function isAboutToBegin({ state }: Step, { callId }: ServerCall): boolean {
  return state.guards?.checks.some(({ about, group }) => about.type === 'arguments' && group === 'wait' && about.callId === callId) === true
}

/** A message in the system's name: a call takes one result only, and a background call has had it. */
function handOverLate(step: Step, { callId, name }: ServerCall, output: string): void {
  const eventId = relayId(step)
  const itemId = relayId(step)
  step.set({ items: hideItem(step.state.items, itemId, null), calls: addLateResult(step.state.calls, name, itemId) })
  changeResponses(step, lateResultUnanswered(step.state.responses, itemId))
  const text = `Result of the tool ${name} (call ${callId}):\n${output}`
  const item = { id: itemId, type: 'message', role: 'system', content: [{ type: 'input_text', text }] }
  step.actions.push({ type: 'send', to: 'upstream', event: { type: 'conversation.item.create', event_id: eventId, item } })
}

/** The client answered a call of its own: if the server-run calls beside it are answered too, the response may go on. */
export function clientAnswered(step: Step, callId: string): void {
  step.set({ calls: answerClientCall(step.state.calls, callId) })
  followUp(step)
}

/** The client cancelled while tools were at work: they are stopped, those not begun never begin, and no follow-up comes. `responseId`: only those of this response. */
export function cancelTools(step: Step, responseId?: string): void {
  const calls = responseId === undefined ? [...step.state.calls.server.values()] : callsOf(step.state.calls, responseId)
  abortRunning(step, calls)
  for (const call of calls) {
    if (call.status !== 'waiting' && call.status !== 'asking') continue
    noticeFinished(step, call, false, 0)
    handOver(step, call.callId, CANCELLED)
  }
  changeResponses(step, toolsCancelled(step.state.responses, responseId))
}
