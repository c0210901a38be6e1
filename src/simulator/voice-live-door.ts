// Azure Voice Live's door: names of preview, fields of its own, and sound at other rates.
import { dialectFor } from '../core/protocol/dialects.js'
import { arrayAt, isObject, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../core/protocol/events.js'
import type { Door } from './door.js'
import { RATE, resample } from './resample.js'
import type { SessionConfig } from './session-config.js'
import { check, problem } from './validate.js'
import { gaFormat, gaUpdate, mergedOwn, type OwnSettings, ratesOf, shownSession, shownVoice, VOICE_LIVE_SESSION } from './voice-live-session.js'

const TYPES = [
  ...['session.update', 'session.avatar.connect', 'input_audio_buffer.append', 'input_audio_buffer.commit', 'input_audio_buffer.clear'],
  ...['conversation.item.create', 'conversation.item.truncate', 'conversation.item.delete', 'conversation.item.retrieve', 'response.create', 'response.cancel'],
]
/** Fields of `response.create` that the session behind the door does not know. */
const OWN_OF_RESPONSE = new Set([
  'voice',
  'temperature',
  'output_audio_format',
  'commit',
  'cancel_previous',
  'append_input_items',
  'reasoning_effort',
  'pre_generated_assistant_message',
])

export function createVoiceLiveDoor(): Door {
  const dialect = dialectFor('voice-live')
  let own: OwnSettings = {}
  /** With the update that is not in force yet. */
  let next: OwnSettings | undefined
  let config: SessionConfig | undefined
  let asked: JsonObject | undefined
  const ofResponse = new Map<string, JsonObject>()

  const readUpdate = (event: RealtimeEvent) => {
    const { session, ...rest } = event
    const problem = check(session, VOICE_LIVE_SESSION, 'session')
    if (problem) return { problem }
    const update = session as JsonObject
    next = mergedOwn(own, update)
    return [{ ...rest, type: event.type, session: gaUpdate(update) }]
  }

  const readResponse = (event: RealtimeEvent) => {
    const wanted = objectAt(event, 'response')
    asked = wanted
    if (!wanted) return dialect.toGa(event)
    const known = Object.fromEntries(Object.entries(wanted).filter(([key, value]) => !OWN_OF_RESPONSE.has(key) && value !== null))
    const format = wanted.output_audio_format === undefined ? {} : { audio: { output: { format: gaFormat(wanted.output_audio_format) } } }
    return dialect.toGa({ ...event, response: { ...known, ...format } })
  }

  const writeResponse = (response: JsonObject, type: string): JsonObject => {
    const id = String(response.id)
    if (type === 'response.created') {
      ofResponse.set(id, asked ?? {})
      asked = undefined
    }
    const set = ofResponse.get(id) ?? {}
    if (type === 'response.done') ofResponse.delete(id)
    const { object, status, status_details, output, usage, conversation_id, max_output_tokens, metadata } = response
    return {
      object: object ?? 'realtime.response',
      id,
      ...{ status: status ?? null, status_details: status_details ?? null },
      output: arrayAt({ output: output ?? [] }, 'output').map((item) => (isObject(item) ? shownItem(item) : item)),
      usage: isObject(usage) ? shownUsage(usage) : null,
      conversation_id: conversation_id ?? null,
      modalities: set.modalities ?? own.modalities ?? ['audio'],
      voice: set.voice ? (mergedOwn({}, { voice: set.voice }).voice ?? null) : config ? shownVoice(config, own) : null,
      output_audio_format: set.output_audio_format ?? own.output_audio_format ?? 'pcm16',
      temperature: set.temperature ?? own.temperature ?? null,
      max_output_tokens: max_output_tokens ?? null,
      metadata: metadata ?? null,
    }
  }

  const write = (event: RealtimeEvent): RealtimeEvent => {
    const { type, event_id, ...rest } = event
    const out: RealtimeEvent = { event_id: event_id ?? null, type, ...rest }
    if (isObject(out.item)) out.item = shownItem(out.item)
    if (isObject(out.response)) out.response = writeResponse(out.response, type)
    if (isObject(out.session) && config) out.session = shownSession(config, own)
    if (type === 'response.content_part.added' || type === 'response.content_part.done') delete out.content
    // As recorded: the written text is not repeated here.
    if (type === 'response.content_part.done' && isObject(out.part) && out.part.type === 'text') out.part = { ...out.part, text: '' }
    if (type === 'response.audio.delta' && typeof out.delta === 'string' && ratesOf(own).output !== RATE)
      out.delta = resample(Buffer.from(out.delta, 'base64'), RATE, ratesOf(own).output).toString('base64')
    return out
  }

  return {
    supported: TYPES,
    read(event) {
      if (event.type === 'session.update') return readUpdate(event)
      if (event.type === 'response.create') return readResponse(event)
      if (event.type === 'session.avatar.connect') return { problem: problem('avatar_not_configured', null, 'The session has no avatar.') }
      if (event.type === 'input_audio_buffer.append' && typeof event.audio === 'string' && ratesOf(own).input !== RATE && (own.input_audio_format ?? 'pcm16') === 'pcm16')
        return [{ ...event, audio: resample(Buffer.from(event.audio, 'base64'), ratesOf(own).input, RATE).toString('base64') }]
      return dialect.toGa(event)
    },
    write(event) {
      if (event.type === 'session.updated') own = next ?? own
      if (event.type === 'session.updated' || event.type === 'error') next = undefined
      if (event.type === 'error') asked = undefined
      if (isObject(event.session)) config = event.session as unknown as SessionConfig
      if (event.type === 'conversation.item.done' && !isSpoken(event)) return []
      return dialect.fromGa(event).map(write)
    },
  }
}

/** No recorded item of the model or typed by the client had a `done`; items of spoken turns have one, as reported. */
function isSpoken(event: RealtimeEvent): boolean {
  const item = objectAt(event, 'item')
  return item?.role === 'user' && arrayAt(item, 'content').some((part) => isObject(part) && stringAt(part, 'type') === 'input_audio')
}

function shownItem({ id, object: _object, ...rest }: JsonObject): JsonObject {
  return { id: id ?? null, object: 'realtime.item', ...rest }
}

function shownUsage({ input_token_details, output_token_details, ...totals }: JsonObject): JsonObject {
  const input = isObject(input_token_details) ? input_token_details : {}
  const { cached_tokens = 0, cached_tokens_details = {}, ...counts } = input
  return {
    ...totals,
    input_token_details: { cached_tokens, ...counts, cached_tokens_details },
    output_token_details: {
      ...(isObject(output_token_details) ? output_token_details : {}),
      reasoning_tokens: objectAt({ output_token_details: output_token_details ?? null }, 'output_token_details')?.reasoning_tokens ?? 0,
    },
  }
}
