// One table of every Realtime event in preview and in GA spelling.
import type { RealtimeEvent } from '../../../../src/core/protocol/events.js'

export interface Row {
  readonly side: 'client' | 'server'
  readonly name: string
  readonly preview: RealtimeEvent
  /** The GA events; several if GA needs two events for one of preview. */
  readonly ga: readonly RealtimeEvent[]
  /** The event that comes back if `fromGa` does not undo `toGa` (older spellings, fields left out). */
  readonly back?: RealtimeEvent
}

const part = { response_id: 'resp_1', item_id: 'item_1', output_index: 0, content_index: 0 }
const usage = { total_tokens: 9, input_tokens: 4, output_tokens: 5 }
const userItem = { id: 'item_u', object: 'realtime.item', type: 'message', status: 'completed', role: 'user', content: [{ type: 'input_text', text: 'hi' }] }
const callItem = { id: 'item_f', object: 'realtime.item', type: 'function_call', status: 'completed', name: 'f', call_id: 'call_1', arguments: '{}' }
const answer = (textType: string, audioType: string) => ({
  id: 'item_a',
  object: 'realtime.item',
  type: 'message',
  status: 'completed',
  role: 'assistant',
  content: [
    { type: textType, text: 'hello' },
    { type: audioType, transcript: 'hello' },
  ],
})
const vad = { type: 'server_vad', threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 200 }
const tool = { type: 'function', name: 'f', parameters: { type: 'object', properties: {} } }

const session = {
  instructions: 'Be kind.',
  modalities: ['audio', 'text'],
  voice: 'alloy',
  speed: 1.1,
  input_audio_format: 'pcm16',
  output_audio_format: 'g711_ulaw',
  input_audio_transcription: { model: 'whisper-1' },
  input_audio_noise_reduction: { type: 'near_field' },
  turn_detection: vad,
  tools: [tool],
  tool_choice: { type: 'function', function: { name: 'f' } },
  max_response_output_tokens: 200,
  tracing: 'auto',
  prompt: { id: 'pmpt_1' },
  include: ['item.input_audio_transcription.logprobs'],
}
const gaSession = {
  type: 'realtime',
  instructions: 'Be kind.',
  output_modalities: ['audio'],
  audio: {
    input: { format: { type: 'audio/pcm', rate: 24000 }, transcription: { model: 'whisper-1' }, noise_reduction: { type: 'near_field' }, turn_detection: vad },
    output: { voice: 'alloy', speed: 1.1, format: { type: 'audio/pcmu' } },
  },
  tools: [tool],
  tool_choice: { type: 'function', name: 'f' },
  max_output_tokens: 200,
  tracing: 'auto',
  prompt: { id: 'pmpt_1' },
  include: ['item.input_audio_transcription.logprobs'],
}
const sessionState = { ...session, id: 'sess_1', object: 'realtime.session', model: 'gpt-realtime', expires_at: 1 }
const gaSessionState = { ...gaSession, id: 'sess_1', object: 'realtime.session', model: 'gpt-realtime', expires_at: 1 }
const responseWish = { modalities: ['text'], voice: 'ash', output_audio_format: 'g711_alaw', instructions: 'x', tool_choice: 'none', conversation: 'none', metadata: { k: 'v' } }
const gaResponseWish = {
  output_modalities: ['text'],
  audio: { output: { voice: 'ash', format: { type: 'audio/pcma' } } },
  instructions: 'x',
  tool_choice: 'none',
  conversation: 'none',
  metadata: { k: 'v' },
}
const responseBase = {
  object: 'realtime.response',
  id: 'resp_1',
  status: 'completed',
  status_details: null,
  conversation_id: 'conv_1',
  max_output_tokens: 'inf',
  usage,
  metadata: null,
}
const response = { ...responseBase, modalities: ['audio', 'text'], voice: 'alloy', output_audio_format: 'pcm16', output: [answer('text', 'audio'), callItem] }
const gaResponse = {
  ...responseBase,
  output_modalities: ['audio'],
  audio: { output: { voice: 'alloy', format: { type: 'audio/pcm', rate: 24000 } } },
  output: [answer('output_text', 'output_audio'), callItem],
}

const same = (side: Row['side'], event: RealtimeEvent, name: string = event.type): Row => ({ side, name, preview: event, ga: [event] })
const client = (event: RealtimeEvent, name?: string) => same('client', event, name)
const server = (event: RealtimeEvent, name?: string) => same('server', { event_id: 'event_1', ...event }, name)
const renamed = (previewType: string, gaType: string, rest: Omit<RealtimeEvent, 'type'>): Row => ({
  side: 'server',
  name: previewType,
  preview: { type: previewType, event_id: 'event_1', ...rest },
  ga: [{ type: gaType, event_id: 'event_1', ...rest }],
})
const payload = (side: Row['side'], type: string, key: string, preview: RealtimeEvent[string], ga: RealtimeEvent[string], rest = {}): Row => ({
  side,
  name: type,
  preview: { type, event_id: 'event_1', ...rest, [key]: preview },
  ga: [{ type, event_id: 'event_1', ...rest, [key]: ga }],
})

export const ROWS: readonly Row[] = [
  payload('client', 'session.update', 'session', session, gaSession),
  client({ type: 'input_audio_buffer.append', audio: 'AAAA' }),
  ...['input_audio_buffer.clear', 'input_audio_buffer.commit', 'output_audio_buffer.clear'].map((type) => client({ type, event_id: 'e1' })),
  payload('client', 'conversation.item.create', 'item', answer('text', 'audio'), answer('output_text', 'output_audio'), { previous_item_id: 'root' }),
  client({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_audio', audio: 'AAAA' }] } }, 'conversation.item.create, user audio'),
  client({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'call_1', output: '{}' } }, 'conversation.item.create, tool output'),
  ...['delete', 'retrieve'].map((end) => client({ type: `conversation.item.${end}`, item_id: 'item_1' })),
  client({ type: 'conversation.item.truncate', item_id: 'item_1', content_index: 0, audio_end_ms: 100 }),
  client({ type: 'response.create' }, 'response.create, bare'),
  payload('client', 'response.create', 'response', responseWish, gaResponseWish),
  client({ type: 'response.cancel', response_id: 'resp_1' }),

  payload('server', 'session.created', 'session', sessionState, gaSessionState),
  payload('server', 'session.updated', 'session', sessionState, gaSessionState),
  server({ type: 'conversation.created', conversation: { id: 'conv_1', object: 'realtime.conversation' } }),
  {
    side: 'server',
    name: 'conversation.item.created, complete',
    preview: { type: 'conversation.item.created', event_id: 'event_1', previous_item_id: null, item: userItem },
    ga: [
      { type: 'conversation.item.added', event_id: 'event_1', previous_item_id: null, item: userItem },
      { type: 'conversation.item.done', event_id: 'event_1_done', previous_item_id: null, item: userItem },
    ],
  },
  {
    side: 'server',
    name: 'conversation.item.created, in progress',
    preview: { type: 'conversation.item.created', event_id: 'event_1', previous_item_id: 'item_u', item: { ...answer('text', 'audio'), status: 'in_progress', content: [] } },
    ga: [{ type: 'conversation.item.added', event_id: 'event_1', previous_item_id: 'item_u', item: { ...answer('text', 'audio'), status: 'in_progress', content: [] } }],
  },
  server({ type: 'conversation.item.deleted', item_id: 'item_1' }),
  payload('server', 'conversation.item.retrieved', 'item', answer('text', 'audio'), answer('output_text', 'output_audio')),
  server({ type: 'conversation.item.truncated', item_id: 'item_1', content_index: 0, audio_end_ms: 100 }),
  server({ type: 'conversation.item.input_audio_transcription.delta', item_id: 'item_u', content_index: 0, delta: 'hi' }),
  server({ type: 'conversation.item.input_audio_transcription.segment', item_id: 'item_u', content_index: 0, id: 's', text: 'hi', speaker: 'A', start: 0, end: 1 }),
  server({ type: 'conversation.item.input_audio_transcription.completed', item_id: 'item_u', content_index: 0, transcript: 'hi', usage: { type: 'duration', seconds: 1 } }),
  server({
    type: 'conversation.item.input_audio_transcription.failed',
    item_id: 'item_u',
    content_index: 0,
    error: { type: 'server_error', code: 'x', message: 'm', param: null },
  }),
  server({ type: 'input_audio_buffer.committed', previous_item_id: null, item_id: 'item_u' }),
  server({ type: 'input_audio_buffer.cleared' }),
  server({ type: 'input_audio_buffer.speech_started', audio_start_ms: 1, item_id: 'item_u' }),
  server({ type: 'input_audio_buffer.speech_stopped', audio_end_ms: 2, item_id: 'item_u' }),
  ...['started', 'stopped', 'cleared'].map((end) => server({ type: `output_audio_buffer.${end}`, response_id: 'resp_1' })),
  payload('server', 'response.created', 'response', { ...response, output: [], usage: null }, { ...gaResponse, output: [], usage: null }),
  payload('server', 'response.done', 'response', response, gaResponse),
  payload('server', 'response.output_item.added', 'item', answer('text', 'audio'), answer('output_text', 'output_audio'), { response_id: 'resp_1', output_index: 0 }),
  payload('server', 'response.output_item.done', 'item', answer('text', 'audio'), answer('output_text', 'output_audio'), { response_id: 'resp_1', output_index: 0 }),
  server({ type: 'response.content_part.added', ...part, part: { type: 'audio', transcript: '' } }),
  server({ type: 'response.content_part.done', ...part, part: { type: 'text', text: 'hello' } }),
  renamed('response.audio.delta', 'response.output_audio.delta', { ...part, delta: 'AAAA' }),
  renamed('response.audio.done', 'response.output_audio.done', part),
  renamed('response.audio_transcript.delta', 'response.output_audio_transcript.delta', { ...part, delta: 'he' }),
  renamed('response.audio_transcript.done', 'response.output_audio_transcript.done', { ...part, transcript: 'hello' }),
  renamed('response.text.delta', 'response.output_text.delta', { ...part, delta: 'he', obfuscation: 'x' }),
  renamed('response.text.done', 'response.output_text.done', { ...part, text: 'hello' }),
  server({ type: 'response.function_call_arguments.delta', response_id: 'resp_1', item_id: 'item_f', output_index: 0, call_id: 'call_1', delta: '{' }),
  server({ type: 'response.function_call_arguments.done', response_id: 'resp_1', item_id: 'item_f', output_index: 0, call_id: 'call_1', name: 'f', arguments: '{}' }),
  server({ type: 'rate_limits.updated', rate_limits: [{ name: 'tokens', limit: 10, remaining: 9, reset_seconds: 0.1 }] }),
  server({ type: 'error', error: { type: 'invalid_request_error', code: 'x', message: 'm', param: null, event_id: 'e1' } }),
  payload(
    'server',
    'error',
    'error',
    { type: 'invalid_request_error', code: 'invalid_value', message: "'session.turn_detection.threshold' is wrong.", param: 'session.turn_detection.threshold', event_id: 'e1' },
    {
      type: 'invalid_request_error',
      code: 'invalid_value',
      message: "'session.audio.input.turn_detection.threshold' is wrong.",
      param: 'session.audio.input.turn_detection.threshold',
      event_id: 'e1',
    },
  ),

  // What is understood and comes back otherwise: older spellings and fields that GA lacks.
  {
    side: 'client',
    name: 'session.update of October 2024',
    preview: { type: 'session.update', session: { turn_detection: { type: 'none' }, temperature: 0.7, modalities: ['text', 'audio'] } },
    ga: [{ type: 'session.update', session: { type: 'realtime', output_modalities: ['audio'], audio: { input: { turn_detection: null } } } }],
    back: { type: 'session.update', session: { modalities: ['audio', 'text'], turn_detection: null } },
  },
  {
    side: 'client',
    name: 'response.create of October 2024',
    preview: {
      type: 'response.create',
      response: { commit: true, cancel_previous: true, append_input_items: [], input_items: [answer('text', 'audio')], temperature: 0.8, max_response_output_tokens: 5 },
    },
    ga: [{ type: 'response.create', response: { max_output_tokens: 5, input: [answer('output_text', 'output_audio')] } }],
    back: { type: 'response.create', response: { max_output_tokens: 5, input: [answer('text', 'audio')] } },
  },
  {
    side: 'server',
    name: 'response.text.done of October 2024',
    preview: { type: 'response.text.done', ...part, value: 'hello' },
    ga: [{ type: 'response.output_text.done', ...part, text: 'hello' }],
    back: { type: 'response.text.done', ...part, text: 'hello' },
  },
  {
    side: 'server',
    name: 'conversation.item.truncated of October 2024',
    preview: { type: 'conversation.item.truncated', item_id: 'item_1', index: 0, audio_end_ms: 100 },
    ga: [{ type: 'conversation.item.truncated', item_id: 'item_1', content_index: 0, audio_end_ms: 100 }],
    back: { type: 'conversation.item.truncated', item_id: 'item_1', content_index: 0, audio_end_ms: 100 },
  },
  {
    side: 'server',
    name: 'transcription_session.updated',
    preview: { type: 'transcription_session.updated', session: { id: 's', input_audio_format: 'pcm16' } },
    ga: [{ type: 'session.updated', session: { type: 'transcription', id: 's', audio: { input: { format: { type: 'audio/pcm', rate: 24000 } } } } }],
  },
  {
    side: 'client',
    name: 'a GA-spelled session.update on a preview link',
    preview: { type: 'session.update', session: { type: 'realtime', output_modalities: ['text'], audio: { output: { voice: 'ash' } }, voice: 'verse', x: 1 } },
    ga: [{ type: 'session.update', session: { type: 'realtime', output_modalities: ['text'], audio: { output: { voice: 'verse' } }, x: 1 } }],
    back: { type: 'session.update', session: { x: 1, modalities: ['text'], voice: 'verse' } },
  },
]

/** GA events that are never sent to a preview side. */
export const GA_ONLY: readonly RealtimeEvent[] = [
  { type: 'conversation.item.done', previous_item_id: null, item: userItem },
  { type: 'input_audio_buffer.timeout_triggered', audio_start_ms: 0, audio_end_ms: 1, item_id: 'item_u' },
  { type: 'input_audio_buffer.dtmf_event_received', event: '1', received_at: 1 },
  ...['in_progress', 'completed', 'failed'].flatMap((end) => [
    { type: `mcp_list_tools.${end}`, item_id: 'item_m' },
    { type: `response.mcp_call.${end}`, item_id: 'item_m', output_index: 0 },
  ]),
  { type: 'response.mcp_call_arguments.delta', ...part, delta: '{' },
  { type: 'response.mcp_call_arguments.done', ...part, arguments: '{}' },
  ...['mcp_list_tools', 'mcp_call', 'mcp_approval_request'].map((type) => ({ type: 'conversation.item.added', previous_item_id: null, item: { id: 'item_m', type } })),
  { type: 'response.output_item.done', response_id: 'resp_1', output_index: 0, item: { id: 'item_m', type: 'mcp_call' } },
  { type: 'conversation.item.create', item: { type: 'mcp_approval_response', approve: true } },
  { type: 'session.closed' },
  { type: 'some.event.of.tomorrow' },
]
