// What went upstream and is not answered yet: after a loss it is sent again, so that nothing of it is missing.
import { arrayAt, isObject, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'

/** The event that answers each. Audio has no answer, and is not kept. */
const ANSWERED_BY: Readonly<Record<string, readonly string[]>> = {
  'conversation.item.create': ['conversation.item.added', 'conversation.item.created'],
  'conversation.item.delete': ['conversation.item.deleted'],
  'conversation.item.truncate': ['conversation.item.truncated'],
  'conversation.item.retrieve': ['conversation.item.retrieved'],
  'response.create': ['response.created'],
  'response.cancel': ['response.done'],
  'session.update': ['session.updated'],
  'input_audio_buffer.commit': ['input_audio_buffer.committed'],
  'input_audio_buffer.clear': ['input_audio_buffer.cleared'],
}

/** A service that answers nothing must not make the list grow: events, and characters of the items among them. */
const MAX_SENT = 128
const MAX_CHARACTERS = 512 * 1024

export function recorded(sent: readonly RealtimeEvent[], event: RealtimeEvent): readonly RealtimeEvent[] {
  // A response beside the conversation, such as the line said while a tool takes long, is not asked for again.
  const kept = Object.hasOwn(ANSWERED_BY, event.type) && objectAt(event, 'response')?.conversation !== 'none'
  return kept ? within([...sent, event].slice(-MAX_SENT)) : sent
}

/** The oldest are dropped. An item above the bound, such as a big image, is not kept at all. */
function within(sent: readonly RealtimeEvent[]): readonly RealtimeEvent[] {
  let characters = 0
  const first = sent.findLastIndex((one) => {
    characters += charactersOf(one)
    return characters > MAX_CHARACTERS
  })
  return first < 0 ? sent : sent.slice(first + 1)
}

function charactersOf(event: RealtimeEvent): number {
  const item = event.type === 'conversation.item.create' ? objectAt(event, 'item') : undefined
  if (!item) return 0
  const texts = [item, ...arrayAt(item, 'content')].flatMap((part) => (isObject(part) ? Object.values(part) : []))
  return texts.reduce((sum: number, value) => sum + (typeof value === 'string' ? value.length : 0), 0)
}

/** What this event answers is done with; the same array: it answers nothing. */
export function acknowledged(sent: readonly RealtimeEvent[], event: RealtimeEvent): readonly RealtimeEvent[] {
  if (sent.length === 0) return sent
  const place = event.type === 'error' ? placeOfRefused(sent, event) : sent.findIndex((one) => answers(event, one))
  if (place < 0) return sent
  // Events are worked on in order: a created item shows that everything before it is answered or refused.
  const isOrdered = event.type === 'conversation.item.added' || event.type === 'conversation.item.created'
  return isOrdered ? sent.filter((one, at) => at > place || (at < place && !isItemEvent(one))) : sent.toSpliced(place, 1)
}

function isItemEvent({ type }: RealtimeEvent): boolean {
  return type.startsWith('conversation.item.')
}

function placeOfRefused(sent: readonly RealtimeEvent[], event: RealtimeEvent): number {
  const cause = stringAt(objectAt(event, 'error'), 'event_id')
  return sent.findIndex((one) => stringAt(one, 'event_id') === cause)
}

function answers(event: RealtimeEvent, sent: RealtimeEvent): boolean {
  if (!ANSWERED_BY[sent.type]?.includes(event.type)) return false
  switch (sent.type) {
    case 'conversation.item.create':
      return isSame(objectAt(event, 'item'), objectAt(sent, 'item'))
    case 'response.cancel': {
      const named = stringAt(sent, 'response_id')
      return named === undefined || named === stringAt(objectAt(event, 'response'), 'id')
    }
    case 'conversation.item.delete':
    case 'conversation.item.truncate':
      return stringAt(event, 'item_id') === stringAt(sent, 'item_id')
    case 'conversation.item.retrieve':
      return stringAt(objectAt(event, 'item'), 'id') === stringAt(sent, 'item_id')
    default:
      return true
  }
}

/** Without an id of its own the item is known by what it says. */
function isSame(item: JsonObject | undefined, sent: JsonObject | undefined): boolean {
  if (!item || !sent) return false
  const id = stringAt(sent, 'id')
  if (id !== undefined) return id === stringAt(item, 'id')
  if (item.type !== sent.type) return false
  return item.type === 'message' ? item.role === sent.role && words(item) === words(sent) : item.call_id === sent.call_id
}

function words(item: JsonObject): string {
  return arrayAt(item, 'content')
    .map((part) => (isObject(part) ? (stringAt(part, 'text') ?? '') : ''))
    .join('\n')
}
