// Azure's preview door: the older spelling, `temperature`, and a refusal of every field that only GA has.
import { dialectFor } from '../core/protocol/dialects.js'
import { arrayAt, isObject, type Json, type JsonObject, objectAt, type RealtimeEvent } from '../core/protocol/events.js'
import type { Door } from './door.js'
import { check, decimal, type Problem, problem } from './validate.js'

const TYPES = [
  ...['session.update', 'transcription_session.update', 'input_audio_buffer.append', 'input_audio_buffer.commit', 'input_audio_buffer.clear'],
  ...['conversation.item.create', 'conversation.item.truncate', 'conversation.item.delete', 'conversation.item.retrieve', 'response.create', 'response.cancel'],
]
const SESSION_FIELDS = new Set([
  ...['model', 'modalities', 'instructions', 'voice', 'speed', 'input_audio_format', 'output_audio_format', 'input_audio_transcription', 'input_audio_noise_reduction'],
  ...['turn_detection', 'tools', 'tool_choice', 'temperature', 'max_response_output_tokens', 'tracing', 'prompt', 'include', 'client_secret'],
])
const RESPONSE_FIELDS = new Set([
  ...['modalities', 'instructions', 'voice', 'output_audio_format', 'tools', 'tool_choice', 'temperature', 'max_output_tokens', 'max_response_output_tokens'],
  ...['conversation', 'metadata', 'input', 'prompt', 'commit', 'cancel_previous', 'append_input_items', 'input_items'],
])
const TEMPERATURE = decimal(0.6, 1.2)
const DEFAULT_TEMPERATURE = 0.8

export function createPreviewDoor(): Door {
  const dialect = dialectFor('preview')
  let temperature: Json = DEFAULT_TEMPERATURE
  /** Of an update that is not in force yet. */
  let wanted: Json | undefined
  /** Of the response that is asked for, and of those that run. */
  let asked: Json | undefined
  const ofResponse = new Map<string, Json>()

  const withTemperature = (event: RealtimeEvent): RealtimeEvent => {
    const { session, response } = event
    if (isObject(session)) return { ...event, session: { ...session, temperature, client_secret: null } }
    if (!isObject(response)) return event
    const id = String(response.id)
    if (event.type === 'response.created') {
      ofResponse.set(id, asked ?? temperature)
      asked = undefined
    }
    const changed = { ...event, response: { ...response, temperature: ofResponse.get(id) ?? temperature } }
    if (event.type === 'response.done') ofResponse.delete(id)
    return changed
  }

  return {
    supported: TYPES,
    read(event) {
      const found = gaOnly(event) ?? wrongTemperature(event)
      if (found) return { problem: found }
      if (event.type === 'session.update') wanted = objectAt(event, 'session')?.temperature
      if (event.type === 'response.create') asked = objectAt(event, 'response')?.temperature
      return dialect.toGa(event)
    },
    write(event) {
      if (event.type === 'session.updated') temperature = wanted ?? temperature
      if (event.type === 'session.updated' || event.type === 'error') wanted = undefined
      if (event.type === 'error') asked = undefined
      return dialect.fromGa(event).map(withTemperature)
    },
  }
}

/** The first field or part that preview does not know, in the order in which the client wrote them. */
function gaOnly(event: RealtimeEvent): Problem | undefined {
  if (event.type === 'session.update') return unknownField(objectAt(event, 'session'), SESSION_FIELDS, 'session')
  if (event.type === 'response.create') return unknownField(objectAt(event, 'response'), RESPONSE_FIELDS, 'response')
  const item = event.type === 'conversation.item.create' ? objectAt(event, 'item') : undefined
  if (item?.type !== 'message' || item.role !== 'assistant') return undefined
  const index = arrayAt(item, 'content').findIndex((part) => isObject(part) && part.type !== 'text')
  const part = arrayAt(item, 'content')[index]
  return isObject(part) ? check(part.type, { is: 'enum', values: ['text'] }, `item.content[${index}].type`) : undefined
}

function unknownField(object: JsonObject | undefined, known: ReadonlySet<string>, path: string): Problem | undefined {
  const unknown = Object.keys(object ?? {})
    .find((key) => !known.has(key))
    ?.slice(0, 100)
  return unknown === undefined ? undefined : problem('unknown_parameter', `${path}.${unknown}`, `Unknown parameter: '${path}.${unknown}'.`)
}

function wrongTemperature(event: RealtimeEvent): Problem | undefined {
  for (const key of ['session', 'response'] as const) {
    const object = objectAt(event, key)
    if (object && Object.hasOwn(object, 'temperature') && object.temperature !== null) return check(object.temperature, TEMPERATURE, `${key}.temperature`)
  }
  return undefined
}
