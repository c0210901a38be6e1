// Sends `response.create` upstream: the client's own, and ours for a turn that voice detection ended.
import { objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { changeResponses } from '../show.js'
import { relayId, type Turn } from '../state.js'

export function createForClient(turn: Turn, event: RealtimeEvent): void {
  changeResponses(turn, { clients: { eventId: stringAt(event, 'event_id'), request: objectAt(event, 'response') } })
  turn.actions.push({ do: 'send', to: 'upstream', event })
}

/** It owes no tool result an answer, so what is owed stays owed. */
export function createForTurn(turn: Turn): void {
  const eventId = relayId(turn)
  changeResponses(turn, { ours: { eventId, request: undefined, covers: [], awaited: true } })
  turn.actions.push({ do: 'send', to: 'upstream', event: { type: 'response.create', event_id: eventId } })
}
