// Which fields of a server event, item or response a client may see; anything else is taken out, so that a new upstream field is no hole.
import { isObject, type Json, type JsonObject, type RealtimeEvent } from '../protocol/events.js'
import { onlyFields } from './policy.js'

const ALWAYS = ['type', 'event_id']
const PART = ['response_id', 'item_id', 'output_index', 'content_index']

/** Sources: GA schema, and recorded sessions for `obfuscation`, `content` and `phase`, which the schema lacks. */
const FIELDS: Readonly<Record<string, ReadonlySet<string>>> = Object.fromEntries(
  Object.entries({
    'conversation.created': ['conversation'],
    'conversation.item.created': ['previous_item_id', 'item'],
    'conversation.item.added': ['previous_item_id', 'item'],
    'conversation.item.done': ['previous_item_id', 'item'],
    'conversation.item.retrieved': ['item'],
    'conversation.item.deleted': ['item_id'],
    'conversation.item.truncated': ['item_id', 'content_index', 'audio_end_ms'],
    'conversation.item.input_audio_transcription.delta': ['item_id', 'content_index', 'delta', 'logprobs', 'obfuscation'],
    'conversation.item.input_audio_transcription.completed': ['item_id', 'content_index', 'transcript', 'logprobs', 'usage', 'languages'],
    'conversation.item.input_audio_transcription.failed': ['item_id', 'content_index', 'error'],
    'conversation.item.input_audio_transcription.segment': ['item_id', 'content_index', 'id', 'text', 'speaker', 'start', 'end'],
    'input_audio_buffer.committed': ['previous_item_id', 'item_id'],
    'input_audio_buffer.cleared': [],
    'input_audio_buffer.speech_started': ['audio_start_ms', 'item_id'],
    'input_audio_buffer.speech_stopped': ['audio_end_ms', 'item_id'],
    'input_audio_buffer.timeout_triggered': ['audio_start_ms', 'audio_end_ms', 'item_id'],
    'rate_limits.updated': ['rate_limits'],
    'response.created': ['response'],
    'response.done': ['response'],
    'response.output_item.added': ['response_id', 'output_index', 'item'],
    'response.output_item.done': ['response_id', 'output_index', 'item'],
    'response.content_part.added': [...PART, 'part', 'content'],
    'response.content_part.done': [...PART, 'part', 'content'],
    'response.output_text.delta': [...PART, 'delta', 'obfuscation', 'logprobs'],
    'response.output_text.done': [...PART, 'text', 'logprobs'],
    'response.output_audio.delta': [...PART, 'delta', 'obfuscation'],
    'response.output_audio.done': PART,
    'response.output_audio_transcript.delta': [...PART, 'delta', 'obfuscation'],
    'response.output_audio_transcript.done': [...PART, 'transcript'],
    'response.function_call_arguments.delta': [...PART, 'call_id', 'delta', 'obfuscation'],
    'response.function_call_arguments.done': [...PART, 'call_id', 'name', 'arguments'],
  }).map(([type, fields]) => [type, new Set([...ALWAYS, ...fields])]),
)

const RESPONSE = new Set([
  ...['object', 'id', 'status', 'status_details', 'output', 'conversation_id', 'output_modalities', 'max_output_tokens', 'audio', 'usage', 'metadata'],
  // Spellings of the preview dialect that a GA translation may leave in place.
  ...['modalities', 'voice', 'output_audio_format', 'temperature'],
])
const ITEM = new Set(['id', 'object', 'type', 'status', 'role', 'content', 'phase', 'name', 'call_id', 'arguments', 'output'])
const PART_FIELDS = new Set(['type', 'text', 'transcript', 'audio', 'format', 'image_url', 'detail'])

/** The event with only fields a client may see; the same object where nothing had to go. Types without a row keep their fixed fields alone. */
export function visibleFields(event: RealtimeEvent): RealtimeEvent {
  const fields = Object.hasOwn(FIELDS, event.type) ? FIELDS[event.type] : undefined
  return onlyFields(event, fields ?? new Set(ALWAYS)) as RealtimeEvent
}

export function visibleResponse(response: JsonObject): JsonObject {
  return onlyFields(response, RESPONSE)
}

/** The same object where nothing had to go. */
export function visibleItemFields(item: JsonObject): JsonObject {
  const kept = onlyFields(item, ITEM)
  const content = kept.content
  if (!Array.isArray(content)) return kept
  const parts = content.map((part): Json => (isObject(part) ? onlyFields(part, PART_FIELDS) : part))
  return parts.every((part, index) => part === content[index]) ? kept : { ...kept, content: parts }
}
