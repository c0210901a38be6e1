// The few events besides audio that a GA upstream sends and answers, enough for any client or relay to open and keep a session.
import { randomUUID } from 'node:crypto'
import { audioPayload, filler, responseIds } from './audio-frames.js'

type Event = Record<string, unknown>

function eventId(): string {
  return `event_${randomUUID().replaceAll('-', '')}`
}

function isRecord(value: unknown): value is Event {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Objects merge member by member; everything else replaces. */
function merged(base: Event, change: Event): Event {
  const result: Event = { ...base }
  for (const [key, value] of Object.entries(change)) {
    const before = result[key]
    result[key] = isRecord(before) && isRecord(value) ? merged(before, value) : value
  }
  return result
}

/** One session's configuration and its answers. */
export class GaSession {
  #session: Event = {
    type: 'realtime',
    object: 'realtime.session',
    id: `sess_${randomUUID().replaceAll('-', '').slice(0, 21)}`,
    model: 'gpt-realtime',
    output_modalities: ['audio'],
    instructions: 'You are a helpful assistant.',
    tools: [],
    tool_choice: 'auto',
    max_output_tokens: 'inf',
    tracing: null,
    truncation: 'auto',
    prompt: null,
    expires_at: Math.floor(Date.now() / 1000) + 3600,
    audio: {
      input: {
        format: { type: 'audio/pcm', rate: 24_000 },
        transcription: null,
        noise_reduction: null,
        turn_detection: {
          type: 'server_vad',
          threshold: 0.5,
          prefix_padding_ms: 300,
          silence_duration_ms: 200,
          idle_timeout_ms: null,
          create_response: true,
          interrupt_response: true,
        },
      },
      output: { format: { type: 'audio/pcm', rate: 24_000 }, voice: 'alloy', speed: 1 },
    },
    include: null,
  }

  created(): Buffer {
    return serialised({ type: 'session.created', event_id: eventId(), session: this.#session })
  }

  /** Payloads to send back, in order. */
  answer(event: Event, run: number): Buffer[] {
    switch (event.type) {
      case 'session.update':
        if (isRecord(event.session)) this.#session = merged(this.#session, event.session)
        return [serialised({ type: 'session.updated', event_id: eventId(), session: this.#session })]
      case 'conversation.item.create': {
        if (!isRecord(event.item)) return []
        const item = { object: 'realtime.item', id: `item_${randomUUID().slice(0, 21)}`, status: 'completed', ...event.item }
        const body = { previous_item_id: null, item }
        return [serialised({ type: 'conversation.item.added', event_id: eventId(), ...body }), serialised({ type: 'conversation.item.done', event_id: eventId(), ...body })]
      }
      case 'response.create':
        return [...openResponse(run), ...Array.from({ length: 5 }, () => audioPayload('down', filler(6400), run)), ...closeResponse(run)]
      default:
        return []
    }
  }
}

/** What comes before the audio of a response. */
export function openResponse(run: number): Buffer[] {
  const ids = responseIds(run)
  const part = { response_id: ids.response, item_id: ids.item, output_index: 0, content_index: 0 }
  const item = itemOf(run, 'in_progress', [])
  return [
    { type: 'response.created', response: responseOf(run, 'in_progress', []) },
    { type: 'response.output_item.added', response_id: ids.response, output_index: 0, item },
    { type: 'conversation.item.added', previous_item_id: null, item },
    { type: 'response.content_part.added', ...part, part: { type: 'audio', transcript: '' } },
  ].map((event) => serialised({ ...event, event_id: eventId() }))
}

/** What comes after it. */
export function closeResponse(run: number): Buffer[] {
  const ids = responseIds(run)
  const part = { response_id: ids.response, item_id: ids.item, output_index: 0, content_index: 0 }
  const item = itemOf(run, 'completed', [{ type: 'output_audio', transcript: 'Hello.' }])
  return [
    { type: 'response.output_audio.done', ...part },
    { type: 'response.output_audio_transcript.done', ...part, transcript: 'Hello.' },
    { type: 'response.content_part.done', ...part, part: { type: 'audio', transcript: 'Hello.' } },
    { type: 'conversation.item.done', previous_item_id: null, item },
    { type: 'response.output_item.done', response_id: ids.response, output_index: 0, item },
    { type: 'response.done', response: responseOf(run, 'completed', [item]) },
  ].map((event) => serialised({ ...event, event_id: eventId() }))
}

function itemOf(run: number, status: string, content: Event[]): Event {
  return { id: responseIds(run).item, object: 'realtime.item', type: 'message', status, role: 'assistant', content }
}

function responseOf(run: number, status: string, output: Event[]): Event {
  const usage = {
    total_tokens: 200,
    input_tokens: 100,
    output_tokens: 100,
    input_token_details: { text_tokens: 60, audio_tokens: 40, image_tokens: 0, cached_tokens: 0 },
    output_token_details: { text_tokens: 20, audio_tokens: 80 },
  }
  return {
    object: 'realtime.response',
    id: responseIds(run).response,
    status,
    status_details: null,
    output,
    conversation_id: 'conv_bench',
    output_modalities: ['audio'],
    max_output_tokens: 'inf',
    audio: { output: { format: { type: 'audio/pcm', rate: 24_000 }, voice: 'alloy' } },
    usage: status === 'completed' ? usage : null,
    metadata: null,
  }
}

function serialised(event: Event): Buffer {
  return Buffer.from(JSON.stringify({ type: event.type, event_id: event.event_id, ...event }))
}
