// Translates conversation items and responses between preview and GA spelling.
import { isObject, type Json, type JsonObject } from '../events.js'
import { toGaShape, toPreviewShape, without } from './fields.js'
import { gapNames } from './gaps.js'
import type { Shapes } from './session.js'

/** Only the parts of assistant messages are spelled differently. `response.content_part.*` has the preview names in both dialects. */
const TO_GA: Readonly<Record<string, string>> = { text: 'output_text', audio: 'output_audio' }
const TO_PREVIEW: Readonly<Record<string, string>> = { output_text: 'text', output_audio: 'audio' }

const GA_ITEM_TYPES = gapNames('ga', 'item type')
const GA_ITEM_FIELDS = gapNames('ga', 'item')
const GA_PARTS = gapNames('ga', 'content')

export function itemToGa(item: JsonObject): JsonObject {
  return item.type === 'message' && item.role === 'assistant' ? withPartNames(item, TO_GA) : item
}

/** Undefined if preview has no such item. `toClient`: the item of a server event, which preview always marks as `realtime.item`. */
export function itemToPreview(item: JsonObject, toClient: boolean): JsonObject | undefined {
  if (typeof item.type === 'string' && GA_ITEM_TYPES.has(item.type)) return undefined
  const named = item.type === 'message' && item.role === 'assistant' ? withPartNames(item, TO_PREVIEW) : item
  if (!toClient) return without(named, GA_ITEM_FIELDS)
  const content = named.content
  const parts = Array.isArray(content) ? { content: content.filter((part) => !(isObject(part) && typeof part.type === 'string' && GA_PARTS.has(part.type))) } : {}
  return { ...without(named, GA_ITEM_FIELDS), ...parts, object: 'realtime.item' }
}

/** A part in `response.content_part.*`, where some upstreams use the GA name of an item's part. */
export function partToPreview(part: JsonObject): JsonObject {
  return withName(part, TO_PREVIEW)
}

export function responseToGa(response: JsonObject, shapes: Shapes): JsonObject {
  const out = toGaShape(response, shapes.response)
  if (Array.isArray(out.output)) out.output = out.output.map((item) => (isObject(item) ? itemToGa(item) : item))
  return out
}

export function responseToPreview(response: JsonObject, shapes: Shapes): JsonObject {
  const out = toPreviewShape(response, shapes.response)
  if (Array.isArray(out.output)) out.output = itemsToPreview(out.output, true)
  return out
}

export function responseCreateToGa(response: JsonObject, shapes: Shapes, keepGa = false): JsonObject {
  const out = toGaShape(response, shapes.responseCreate, keepGa)
  if (Array.isArray(out.input)) out.input = out.input.map((item) => (isObject(item) ? itemToGa(item) : item))
  return out
}

export function responseCreateToPreview(response: JsonObject, shapes: Shapes): JsonObject {
  const out = toPreviewShape(response, shapes.responseCreate)
  if (Array.isArray(out.input)) out.input = itemsToPreview(out.input, false)
  return out
}

function itemsToPreview(items: readonly Json[], toClient: boolean): Json[] {
  return items.flatMap((item): Json[] => {
    if (!isObject(item)) return [item]
    const translated = itemToPreview(item, toClient)
    return translated ? [translated] : []
  })
}

function withPartNames(item: JsonObject, names: Readonly<Record<string, string>>): JsonObject {
  const content = item.content
  return Array.isArray(content) ? { ...item, content: content.map((part) => (isObject(part) ? withName(part, names) : part)) } : item
}

function withName(part: JsonObject, names: Readonly<Record<string, string>>): JsonObject {
  const name = typeof part.type === 'string' && Object.hasOwn(names, part.type) ? names[part.type] : undefined
  return name === undefined ? part : { ...part, type: name }
}
