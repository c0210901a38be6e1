// Follows responses from `response.created` to `response.done` and decides whether the client sees them at all.

import { refusedByLimit } from '../../limits/refusal.js'
import { arrayAt, isObject, type JsonObject, objectAt, stringAt } from '../../protocol/events.js'
import { answerTurn, readTokens, tellAfterResponse } from '../quota/gate.js'
import { changeResponses, show, showHeld } from '../show.js'
import { note, type Turn } from '../state.js'
import { callsOf, hasClientCalls } from '../tools/ledger.js'
import { abortRunning, dropWaiting, registerCall, startCalls } from '../tools/run.js'
import { followUp } from './follow-up.js'
import { type Shown, statusLabel } from './state.js'

export function responseCreated(turn: Turn, shown: Shown): void {
  const { ours, clients, shell, owed, doubted } = turn.s.responses
  const id = stringAt(objectAt(shown.event, 'response'), 'id') ?? ''
  const isCovered = (responseId: string) => callsOf(turn.s.calls, responseId).every((call) => call.acknowledged)
  const coversOutputs = [...owed.keys(), ...(doubted?.owed ?? []).map(([responseId]) => responseId)].every(isCovered)
  const coversLate = [...owed].flatMap(([id, one]) => (one.late && isCovered(id) ? [id] : []))
  const mayCallTools = turn.s.profile.tools.some((tool) => tool.owner === 'server')
  changeResponses(turn, {
    active: { id, request: ours ? ours.request : clients?.request, held: mayCallTools ? shown : undefined, coversOutputs, coversLate },
    clients: undefined,
    // The follow-up's own `response.created` takes the place of the one never shown.
    shell: ours ? undefined : shell,
  })
  if (!mayCallTools) show(turn, shown)
}

export function responseDone(turn: Turn, shown: Shown): void {
  const response = objectAt(shown.event, 'response')
  const id = stringAt(response, 'id') ?? ''
  const status = stringAt(response, 'status') ?? 'unknown'
  note(turn, { note: 'response_done', status: statusLabel(status) })
  const usage = objectAt(response, 'usage')
  if (usage) {
    turn.actions.push({ do: 'record.usage', responseId: id, usage })
    readTokens(turn, usage)
  }
  if (refusedByLimit(objectAt(objectAt(response, 'status_details'), 'error'))) turn.actions.push({ do: 'record.limits', event: shown.event })
  const finished = status === 'completed' || status === 'incomplete'
  if (finished) registerMissedCalls(turn, id, response)
  else {
    dropWaiting(turn, id)
    if (status === 'cancelled') abortRunning(turn, callsOf(turn.s.calls, id))
  }

  const { active, ours } = turn.s.responses
  const owed = new Map(turn.s.responses.owed)
  const isActive = active === undefined || active.id === id
  if (isActive && ours && active && !active.coversOutputs) {
    changeResponses(turn, { doubted: { eventId: ours.eventId, owed: [...owed].filter(([responseId]) => ours.covers.includes(responseId)) } })
  }
  if (isActive) for (const covered of [...(ours?.covers ?? []), ...(active?.coversLate ?? [])]) owed.delete(covered)
  const wantsFollowUp = finished && callsOf(turn.s.calls, id).length > 0
  if (wantsFollowUp) owed.set(id, { request: active?.request, mixed: hasClientCalls(turn.s.calls, id) })
  const neverShown = isActive && active?.held !== undefined && wantsFollowUp
  if (neverShown && active?.held) {
    changeResponses(turn, { active: undefined, ours: undefined, swallowNext: false, owed, shell: { created: active.held, done: shown } })
    note(turn, { note: 'event_dropped', side: 'upstream', why: 'hidden_response' })
  } else {
    if (isActive) showHeld(turn)
    changeResponses(turn, isActive ? { active: undefined, ours: undefined, swallowNext: false, owed } : { owed })
    show(turn, shown)
    tellAfterResponse(turn)
  }
  followUp(turn)
  answerTurn(turn)
}

/** Calls are registered at `response.output_item.done`; this catches an upstream that left that event out. */
function registerMissedCalls(turn: Turn, responseId: string, response: JsonObject | undefined): void {
  for (const item of arrayAt(response, 'output')) {
    if (isObject(item) && item.type === 'function_call') registerCall(turn, item, responseId, null)
  }
  startCalls(turn)
}
