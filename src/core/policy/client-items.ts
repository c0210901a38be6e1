// Rebuilds a conversation item that a client wants to add: user messages, and results of calls that are the client's to answer.
import { arrayAt, isObject, type Json, type JsonObject, stringAt } from '../protocol/events.js'
import type { Rejection, SessionView } from './policy.js'

type Rebuilt = { readonly ok: true; readonly item: JsonObject } | { readonly ok: false; readonly error: Rejection }

const MAX_PARTS = 64
const ITEM_ID = /^[\x21-\x7e]{1,128}$/
const IMAGE_DATA = /^data:image\/(png|jpeg);base64,[A-Za-z0-9+/]+={0,2}$/
/** Both alphabets. */
export const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/
const IMAGE_DETAIL: readonly Json[] = ['auto', 'low', 'high']

export function rebuildClientItem(item: JsonObject, view: SessionView): Rebuilt {
  const id = item.id
  if (id !== undefined && id !== null && (typeof id !== 'string' || !ITEM_ID.test(id))) return bad('item.id', "'item.id' must be 1 to 128 printable characters.")
  if (typeof id === 'string' && (view.isHiddenItem(id) || id.startsWith(view.relayIdPrefix))) return bad('item.id', "This 'item.id' is taken.")
  const kept: JsonObject = typeof id === 'string' ? { id } : {}
  switch (item.type) {
    case 'message':
      return message(item, kept, view)
    case 'function_call_output':
      return callOutput(item, kept, view)
    default:
      return refused('item.type', 'Items of this type cannot be created by a client.')
  }
}

function message(item: JsonObject, kept: JsonObject, view: SessionView): Rebuilt {
  const role = item.role
  const mayBeAssistant = role === 'assistant' && view.profile.clientMaySeedHistory
  if (role !== 'user' && !mayBeAssistant) return refused('item.role', 'A client cannot create messages with this role.')
  if (!Array.isArray(item.content)) return bad('item.content', "'item.content' must be an array.")
  const parts = arrayAt(item, 'content')
  if (parts.length > MAX_PARTS) return bad('item.content', `'item.content' may have at most ${MAX_PARTS} parts.`)
  const content: Json[] = []
  for (const [index, part] of parts.entries()) {
    const rebuilt = isObject(part) ? (role === 'user' ? userPart(part) : assistantPart(part)) : undefined
    if (!rebuilt) return bad(`item.content[${index}]`, 'This content part is not allowed or is malformed.')
    content.push(rebuilt)
  }
  return { ok: true, item: { ...kept, type: 'message', role: role as string, content } }
}

/** Transcripts are dropped: a client could put a false record beside its audio. Images must be inline; a URL would make the service fetch it. */
function userPart(part: JsonObject): JsonObject | undefined {
  const { type, text, audio, image_url: image, detail } = part
  if (type === 'input_text' && typeof text === 'string') return { type, text }
  if (type === 'input_audio' && typeof audio === 'string' && BASE64.test(audio)) return { type, audio }
  if (type === 'input_image' && typeof image === 'string' && IMAGE_DATA.test(image)) {
    return { type, image_url: image, ...(typeof detail === 'string' && IMAGE_DETAIL.includes(detail) ? { detail } : {}) }
  }
  return undefined
}

function assistantPart(part: JsonObject): JsonObject | undefined {
  const text = stringAt(part, 'text')
  return (part.type === 'output_text' || part.type === 'text') && text !== undefined ? { type: 'output_text', text } : undefined
}

function callOutput(item: JsonObject, kept: JsonObject, view: SessionView): Rebuilt {
  const callId = stringAt(item, 'call_id')
  const output = stringAt(item, 'output')
  if (callId === undefined || !view.isOpenClientCall(callId)) return refused('item.call_id', 'There is no open call with this id.')
  if (output === undefined) return bad('item.output', "'item.output' must be a string.")
  return { ok: true, item: { ...kept, type: 'function_call_output', call_id: callId, output } }
}

function bad(param: string, message: string): Rebuilt {
  return { ok: false, error: { code: 'bad_event', param, message } }
}

function refused(param: string, message: string): Rebuilt {
  return { ok: false, error: { code: 'event_not_allowed', param, message } }
}
