// Every server event that has only fields which a client may see passes unchanged.
import { describe, expect, it } from 'vitest'
import { judgeServerEvent, SERVER_RULES } from '../../../src/core/policy/server-rules.js'
import type { JsonObject, RealtimeEvent } from '../../../src/core/protocol/events.js'
import { CLIENT_CALL_ITEM, view } from '../../support/view.js'

const place = { response_id: 'r1', item_id: 'm1', output_index: 0, content_index: 0 }
const callPlace = { response_id: 'r1', item_id: CLIENT_CALL_ITEM, output_index: 0, call_id: 'call_open' }
const logprobs = [{ token: 'a', bytes: [97], logprob: -0.5 }]
const part: JsonObject = { type: 'output_audio', text: 'hi', transcript: 'hi', audio: 'AAAA', format: { type: 'audio/pcm', rate: 24_000 } }
const image: JsonObject = { type: 'input_image', image_url: 'data:image/png;base64,AA', detail: 'low' }
const message: JsonObject = { id: 'm1', object: 'realtime.item', type: 'message', status: 'completed', role: 'assistant', phase: 'final', content: [part, image] }
const call: JsonObject = {
  id: CLIENT_CALL_ITEM,
  object: 'realtime.item',
  type: 'function_call',
  status: 'completed',
  name: 'show_on_screen',
  call_id: 'call_open',
  arguments: '{}',
}
const result: JsonObject = { id: 'o1', object: 'realtime.item', type: 'function_call_output', call_id: 'call_open', output: 'shown' }
const details = { text_tokens: 1, audio_tokens: 2, cached_tokens: 3, cached_tokens_details: { text_tokens: 1, audio_tokens: 0 } }
const response: JsonObject = {
  object: 'realtime.response',
  id: 'r1',
  status: 'failed',
  status_details: { type: 'failed', reason: 'x', error: { type: 'server_error', code: null, message: 'It failed.' } },
  output: [message, call],
  conversation_id: 'conv_1',
  output_modalities: ['audio'],
  max_output_tokens: 'inf',
  audio: { output: { format: { type: 'audio/pcmu' }, voice: 'cedar', speed: 1 } },
  usage: { total_tokens: 3, input_tokens: 1, output_tokens: 2, input_token_details: details, output_token_details: details },
  metadata: { mine: 'x' },
  modalities: ['audio'],
  voice: { id: 'v', name: 'n', type: 'custom' },
  output_audio_format: 'pcm16',
  temperature: 0.8,
}
const transcribed = { item_id: 'm1', content_index: 0 }

const EVENTS: Readonly<Record<string, readonly JsonObject[]>> = {
  error: [{ error: { type: 'invalid_request_error', code: 'invalid_value', message: 'Wrong.', param: 'x', event_id: 'c1' } }],
  'conversation.created': [{ conversation: { id: 'c', object: 'realtime.conversation' } }],
  'conversation.item.created': [message, call, result].map((item) => ({ previous_item_id: 'p', item })),
  'conversation.item.added': [message, call, result].map((item) => ({ previous_item_id: null, item })),
  'conversation.item.done': [message, call, result].map((item) => ({ previous_item_id: 'p', item })),
  'conversation.item.retrieved': [message, call, result].map((item) => ({ item })),
  'conversation.item.deleted': [{ item_id: 'm1' }],
  'conversation.item.truncated': [{ item_id: 'm1', content_index: 0, audio_end_ms: 5 }],
  'conversation.item.input_audio_transcription.delta': [{ ...transcribed, delta: 'h', logprobs, obfuscation: 'x' }],
  'conversation.item.input_audio_transcription.completed': [
    { ...transcribed, transcript: 'hi', logprobs, usage: { type: 'tokens', total_tokens: 1, input_token_details: details }, languages: [{ code: 'de' }] },
  ],
  'conversation.item.input_audio_transcription.failed': [
    { ...transcribed, error: { type: 'server_error', code: 'audio_unintelligible', message: 'Not understood.', param: null } },
  ],
  'conversation.item.input_audio_transcription.segment': [{ ...transcribed, id: 's', text: 'hi', speaker: 'A', start: 0, end: 1.5 }],
  'input_audio_buffer.committed': [{ previous_item_id: 'p', item_id: 'm1' }],
  'input_audio_buffer.cleared': [{}],
  'input_audio_buffer.speech_started': [{ audio_start_ms: 1, item_id: 'm1' }],
  'input_audio_buffer.speech_stopped': [{ audio_end_ms: 1, item_id: 'm1' }],
  'input_audio_buffer.timeout_triggered': [{ audio_start_ms: 1, audio_end_ms: 2, item_id: 'm1' }],
  'rate_limits.updated': [{ rate_limits: [{ name: 'tokens', limit: 10, remaining: 5, reset_seconds: 1.5 }] }],
  'response.created': [{ response }],
  'response.done': [{ response }],
  'response.output_item.added': [message, call].map((item) => ({ response_id: 'r1', output_index: 0, item })),
  'response.output_item.done': [message, call].map((item) => ({ response_id: 'r1', output_index: 0, item })),
  'response.content_part.added': [{ ...place, part, content: part }],
  'response.content_part.done': [{ ...place, part, content: part }],
  'response.output_text.delta': [{ ...place, delta: 'h', obfuscation: 'x', logprobs }],
  'response.output_text.done': [{ ...place, text: 'hi', logprobs }],
  'response.output_audio.delta': [{ ...place, delta: 'AAAA', obfuscation: 'x' }],
  'response.output_audio.done': [place],
  'response.output_audio_transcript.delta': [{ ...place, delta: 'h', obfuscation: 'x' }],
  'response.output_audio_transcript.done': [{ ...place, transcript: 'hi' }],
  'response.function_call_arguments.delta': [{ ...callPlace, content_index: 0, delta: '{', obfuscation: 'x' }],
  'response.function_call_arguments.done': [{ ...callPlace, content_index: 0, name: 'show_on_screen', arguments: '{}' }],
}

/** Types that never pass unchanged: the relay builds them anew, or they are not for a WebSocket client. */
const OTHERS = /^(session\.|output_audio_buffer\.|mcp_|response\.mcp_|input_audio_buffer\.dtmf)/

describe('an event with all visible fields', () => {
  it('is tested for every type that may pass', () => {
    expect(Object.keys(EVENTS).sort()).toEqual(
      Object.keys(SERVER_RULES)
        .filter((type) => !OTHERS.test(type))
        .sort(),
    )
  })

  for (const [type, events] of Object.entries(EVENTS)) {
    it(`${type} passes unchanged`, () => {
      for (const fields of events) {
        const event = { type, event_id: 'e1', ...fields } as RealtimeEvent
        expect(judgeServerEvent(event, view({ forwardRateLimits: true }))).toEqual({ type: 'forward' })
      }
    })
  }
})

describe('an error of the upstream about the client’s own doing', () => {
  it.each([
    'conversation_already_has_active_response',
    'response_cancel_not_active',
    'input_audio_buffer_commit_empty',
    'item_retrieve_invalid_item_id',
    'item_truncate_invalid_item_id',
    'item_delete_invalid_item_id',
    'item_create_invalid_previous_item_id',
    'invalid_value',
    'invalid_event',
    'missing_required_parameter',
    'unknown_parameter',
    'rate_limit_exceeded',
    'inference_rate_limit_exceeded',
    'session_expired',
    'audio_unintelligible',
  ])('%s passes with its own words', (code) => {
    const event = { type: 'error', event_id: 'e1', error: { type: 'invalid_request_error', code, message: 'In words of its own.', param: null, event_id: 'c1' } } as RealtimeEvent
    expect(judgeServerEvent(event, view())).toEqual({ type: 'forward' })
  })
})

describe('turn detection and noise reduction of the session', () => {
  const session = {
    type: 'realtime',
    object: 'realtime.session',
    id: 'sess_1',
    expires_at: 1,
    output_modalities: ['audio'],
    audio: {
      input: {
        format: { type: 'audio/pcm', rate: 24_000 },
        noise_reduction: { type: 'near_field' },
        transcription: { language: 'de', model: 'secret-deployment' },
        turn_detection: {
          ...{ type: 'server_vad', threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 200, idle_timeout_ms: 6000, eagerness: 'low' },
          ...{ create_response: true, interrupt_response: false, speech_duration_ms: 80, auto_truncate: true },
        },
      },
      output: { format: { type: 'audio/pcm', rate: 24_000 }, voice: 'cedar', speed: 1.1 },
    },
  }
  it('are shown in full in the rebuilt event', () => {
    const verdict = judgeServerEvent({ type: 'session.updated', event_id: 'e1', session } as unknown as RealtimeEvent, view())
    const shown = (verdict.type === 'replace' ? verdict.event.session : {}) as JsonObject
    const { audio, ...top } = session
    expect(shown).toMatchObject(top)
    expect(shown.audio).toEqual({ ...audio, input: { ...audio.input, transcription: { language: 'de' } } })
  })
})
