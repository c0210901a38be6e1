// Moves preview fields of GA clients to their GA places, since several SDKs mix both spellings.
import { objectAt, type RealtimeEvent } from '../events.js'
import { toGaShape } from './fields.js'
import { responseCreateToGa } from './items.js'
import { shapesOf } from './session.js'

const SHAPES = shapesOf('preview')

/** Changes a client's `session.update` and `response.create`. A field already in its GA place stays. Returns other events unchanged. Never throws. */
export function liftMixedGa(event: RealtimeEvent): RealtimeEvent {
  if (event.type === 'session.update') {
    const session = objectAt(event, 'session')
    return session ? { ...event, session: toGaShape(session, SHAPES.session, true) } : event
  }
  if (event.type === 'response.create') {
    const response = objectAt(event, 'response')
    return response ? { ...event, response: responseCreateToGa(response, SHAPES, true) } : event
  }
  return event
}
