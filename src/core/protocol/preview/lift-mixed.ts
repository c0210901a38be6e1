// GA clients that spell some fields the preview way, as several SDKs do: their fields go where GA has them.
import { objectAt, type RealtimeEvent } from '../events.js'
import { toGaShape } from './fields.js'
import { responseCreateToGa } from './items.js'
import { shapesOf } from './session.js'

const SHAPES = shapesOf('preview')

/** For a client's `session.update` and `response.create`; a field already in its GA place wins. Other events come back as they are. Never throws. */
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
