// Stands in for the service where its recorded answer cannot fit another configuration: settings, the relay's own items and lines.
import { isObject, type Json, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../protocol/events.js'
import type { SessionState } from '../session/state.js'

export interface Service {
  readonly created: RealtimeEvent
  /** What it answers at once to an event of the relay; empty: its answer is recorded. */
  answers(event: RealtimeEvent, state: SessionState): readonly RealtimeEvent[]
}

/** `recorded`: the `session.created` of the recording, if there is one. */
export function createService(recorded: RealtimeEvent | undefined): Service {
  let session: JsonObject = objectAt(recorded, 'session') ?? { type: 'realtime', object: 'realtime.session', id: 'sess_replayed' }
  let lines = 0
  return {
    created: { ...recorded, type: 'session.created', session },
    answers(event, state) {
      switch (event.type) {
        case 'session.update':
          session = merged(session, objectAt(event, 'session') ?? {})
          return [{ type: 'session.updated', event_id: 'event_replayed', session }]
        case 'conversation.item.create': {
          const item = objectAt(event, 'item')
          const isOurs = stringAt(item, 'id')?.startsWith(state.relayIdPrefix) === true
          return item && isOurs ? [{ type: 'conversation.item.added', event_id: 'event_replayed', previous_item_id: null, item }] : []
        }
        case 'response.create':
          return isLine(event, state) ? emptyResponse(++lines) : []
        default:
          return []
      }
    },
  }
}

/** Events of the recording that the answers above take the place of. */
export function isReplaced(event: RealtimeEvent, isRunHere: (callId: string) => boolean): boolean {
  if (event.type === 'session.created' || event.type === 'session.updated') return true
  const item = objectAt(event, 'item')
  return item?.type === 'function_call_output' && isRunHere(stringAt(item, 'call_id') ?? '')
}

function isLine(event: RealtimeEvent, { manners }: SessionState): boolean {
  return manners?.line?.eventId !== undefined && manners.line.eventId === event.event_id
}

/** A line of the profile was said by nobody in the recording: it takes no time. */
function emptyResponse(number: number): readonly RealtimeEvent[] {
  const response = { object: 'realtime.response', id: `resp_replayed_${number}`, output: [] }
  return [
    { type: 'response.created', event_id: 'event_replayed', response: { ...response, status: 'in_progress' } },
    { type: 'response.done', event_id: 'event_replayed', response: { ...response, status: 'completed' } },
  ]
}

function merged(before: JsonObject, update: JsonObject): JsonObject {
  const entries = Object.entries(update).map(([key, value]): [string, Json] => {
    const known = Object.hasOwn(before, key) ? before[key] : undefined
    return [key, isObject(known) && isObject(value) ? merged(known, value) : value]
  })
  return { ...before, ...Object.fromEntries(entries) }
}
