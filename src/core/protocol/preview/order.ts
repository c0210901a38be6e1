// Makes GA's item events of preview's: preview announces an item once, GA when it is added and again when it is done.
import { arrayAt, isObject, type Json, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../events.js'

/** Items remembered per link. The oldest is forgotten first and may then get no `conversation.item.done`. */
const MAX_ITEMS = 512

interface Known {
  /** A response is still writing the item. */
  open: boolean
  added: boolean
  done: boolean
  previous: Json
  name: string | undefined
}

export interface ItemOrder {
  /** Takes a server event with GA names, its item in GA spelling, but in preview's order. Returns the events that GA would have sent. */
  toGa(event: RealtimeEvent): readonly RealtimeEvent[]
}

/** One per link. If the upstream itself sends `conversation.item.added` or `.done`, as Voice Live may, no second one is made. */
export function createItemOrder(): ItemOrder {
  const items = new Map<string, Known>()

  const knownAs = (id: string | undefined) => (id === undefined ? undefined : items.get(id))

  /** Items without an id are not remembered. */
  function learn(item: JsonObject): Known {
    const id = stringAt(item, 'id')
    const known = knownAs(id) ?? { open: false, added: false, done: false, previous: null, name: undefined }
    if (id !== undefined) items.set(id, known)
    if (items.size > MAX_ITEMS) items.delete(items.keys().next().value as string)
    known.name = stringAt(item, 'name') ?? known.name
    return known
  }

  function created(event: RealtimeEvent, item: JsonObject): RealtimeEvent[] {
    const known = learn(item)
    const out: RealtimeEvent[] = []
    if (!known.added) out.push({ ...event, type: 'conversation.item.added' })
    known.added = true
    known.previous = Object.hasOwn(event, 'previous_item_id') ? (event.previous_item_id as Json) : known.previous
    if (isFinal(item, known) && !known.done) out.push(done(event, item, known))
    return out
  }

  /** `event` shows that the item is done. */
  function done(event: RealtimeEvent, item: JsonObject, known: Known): RealtimeEvent {
    known.done = true
    const id = stringAt(event, 'event_id')
    return { type: 'conversation.item.done', ...(id === undefined ? {} : { event_id: `${id}_done` }), previous_item_id: known.previous, item }
  }

  function missingDone(event: RealtimeEvent, item: JsonObject): RealtimeEvent[] {
    const known = knownAs(stringAt(item, 'id'))
    if (!known) return []
    known.open = false
    return known.added && !known.done ? [done(event, item, known)] : []
  }

  return {
    toGa(event) {
      const item = objectAt(event, 'item')
      switch (event.type) {
        case 'conversation.item.created':
          return item ? created(event, item) : [event]
        case 'conversation.item.added': {
          if (!item) return [event]
          const known = learn(item)
          const first = !known.added
          known.added = true
          return first ? [event] : []
        }
        case 'conversation.item.done': {
          if (!item) return [event]
          const known = learn(item)
          const first = !known.done
          known.done = true
          return first ? [event] : []
        }
        case 'response.output_item.added':
          if (item) learn(item).open = true
          return [event]
        case 'response.output_item.done':
          return item ? [...missingDone(event, item), event] : [event]
        case 'response.done': {
          const output = arrayAt(objectAt(event, 'response'), 'output').filter(isObject)
          return [...output.flatMap((one) => missingDone(event, one)), event]
        }
        case 'response.function_call_arguments.done': {
          const name = knownAs(stringAt(event, 'item_id'))?.name
          return [stringAt(event, 'name') === undefined && name !== undefined ? { ...event, name } : event]
        }
        case 'conversation.item.deleted': {
          const id = stringAt(event, 'item_id')
          if (id !== undefined) items.delete(id)
          return [event]
        }
        default:
          return [event]
      }
    },
  }
}

/** An item that a client created or spoke is complete when announced. An item of the model is complete when its response says so. */
function isFinal(item: JsonObject, known: Known): boolean {
  if (item.type === 'message' && item.role !== 'assistant') return true
  return item.status !== 'in_progress' && !known.open
}
