// What went upstream and is not answered yet: after a loss it is sent again, so that nothing of it is missing.
import { arrayAt, isObject, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'

const CREATE = 'conversation.item.create'
/** The event that answers each. Audio has no answer, and is not kept. */
const ANSWERED_BY: Readonly<Record<string, readonly string[]>> = {
  [CREATE]: ['conversation.item.added', 'conversation.item.created'],
  'conversation.item.delete': ['conversation.item.deleted'],
  'conversation.item.truncate': ['conversation.item.truncated'],
  'conversation.item.retrieve': ['conversation.item.retrieved'],
  'response.create': ['response.created'],
  'response.cancel': ['response.done'],
  'session.update': ['session.updated'],
  'input_audio_buffer.commit': ['input_audio_buffer.committed'],
  'input_audio_buffer.clear': ['input_audio_buffer.cleared'],
}

const ANSWERS: ReadonlySet<string> = new Set(['error', ...Object.values(ANSWERED_BY).flat()])

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
  const item = event.type === CREATE ? objectAt(event, 'item') : undefined
  if (!item) return 0
  let characters = textsOf(item)
  for (const part of arrayAt(item, 'content')) if (isObject(part)) characters += textsOf(part)
  return characters
}

function textsOf(part: JsonObject): number {
  let characters = 0
  for (const key in part) {
    const value = part[key]
    if (typeof value === 'string') characters += value.length
  }
  return characters
}

/** What this event answers is done with; the same array: it answers nothing. */
export function acknowledged(sent: readonly RealtimeEvent[], event: RealtimeEvent): readonly RealtimeEvent[] {
  if (sent.length === 0 || !ANSWERS.has(event.type)) return sent
  // Events are worked on in order: a created item shows that everything before it is answered or refused.
  const isOrdered = ANSWERED_BY[CREATE]?.includes(event.type)
  const place = isOrdered ? placeOfCreated(sent, event) : event.type === 'error' ? placeOfRefused(sent, event) : sent.findIndex((one) => answers(event, one))
  if (place < 0) return sent
  return isOrdered ? sent.filter((one, at) => at > place || (at < place && !isItemEvent(one))) : sent.toSpliced(place, 1)
}

function isItemEvent({ type }: RealtimeEvent): boolean {
  return type.startsWith('conversation.item.')
}

function placeOfCreated(sent: readonly RealtimeEvent[], event: RealtimeEvent): number {
  const item = objectAt(event, 'item')
  return sent.findIndex((one) => one.type === CREATE && isSame(item, objectAt(one, 'item')))
}

function placeOfRefused(sent: readonly RealtimeEvent[], event: RealtimeEvent): number {
  const cause = stringAt(objectAt(event, 'error'), 'event_id')
  return sent.findIndex((one) => stringAt(one, 'event_id') === cause)
}

function answers(event: RealtimeEvent, sent: RealtimeEvent): boolean {
  if (!ANSWERED_BY[sent.type]?.includes(event.type)) return false
  switch (sent.type) {
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
  if (!item || !sent || item.type !== sent.type) return false
  const id = stringAt(sent, 'id')
  if (id !== undefined) return id === stringAt(item, 'id')
  return item.type === 'message' ? item.role === sent.role && words(item) === words(sent) : item.call_id === sent.call_id
}

function words(item: JsonObject): string {
  return arrayAt(item, 'content')
    .map((part) => (isObject(part) ? (stringAt(part, 'text') ?? '') : ''))
    .join('\n')
}
