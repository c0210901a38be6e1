// Which fields of a server event, item or response a client may see; anything else is taken out, so that a new upstream field is no hole.
import { arrayAt, isObject, type Json, type JsonObject, objectAt, type RealtimeEvent } from '../protocol/events.js'
import type { FrameShape } from '../protocol/frame-shape.js'
import { shapeOf } from '../protocol/wires.js'
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
    'output_audio_buffer.started': ['response_id'],
    'output_audio_buffer.stopped': ['response_id'],
    'output_audio_buffer.cleared': ['response_id'],
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

/** Fields of the objects further inside, by the key they stand at. An object at any other key is shown empty. */
const INNER: Readonly<Record<string, ReadonlySet<string>>> = {
  part: PART_FIELDS,
  content: PART_FIELDS,
  conversation: new Set(['id', 'object']),
  status_details: new Set(['type', 'reason', 'error']),
  audio: new Set(['output']),
  output: new Set(['format', 'voice', 'speed']),
  format: new Set(['type', 'rate']),
  voice: new Set(['id', 'name', 'type']),
  noise_reduction: new Set(['type']),
  turn_detection: new Set([
    ...['type', 'threshold', 'prefix_padding_ms', 'silence_duration_ms', 'idle_timeout_ms', 'eagerness', 'create_response', 'interrupt_response'],
    // Voice Live's own (source: recordings).
    ...['speech_duration_ms', 'auto_truncate'],
  ]),
  logprobs: new Set(['token', 'bytes', 'logprob']),
  languages: new Set(['code']),
  rate_limits: new Set(['name', 'limit', 'remaining', 'reset_seconds']),
}
/** Judged by a row of their own, or the client's own words. */
const ELSEWHERE = new Set(['item', 'response', 'error', 'metadata'])

/** What one event of a shape has shown of all. */
const shownWhole = new WeakMap<FrameShape, boolean>()

/** Whether a client may see every field of the event, of its item or response, and of the items in that. Whose items those are is another question. */
export function isShownWhole(event: RealtimeEvent): boolean {
  const shape = shapeOf(event)
  const known = shape && shownWhole.get(shape)
  if (known !== undefined) return known
  const isWhole = hasNothingElse(event)
  if (shape) shownWhole.set(shape, isWhole)
  return isWhole
}

function hasNothingElse(event: RealtimeEvent): boolean {
  const item = objectAt(event, 'item')
  const response = objectAt(event, 'response')
  const isWholeItem = (one: Json) => !isObject(one) || visibleItemFields(one) === one
  if (visibleFields(event) !== event || (item && !isWholeItem(item))) return false
  return !response || (visibleResponse(response) === response && arrayAt(response, 'output').every(isWholeItem))
}

/** The event with only fields a client may see; the same object if nothing had to go. Types without a row keep their fixed fields alone. */
export function visibleFields(event: RealtimeEvent): RealtimeEvent {
  const fields = Object.hasOwn(FIELDS, event.type) ? FIELDS[event.type] : undefined
  return visible(event, fields ?? NO_ROW)
}

/** Without a look at the items of `output`. The same object if nothing had to go. */
export function visibleResponse(response: JsonObject): JsonObject {
  return visible(response, RESPONSE, 'output')
}

/** The same object if nothing had to go. */
export function visibleItemFields(item: JsonObject): JsonObject {
  return visible(item, ITEM)
}

/** Only `allowed` fields, and of what they hold only known ones. Nearly every object has nothing else, so it is looked through before any is built. */
function visible<T extends JsonObject>(object: T, allowed: ReadonlySet<string>, asItIs?: string): T {
  const isElsewhere = (key: string) => key === asItIs || ELSEWHERE.has(key)
  for (const key in object) {
    const value = object[key] as Json
    if (allowed.has(key) && (typeof value !== 'object' || value === null || isElsewhere(key) || visibleValue(value, key) === value)) continue
    return mapFields(onlyFields(object, allowed), (inner, name) => (isElsewhere(name) ? inner : visibleValue(inner, name)))
  }
  return object
}

/** What stands at `key`, with only fields known there; the same value if nothing had to go. */
export function visibleValue(value: Json, key: string): Json {
  if (typeof value !== 'object' || value === null) return value
  if (key === 'usage') return counts(value)
  if (Array.isArray(value)) return value.every((entry) => visibleValue(entry, key) === entry) ? value : value.map((entry) => visibleValue(entry, key))
  return visible(value, Object.hasOwn(INNER, key) ? (INNER[key] ?? NOTHING) : NOTHING)
}

const NOTHING: ReadonlySet<string> = new Set()
const NO_ROW: ReadonlySet<string> = new Set(ALWAYS)

/** Numbers under any name, since models keep adding kinds of tokens; a number cannot quote anything. */
function counts(usage: JsonObject | Json[]): JsonObject {
  if (Array.isArray(usage)) return {}
  return mapFields(onlyCounts(usage), (value) => (isObject(value) ? counts(value) : value))
}

/** The same object if nothing else is there. */
function onlyCounts(usage: JsonObject): JsonObject {
  for (const key of Object.keys(usage)) if (!isCount(key, usage[key] as Json)) return Object.fromEntries(Object.entries(usage).filter(([name, value]) => isCount(name, value)))
  return usage
}

function isCount(key: string, value: Json): boolean {
  return value === null || typeof value === 'number' || (key === 'type' && typeof value === 'string') || isObject(value)
}

/** The same object if no field changed. A field named `__proto__` stays an ordinary one. */
function mapFields<T extends JsonObject>(object: T, change: (value: Json, key: string) => Json): T {
  let changed: T | undefined
  for (const key of Object.keys(object)) {
    const value = object[key] as Json
    const after = change(value, key)
    if (after === value) continue
    changed ??= { ...object }
    Object.defineProperty(changed, key, { value: after, enumerable: true, writable: true, configurable: true })
  }
  return changed ?? object
}
