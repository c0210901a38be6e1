// What of a server event the relay's tables do not know: its type, a field, or a value. For the drift canary, which asks a live service.
import { isObject, type Json, type JsonObject, type RealtimeEvent } from '../protocol/events.js'
import { visibleFields, visibleItemFields, visibleResponse, visibleValue } from './server-fields.js'
import { SERVER_RULES } from './server-rules.js'
import { settablePaths } from './settable.js'
import { codeLabels } from './upstream-codes.js'

/** `where`: a path such as `response.done response.status_details.reason`. */
export interface Unknown {
  readonly kind: 'event' | 'field' | 'value'
  readonly where: string
  /** Of a value: the value itself, if it is a short word. Never a text of the conversation. */
  readonly value?: string | undefined
}

/** Of a session in force, besides what a client may set. Source: GA schema, and recorded sessions. */
const SESSION_PATHS = [
  ...['type', 'object', 'id', 'model', 'instructions', 'tools', 'tool_choice', 'prompt', 'tracing', 'expires_at', 'metadata', 'temperature', 'client_secret'],
  ...['audio', 'audio.input', 'audio.output', 'safety_identifier'],
  // Voice Live's own (source: recorded sessions).
  ...['animation', 'avatar', 'input_audio_echo_cancellation', 'input_audio_sampling_rate', 'output_audio_timestamp_types', 'truncation_strategy'],
]
/** Voice Live's own again, inside what is looked into. */
const NOT_SHOWN = new Set(['turn_detection.end_of_utterance_detection', 'turn_detection.appended_text_after_truncation'])
/** Settings of which the client sees what the tables know. */
const LOOKED_INTO = new Set(['format', 'noise_reduction', 'turn_detection'])
const KNOWN_SESSION = new Set([...SESSION_PATHS, ...settablePaths()])

/** The last two are Voice Live's. */
const MODALITIES = ['text', 'audio', 'animation', 'avatar']
// The first three are GA's. An upstream of Voice Live has rates that GA lacks, under both spellings (source: its description).
const FORMATS = ['audio/pcm', 'audio/pcmu', 'audio/pcma', 'pcm16_8000hz', 'pcm16_16000hz', 'pcm16-8000hz', 'pcm16-16000hz']
const ERRORS = ['invalid_request_error', 'server_error', 'rate_limit_error', 'rate_limit_exceeded', 'authentication_error', 'transcription_error']
const EFFORTS = ['minimal', 'low', 'medium', 'high', 'xhigh']

/**
 * Values of a fixed set that the relay compares or shows, by the path they stand at; the items of a response as `item`. Names of voices and models are
 * free. Sources: GA schema, recorded sessions.
 */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  'session.type': ['realtime', 'transcription'],
  'session.object': ['realtime.session', 'realtime.transcription_session'],
  'session.output_modalities': MODALITIES,
  'session.tool_choice': ['none', 'auto', 'required'],
  'session.tool_choice.type': ['function', 'mcp'],
  'session.truncation': ['auto', 'disabled'],
  'session.truncation.type': ['retention_ratio'],
  'session.reasoning.effort': EFFORTS,
  'session.include': ['item.input_audio_transcription.logprobs'],
  'session.audio.input.format': FORMATS,
  'session.audio.input.format.type': FORMATS,
  'session.audio.input.noise_reduction.type': ['near_field', 'far_field', 'azure_deep_noise_suppression'],
  'session.audio.input.transcription.delay': EFFORTS,
  'session.audio.input.turn_detection.type': ['server_vad', 'semantic_vad', 'azure_semantic_vad', 'azure_semantic_vad_en', 'azure_semantic_vad_multilingual'],
  'session.audio.input.turn_detection.eagerness': ['low', 'medium', 'high', 'auto'],
  'session.audio.output.format': FORMATS,
  'session.audio.output.format.type': FORMATS,
  'response.object': ['realtime.response'],
  'response.status': ['in_progress', 'completed', 'cancelled', 'failed', 'incomplete'],
  'response.status_details.type': ['completed', 'cancelled', 'failed', 'incomplete'],
  'response.status_details.reason': ['turn_detected', 'client_cancelled', 'max_output_tokens', 'content_filter', 'interruption'],
  'response.status_details.error.type': ERRORS,
  'response.status_details.error.code': codeLabels(),
  'response.output_modalities': MODALITIES,
  'response.audio.output.format': FORMATS,
  'response.audio.output.format.type': FORMATS,
  'item.object': ['realtime.item'],
  'item.type': ['message', 'function_call', 'function_call_output', 'mcp_call', 'mcp_list_tools', 'mcp_approval_request', 'mcp_approval_response'],
  'item.status': ['in_progress', 'completed', 'incomplete'],
  'item.role': ['user', 'assistant', 'system'],
  'item.phase': ['commentary', 'final_answer'],
  'item.content.type': ['input_text', 'input_audio', 'input_image', 'output_text', 'output_audio', 'text', 'audio'],
  'part.type': ['text', 'audio', 'output_text', 'output_audio'],
  'usage.type': ['tokens', 'duration'],
  'rate_limits.name': ['requests', 'tokens'],
  'error.type': ERRORS,
  'error.code': codeLabels(),
}
/** Numbers of these names are booked or passed on; another one may be money that nobody counts. */
const USAGE = new Set([
  ...['type', 'seconds', 'total_tokens', 'input_tokens', 'output_tokens', 'cached_tokens', 'text_tokens', 'audio_tokens', 'image_tokens', 'reasoning_tokens'],
  ...['input_token_details', 'output_token_details', 'cached_tokens_details'],
])
const WORD = /^[a-z0-9_./-]{1,64}$/i

/** In GA spelling, as the wires read it. */
export function unknownIn(event: RealtimeEvent): readonly Unknown[] {
  if (!Object.hasOwn(SERVER_RULES, event.type)) return [{ kind: 'event', where: WORD.test(event.type) ? event.type : 'a type that is no word' }]
  const found = [...fieldsOf(event), ...valuesIn(event, '')]
  return found.map((one) => ({ ...one, where: `${event.type} ${one.where}` }))
}

function fieldsOf(event: RealtimeEvent): readonly Unknown[] {
  if (event.type === 'error') return []
  if (event.type.startsWith('session.')) return isObject(event.session) ? sessionFields(event.session, '') : []
  const response = isObject(event.response) ? lostBy(event.response, visibleResponse(event.response), 'response') : []
  const items = isObject(event.item) ? [{ item: event.item, at: 'item' }] : []
  const output = isObject(event.response) && Array.isArray(event.response.output) ? event.response.output.filter(isObject).map((item) => ({ item, at: 'response.output' })) : []
  return [
    ...lostBy(event, visibleFields(event), ''),
    ...response,
    ...[...items, ...output].flatMap(({ item, at }) => lostBy(item, visibleItemFields(item), at)),
    ...(isObject(event.response) ? usageFields(event.response.usage, 'response.usage') : []),
    ...usageFields(event.usage, 'usage'),
  ]
}

/** Fields that the tables took out, at any depth. */
function lostBy(before: Json, after: Json, at: string): readonly Unknown[] {
  if (Array.isArray(before)) return before.flatMap((one, index) => lostBy(one, Array.isArray(after) ? (after[index] ?? null) : null, at))
  if (!isObject(before) || before === after) return []
  return Object.entries(before).flatMap(([key, value]) => {
    const path = at === '' ? key : `${at}.${key}`
    // Judged by rows of their own, or below.
    if (key === 'usage' || key === 'error' || (at === '' && (key === 'item' || key === 'response'))) return []
    const kept = isObject(after) && Object.hasOwn(after, key) ? after[key] : undefined
    return kept === undefined ? [{ kind: 'field' as const, where: path }] : lostBy(value, kept, path)
  })
}

function sessionFields(session: JsonObject, at: string): readonly Unknown[] {
  return Object.entries(session).flatMap(([key, value]) => {
    const path = at === '' ? key : `${at}.${key}`
    if (!KNOWN_SESSION.has(path)) return [{ kind: 'field' as const, where: `session.${path}` }]
    if (isObject(value) && (path === 'audio' || path === 'audio.input' || path === 'audio.output')) return sessionFields(value, path)
    const lost = LOOKED_INTO.has(key) ? lostBy(value, visibleValue(value, key), `session.${path}`) : []
    return lost.filter(({ where }) => ![...NOT_SHOWN].some((known) => where.endsWith(known)))
  })
}

function usageFields(usage: Json | undefined, at: string): readonly Unknown[] {
  if (!isObject(usage)) return []
  return Object.entries(usage).flatMap(([key, value]) => (USAGE.has(key) ? usageFields(value, `${at}.${key}`) : [{ kind: 'field' as const, where: `${at}.${key}` }]))
}

function valuesIn(value: Json | undefined, at: string): readonly Unknown[] {
  if (Array.isArray(value)) return value.flatMap((one) => valuesIn(one, at))
  if (isObject(value)) return Object.entries(value).flatMap(([key, inner]) => valuesIn(inner, at === '' ? key : `${at}.${key}`))
  const path = at.replace(/^response\.output\./, 'item.')
  const known = Object.hasOwn(VALUES, path) ? VALUES[path] : undefined
  if (!known || typeof value !== 'string' || known.includes(value)) return []
  return [{ kind: 'value', where: at, value: WORD.test(value) ? value : undefined }]
}
