// What each client event means for a live session, after policy has rebuilt or refused it.
import { CLIENT_RULES, judgeClientEvent, MAX_EVENT_ID } from '../policy/client-rules.js'
import type { Rejection } from '../policy/policy.js'
import { toErrorEvent } from '../protocol/errors.js'
import { objectAt, type RealtimeEvent, stringAt } from '../protocol/events.js'
import { changeResponses, show } from './show.js'
import { close, note, publicEventId, type Turn, viewOf } from './state.js'
import { callsOf } from './tool-calls.js'
import { cancelTools, clientAnswered } from './tools-at-work.js'

export function handleClientEvent(turn: Turn, event: RealtimeEvent): void {
  const verdict = judgeClientEvent(event, viewOf(turn.s))
  if (verdict.say === 'reject') {
    refuse(turn, verdict.error, stringAt(event, 'event_id'), Object.hasOwn(CLIENT_RULES, event.type) ? event.type : 'unknown')
    return
  }
  if (verdict.say !== 'replace') {
    note(turn, { note: 'event_dropped', side: 'client', why: 'policy' })
    return
  }
  const rebuilt = verdict.event
  switch (rebuilt.type) {
    case 'response.create':
      clientCreates(turn, rebuilt)
      return
    case 'response.cancel':
      clientCancels(turn, rebuilt)
      return
    case 'conversation.item.create':
      clientAddsItem(turn, rebuilt)
      return
    default:
      turn.actions.push({ do: 'send', to: 'upstream', event: rebuilt })
  }
}

/** Answers a refused event with an `error` naming what is wrong; too many of them end the session. */
export function refuse(turn: Turn, error: Rejection, causeEventId: string | undefined, type: string): void {
  turn.s = { ...turn.s, violations: turn.s.violations + 1 }
  note(turn, { note: 'event_refused', type, code: error.code })
  const eventId = publicEventId(turn)
  const cause = causeEventId !== undefined && causeEventId.length <= MAX_EVENT_ID ? causeEventId : undefined
  turn.actions.push({ do: 'send', to: 'client', event: toErrorEvent(error.code, { eventId, causeEventId: cause, param: error.param, message: error.message }) })
  if (turn.s.violations > turn.s.profile.limits.maxViolations) close(turn, 'bad_event', 'too_many_violations')
}

function clientCreates(turn: Turn, event: RealtimeEvent): void {
  const { active, owed, swallowNext } = turn.s.responses
  const request = objectAt(event, 'response')
  changeResponses(turn, { rounds: 0 })
  if (swallowNext) {
    changeResponses(turn, { swallowNext: false })
    note(turn, { note: 'event_dropped', side: 'client', why: 'response_already_created' })
    return
  }
  const mixedAtWork = !active && [...owed].some(([id, one]) => one.mixed && callsOf(turn.s.calls, id).some((call) => call.status !== 'answered'))
  if (mixedAtWork) {
    changeResponses(turn, { absorbed: { request } })
    note(turn, { note: 'event_dropped', side: 'client', why: 'waits_for_tools' })
    return
  }
  changeResponses(turn, { clients: { eventId: stringAt(event, 'event_id'), request } })
  turn.actions.push({ do: 'send', to: 'upstream', event })
}

/** With tools at work and no response active there is nothing upstream to cancel: the relay stops its own work instead. */
function clientCancels(turn: Turn, event: RealtimeEvent): void {
  const { active, owed, ours, shell } = turn.s.responses
  if (active || ours || owed.size === 0) {
    turn.actions.push({ do: 'send', to: 'upstream', event })
    return
  }
  cancelTools(turn)
  if (!shell) {
    turn.actions.push({ do: 'send', to: 'upstream', event })
    return
  }
  changeResponses(turn, { shell: undefined })
  show(turn, shell.created)
  const response = { ...objectAt(shell.done.event, 'response'), status: 'cancelled', status_details: { type: 'cancelled', reason: 'client_cancelled' } }
  show(turn, { event: { ...shell.done.event, response }, frame: undefined })
}

function clientAddsItem(turn: Turn, event: RealtimeEvent): void {
  turn.actions.push({ do: 'send', to: 'upstream', event })
  const item = objectAt(event, 'item')
  if (item?.type === 'function_call_output') clientAnswered(turn, stringAt(item, 'call_id') ?? '')
  else changeResponses(turn, { rounds: 0, swallowNext: false })
}
