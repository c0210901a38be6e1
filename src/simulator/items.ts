// Makes stored items of client items, and shows stored items as `conversation.item.retrieved` does.
import { isObject, type JsonObject } from '../core/protocol/events.js'
import { type Conversation, contentOf, type Item, type StoredItem } from './conversation.js'
import { duplicateItem } from './error-events.js'
import type { Chance } from './ids.js'
import { BYTES_PER_MS } from './input-audio.js'
import { type Problem, problem } from './validate.js'

export type MadeItem = { readonly ok: true; readonly stored: StoredItem; readonly audio?: Buffer } | { readonly ok: false; readonly problem: Problem }

/** `conversation`: its ids must not repeat and its calls must exist. Undefined for the input of one response. */
export function storedItem(wanted: JsonObject, conversation: Conversation | undefined, newId: Chance['newId']): MadeItem {
  const id = typeof wanted.id === 'string' && wanted.id !== '' ? wanted.id : newId('item')
  if (conversation?.find(id)) return { ok: false, problem: duplicateItem(id) }
  const { id: _id, type, object: _object, status: _status, role, content, ...rest } = wanted
  if (type === 'function_call_output') {
    const known = conversation === undefined || conversation.items.some((stored) => stored.item.type === 'function_call' && stored.item.call_id === wanted.call_id)
    if (!known) return refuse('invalid_tool_call_id', 'item.call_id', `Tool call ID '${String(wanted.call_id)}' not found in conversation.`)
    return { ok: true, stored: { item: { id, type, call_id: wanted.call_id ?? null, output: wanted.output ?? '' } } }
  }
  if (type !== 'message') return { ok: true, stored: { item: { id, type: String(type), status: 'completed', ...rest } } }
  const given = (Array.isArray(content) ? content : []).filter(isObject)
  const audio = Buffer.concat(given.map((part) => (typeof part.audio === 'string' ? Buffer.from(part.audio, 'base64') : Buffer.alloc(0))))
  const item: Item = { id, type, status: 'completed', role: role ?? 'user', content: given.map(shownPart) }
  if (audio.length === 0) return { ok: true, stored: { item } }
  return { ok: true, stored: { item, audioMs: audio.length / BYTES_PER_MS }, audio }
}

/** `added` and `done` never contain the audio. */
function shownPart(part: JsonObject): JsonObject {
  const { audio: _audio, ...rest } = part
  return part.type === 'input_audio' || part.type === 'output_audio' ? { ...rest, transcript: part.transcript ?? null } : rest
}

/** The item with its audio, if that is still kept. */
export function shownItem(stored: StoredItem): Item {
  const { audio } = stored
  if (!audio) return stored.item
  const content = contentOf(stored.item).map((part) =>
    part.type === 'output_audio' || part.type === 'input_audio' ? { ...part, audio: audio.toString('base64'), format: 'pcm16' } : part,
  )
  return { ...stored.item, object: 'realtime.item', content }
}

function refuse(code: string, param: string, message: string): MadeItem {
  return { ok: false, problem: problem(code, param, message) }
}
