// Passes server events through policy to the client, and brings out a held `response.created` when something visible follows it.
import { judgeServerEvent } from '../policy/server-rules.js'
import { objectAt, type RealtimeEvent, stringAt } from '../protocol/events.js'
import type { Responses, Shown } from './responses/state.js'
import { note, type Turn, viewOf } from './state.js'

export function changeResponses(turn: Turn, change: Partial<Responses>): void {
  turn.s = { ...turn.s, responses: { ...turn.s.responses, ...change } }
}

export function show(turn: Turn, shown: Shown): void {
  const verdict = judgeServerEvent(shown.event, viewOf(turn.s))
  if (verdict.say === 'drop') note(turn, { note: 'event_dropped', side: 'upstream', why: verdict.why })
  if (verdict.say !== 'forward' && verdict.say !== 'replace') return
  if (belongsToActive(turn, shown.event)) showHeld(turn)
  if (verdict.say === 'forward') turn.actions.push({ do: 'send', to: 'client', event: shown.event, frame: shown.frame })
  else turn.actions.push({ do: 'send', to: 'client', event: verdict.event })
}

export function showHeld(turn: Turn): void {
  const active = turn.s.responses.active
  if (!active?.held) return
  changeResponses(turn, { active: { ...active, held: undefined } })
  show(turn, active.held)
}

function belongsToActive(turn: Turn, event: RealtimeEvent): boolean {
  const active = turn.s.responses.active
  if (!active?.held) return false
  const item = event.type === 'conversation.item.added' ? objectAt(event, 'item') : undefined
  return stringAt(event, 'response_id') === active.id || (item?.type === 'message' && item.role === 'assistant')
}
