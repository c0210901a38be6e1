// The conversation as the service knows it: its items in order, and what was said in them. Bounded in bytes; audio is kept as its transcript.
import { arrayAt, isObject, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../protocol/events.js'
import { countOf, inserted, itemAt, itemsOf, type KeptItem, type KeptItems, lastOf, placeOf, removed, replaced, splitItems } from './kept-items.js'

export interface Conversation extends KeptItems {
  /** UTF-16 code units of text in them, and `ITEM_SIZE` for each. */
  readonly size: number
  /** Items that were dropped at the bound: the conversation began before the first of those kept. */
  readonly leftOut: number
}

export const noConversation: Conversation = { older: [], recent: [], size: 0, leftOut: 0 }

/** About what an item costs in memory besides its text, in bytes. */
const ITEM_SIZE = 200
/** Text of an hour of talk at 150 words a minute, both sides, is about half of it. */
export const MAX_CONVERSATION_SIZE = 128 * 1024
const KEPT_SIZE = (MAX_CONVERSATION_SIZE * 7) / 8

/** The item before `id`; null: the first of those that are kept, or none of them. */
export function itemBefore(conversation: Conversation, id: string): string | null {
  return itemAt(conversation, placeOf(conversation, id) - 1)?.id ?? null
}

/** What this event changes in the conversation; the same object: nothing. */
export function remembered(conversation: Conversation, event: RealtimeEvent): Conversation {
  switch (event.type) {
    case 'conversation.item.added':
    case 'conversation.item.created':
      return added(conversation, event)
    case 'conversation.item.done':
    // Of a response outside the conversation this comes alone: what was never added is not kept.
    case 'response.output_item.done':
      return isHalfCall(event) ? deleted(conversation, stringAt(objectAt(event, 'item'), 'id')) : changed(conversation, itemOf(event, true))
    case 'conversation.item.input_audio_transcription.completed':
      return transcribed(conversation, stringAt(event, 'item_id'), stringAt(event, 'transcript'))
    case 'conversation.item.truncated':
      return truncated(conversation, stringAt(event, 'item_id'), event.audio_end_ms)
    case 'conversation.item.deleted':
      return deleted(conversation, stringAt(event, 'item_id'))
    default:
      return conversation
  }
}

/** Of an answer that broke off: what was said of it, and how long it was heard. Text alone has no length. */
export function heardOf(conversation: Conversation, id: string, text: string, heardMs: number | undefined): Conversation {
  const place = placeOf(conversation, id)
  const item = itemAt(conversation, place)
  if (item?.type !== 'message' || item.done) return conversation
  return put(conversation, place, itemWith(item, text, item.heardMs ?? heardMs))
}

/** After `previous_item_id` if that is known; an item that names none, or one that was dropped, comes last, as the service itself adds items. */
function added(conversation: Conversation, event: RealtimeEvent): Conversation {
  const item = itemOf(event, false)
  if (!item) return conversation
  const previous = stringAt(event, 'previous_item_id')
  // Nearly always behind the last one, so that nothing has to be looked for.
  const isLast = previous !== undefined && previous === lastOf(conversation)?.id && previous !== item.id
  if (!isLast && placeOf(conversation, item.id) >= 0) return changed(conversation, item)
  const after = isLast || previous === undefined ? -1 : placeOf(conversation, previous)
  const place = after < 0 ? countOf(conversation) : after + 1
  return within(inserted(conversation, place, item), conversation.size + sizeOf(item), conversation.leftOut)
}

function changed(conversation: Conversation, item: KeptItem | undefined): Conversation {
  const place = item ? placeOf(conversation, item.id) : -1
  const before = itemAt(conversation, place)
  if (!item || !before || (before.done && !item.done)) return conversation
  // An event that repeats an item may leave out what another has said of it: a spoken turn is added, and done, without its transcript.
  const text = item.text === '' ? before.text : item.text
  return put(conversation, place, kept(item.id, item.type, item.role, text, item.callId, item.name, item.done, before.heardMs))
}

function transcribed(conversation: Conversation, itemId: string | undefined, text: string | undefined): Conversation {
  const place = itemId === undefined ? -1 : placeOf(conversation, itemId)
  const item = itemAt(conversation, place)
  return item && text !== undefined ? put(conversation, place, itemWith(item, text, item.heardMs)) : conversation
}

function truncated(conversation: Conversation, itemId: string | undefined, audioEndMs: unknown): Conversation {
  const place = itemId === undefined ? -1 : placeOf(conversation, itemId)
  const item = itemAt(conversation, place)
  return item && typeof audioEndMs === 'number' ? put(conversation, place, itemWith(item, item.text, Math.max(0, audioEndMs))) : conversation
}

function deleted(conversation: Conversation, itemId: string | undefined): Conversation {
  const place = itemId === undefined ? -1 : placeOf(conversation, itemId)
  const item = itemAt(conversation, place)
  return item ? conversationWith(removed(conversation, place), conversation.size - sizeOf(item), conversation.leftOut) : conversation
}

function put(conversation: Conversation, place: number, item: KeptItem): Conversation {
  const before = itemAt(conversation, place) as KeptItem
  if (same(before, item)) return conversation
  return within(replaced(conversation, place, item), conversation.size - sizeOf(before) + sizeOf(item), conversation.leftOut)
}

function same(a: KeptItem, b: KeptItem): boolean {
  return a.text === b.text && a.done === b.done && a.heardMs === b.heardMs
}

function sizeOf({ text }: KeptItem): number {
  return text.length + ITEM_SIZE
}

/**
 * Drops the oldest, a call with its result, but never the last turn of the user. A call without a result is dropped only if nothing else is left
 * to drop: nobody answers that many. An eighth at a time, so that a long session does not pay for it with every item.
 */
function within(kept: KeptItems, wholeSize: number, leftOut: number): Conversation {
  if (wholeSize <= MAX_CONVERSATION_SIZE) return conversationWith(kept, wholeSize, leftOut)
  const items = itemsOf(kept)
  const answered = new Set<string | undefined>()
  for (const { type, callId } of items) if (type === 'function_call_output') answered.add(callId)
  const callIds = items.map((item) => (item.type === 'message' ? null : item.callId))
  const lastTurn = items.findLastIndex((item) => item.role === 'user')
  const dropped = new Array<boolean>(items.length).fill(false)
  let size = wholeSize
  let count = 0
  const drop = (place: number) => {
    dropped[place] = true
    size -= sizeOf(items[place] as KeptItem)
    count++
  }
  for (const isLast of [false, true]) {
    for (let place = 0; place < items.length && size > KEPT_SIZE; place++) {
      const { type, callId } = items[place] as KeptItem
      if (dropped[place] || place === lastTurn || (!isLast && type === 'function_call' && !answered.has(callId))) continue
      drop(place)
      // What belongs to it comes behind it, or would have been dropped with it.
      if (type !== 'message') for (let at = callIds.indexOf(callId, place + 1); at >= 0; at = callIds.indexOf(callId, at + 1)) drop(at)
    }
  }
  return conversationWith(splitItems(items.filter((_, place) => !dropped[place])), size, leftOut + count)
}

function conversationWith({ older, recent }: KeptItems, size: number, leftOut: number): Conversation {
  return { older, recent, size, leftOut }
}

/** Nobody can answer it, and a new leg must not be told of it as if it were whole. */
function isHalfCall(event: RealtimeEvent): boolean {
  const item = objectAt(event, 'item')
  return item?.type === 'function_call' && item.status === 'incomplete'
}

/** Of an event that carries a whole item. Kinds of item that the relay never has (MCP) are not kept. */
function itemOf({ item }: RealtimeEvent, complete: boolean): KeptItem | undefined {
  if (!isObject(item)) return undefined
  const id = stringAt(item, 'id')
  if (id === undefined) return undefined
  const done = complete || stringAt(item, 'status') === 'completed'
  switch (item.type) {
    case 'message': {
      const role = stringAt(item, 'role')
      if (role !== 'user' && role !== 'assistant' && role !== 'system') return undefined
      return kept(id, 'message', role, textOf(item), undefined, undefined, done)
    }
    case 'function_call':
      return kept(id, 'function_call', undefined, stringAt(item, 'arguments') ?? '', stringAt(item, 'call_id'), stringAt(item, 'name'), done)
    case 'function_call_output':
      return kept(id, 'function_call_output', undefined, stringAt(item, 'output') ?? '', stringAt(item, 'call_id'), undefined, true)
    default:
      return undefined
  }
}

/** All items have the same fields in the same order, which V8 makes and reads fastest. */
function kept(
  id: string,
  type: KeptItem['type'],
  role: KeptItem['role'],
  text: string,
  callId: string | undefined,
  name: string | undefined,
  done: boolean,
  heardMs: number | undefined = undefined,
): KeptItem {
  return { id, type, role, text, callId, name, heardMs, done }
}

function itemWith(item: KeptItem, text: string, heardMs: number | undefined): KeptItem {
  return kept(item.id, item.type, item.role, text, item.callId, item.name, item.done, heardMs)
}

function textOf(item: JsonObject): string {
  const texts = arrayAt(item, 'content').map((part) => (isObject(part) ? (stringAt(part, 'text') ?? stringAt(part, 'transcript') ?? '') : ''))
  return texts.length === 1 ? (texts[0] ?? '') : texts.filter((text) => text !== '').join('\n')
}
