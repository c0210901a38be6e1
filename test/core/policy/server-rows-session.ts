// Rows of the server sheet: session, errors, input audio, limits, and what never reaches a client on a WebSocket.
import { profile } from '../../support/playbook.js'
import { callView, DEPLOYMENT, HIDDEN, HIDDEN_FIRST, view } from '../../support/view.js'
import type { Row } from './sheet.js'

const owned = profile()
const ownTools = owned.tools.filter((tool) => tool.owner === 'client').map((tool) => tool.definition)

const full = {
  type: 'realtime',
  object: 'realtime.session',
  id: 'sess_1',
  model: `${DEPLOYMENT}-2025-08-28`,
  output_modalities: ['audio'],
  instructions: owned.instructions,
  tools: owned.tools.map((tool) => tool.definition),
  tool_choice: { type: 'function', name: 'get_weather' },
  max_output_tokens: 300,
  tracing: { workflow_name: 'secret' },
  truncation: { type: 'retention_ratio', retention_ratio: 0.5 },
  prompt: { id: 'pmpt_secret' },
  expires_at: 1_800_000_000,
  include: null,
  reasoning: { effort: 'low' },
  audio: {
    input: {
      format: { type: 'audio/pcm', rate: 24000 },
      noise_reduction: null,
      turn_detection: { type: 'server_vad', threshold: 0.5 },
      transcription: { model: 'whisper-deployment', language: 'de', prompt: 'names of our customers' },
      secret: 1,
    },
    output: { format: { type: 'audio/pcm', rate: 24000 }, voice: 'marin', speed: 1, secret: 1 },
  },
  a_field_of_next_year: owned.instructions,
}
const seen = {
  type: 'realtime',
  object: 'realtime.session',
  id: 'sess_1',
  model: 'realtime',
  output_modalities: ['audio'],
  instructions: '',
  tools: ownTools,
  tool_choice: 'auto',
  expires_at: 1_800_000_000,
  audio: {
    input: { format: { type: 'audio/pcm', rate: 24000 }, noise_reduction: null, turn_detection: { type: 'server_vad', threshold: 0.5 }, transcription: { language: 'de' } },
    output: { format: { type: 'audio/pcm', rate: 24000 }, voice: 'marin', speed: 1 },
  },
}

const sessions = (['session.created', 'session.updated'] as const).flatMap((type): Row[] => [
  {
    id: `${type}/1`,
    event: { type, event_id: 'e', session: full, x: 1 },
    verdict: { replace: { type, event_id: 'e', session: seen } },
    because: 'built anew: own tools and audio only',
  },
  {
    id: `${type}/2`,
    event: { type, event_id: 'e', session: full },
    seenBy: { ...view(), requestedModel: 'gpt-of-the-client' },
    verdict: { replace: { type, event_id: 'e', session: { ...seen, model: 'gpt-of-the-client' } } },
    because: 'the only model name a client sees is the one it asked for',
  },
  { id: `${type}/3`, event: { type, event_id: 'e' }, verdict: { drop: 'malformed' }, because: 'no session' },
  {
    id: `${type}/4`,
    event: { type, session: { instructions: 'secret' } },
    verdict: {
      replace: { type, event_id: null, session: { model: 'realtime', instructions: '', tools: ownTools, tool_choice: 'auto', audio: { input: { transcription: null } } } },
    },
    because: 'what is not there is not invented',
  },
])

const failure = (error: object | undefined, extra: object = {}) => ({ type: 'error', event_id: 'e', ...extra, ...(error ? { error } : {}) })
const plain = { type: 'invalid_request_error', code: 'invalid_value', message: 'Invalid value.', param: null, event_id: 'c1' }
const ours = { type: 'invalid_request_error', code: 'invalid_value', message: 'The model service reported an error.', param: null, event_id: 'c1' }
const scrubbed = (message: string, change: object = {}): Pick<Row, 'event' | 'verdict'> => ({
  event: failure({ ...plain, message, ...change }),
  verdict: { replace: failure(ours) },
})

/** What the service says when a client's own event is wrong, as it words it. */
const ofDailyLife: readonly (readonly [code: string, message: string, param: string | null])[] = [
  ['unsupported_content_type', 'Only model output audio messages can be truncated', null],
  ['cannot_update_voice', "Cannot update a conversation's voice if assistant audio is present.", null],
  ['string_above_max_length', "Invalid 'item.id': string too long. Expected a string with maximum length 32, but got a string with length 36 instead.", 'item.id'],
  ['string_below_min_length', "Invalid 'item.content[0].text': string too short.", 'item.content[0].text'],
  ['invalid_type', "Invalid type for 'item.content': expected an array, but got null instead.", 'item.content'],
  ['invalid_value', 'Audio content of 2865ms is already shorter than 2950ms', 'audio_end_ms'],
  ['integer_below_min_value', "Invalid 'audio_end_ms': integer below minimum value.", 'audio_end_ms'],
  ['integer_above_max_value', "Invalid 'response.max_output_tokens': integer above maximum value.", 'response.max_output_tokens'],
  ['decimal_above_max_value', "Invalid 'session.audio.output.speed': decimal above maximum value.", 'session.audio.output.speed'],
  ['array_above_max_length', "Invalid 'item.content': array too long.", 'item.content'],
  ['audio_unintelligible', 'The audio could not be understood.', null],
]

const errors: readonly Row[] = [
  ...ofDailyLife.map(
    ([code, message, param]): Row => ({
      id: `err-life-${code}`,
      event: failure({ ...plain, code, message, param }),
      verdict: 'forward',
      because: 'the client’s own doing, in the service’s words',
    }),
  ),
  ...['invalid_api_key', 'insufficient_quota', 'model_not_found', 'invalid_json', 'DeploymentNotFound'].map(
    (code): Row => ({
      id: `err-own-${code}`,
      event: failure({ ...plain, code }),
      verdict: { replace: failure({ ...ours, code: code === 'invalid_api_key' || code === 'DeploymentNotFound' ? null : code }) },
      because: 'the relay’s own doing, or its account',
    }),
  ),
  { id: 'err-1', event: failure(plain), verdict: 'forward', because: 'a known code with a harmless text' },
  { id: 'err-2', ...scrubbed(`The deployment ${DEPLOYMENT} failed.`), because: 'names the deployment' },
  { id: 'err-3', ...scrubbed('Ask CONTOSO.EXAMPLE about it.'), because: 'names the host, in any case' },
  { id: 'err-4', ...scrubbed('See https://res.openai.azure.com/x'), because: 'a URL' },
  { id: 'err-5', ...scrubbed('Incorrect API key provided: sk-abc***xyz.'), because: 'characters of the key' },
  { id: 'err-6', ...scrubbed('Rate limit reached for org-AbCd1234.'), because: 'the account' },
  { id: 'err-7', ...scrubbed('Invalid arguments for get_weather.'), because: 'names a tool of the server’s' },
  { id: 'err-8', ...scrubbed(`Invalid: "${owned.instructions.slice(3, 30)}"`), because: 'quotes the instructions' },
  { id: 'err-9', ...scrubbed('x'.repeat(401)), because: 'too long to be a sentence for a user' },
  { id: 'err-10', ...scrubbed('no', { param: 'session.instructions' }), because: 'points into the server’s part' },
  { id: 'err-11', ...scrubbed('no', { internal: 'x' }), because: 'a field of next year' },
  { id: 'err-12', ...scrubbed('no', { message: { text: owned.instructions } }), because: 'a text in another shape' },
  { id: 'err-13', ...scrubbed('no', { param: [owned.instructions] }), because: 'a path in another shape' },
  {
    id: 'err-14',
    event: failure({ type: 'server_error', code: { of: owned.instructions }, message: 'no' }),
    verdict: { replace: failure({ ...ours, type: 'server_error', code: null, event_id: null }) },
    because: 'a code in another shape',
  },
  {
    id: 'err-15',
    event: failure({ type: 'Bad Type', code: 'Secret-Deployment says no', message: 'no' }),
    verdict: { replace: failure({ ...ours, type: 'server_error', code: null, event_id: null }) },
    because: 'codes and types are words, or ours',
  },
  {
    id: 'err-16',
    event: failure({ type: 'invalid_request_error', code: 'code_of_next_year', message: 'Quota of secret things.', event_id: null }),
    verdict: { replace: failure({ ...ours, code: 'code_of_next_year', event_id: null }) },
    because: 'an unknown code is kept, its text is not',
  },
  { id: 'err-17', event: failure(undefined), verdict: { replace: failure({ ...ours, type: 'server_error', code: null, event_id: null }) }, because: 'no error in it' },
  { id: 'err-18', event: failure(plain, { internal: 1 }), verdict: { replace: failure(plain) }, because: 'a field of next year beside it' },
  {
    id: 'err-19',
    event: failure({ type: 'server_error', code: null, message: 'The server had an error.', event_id: null }),
    verdict: 'forward',
    because: 'seen in bursts, harmless',
  },
  { id: 'err-20', ...scrubbed(`Not: ${owned.instructions.slice(0, 16)}`), because: 'quotes sixteen characters of them, at its end' },
  { id: 'err-21', event: failure({ ...plain, message: `Not: ${owned.instructions.slice(0, 15)}` }), verdict: 'forward', because: 'fewer are everyday words' },
]

const transcription = (kind: string, fields: object, itemId = 'item_user') => ({
  type: `conversation.item.input_audio_transcription.${kind}`,
  event_id: 'e',
  item_id: itemId,
  content_index: 0,
  ...fields,
})
const transcripts = (
  [
    ['delta', { delta: 'hi', obfuscation: 'x' }],
    ['completed', { transcript: 'hi', usage: { type: 'tokens', total_tokens: 3 } }],
    ['segment', { id: 's', text: 'hi', speaker: 'A', start: 0, end: 0.4 }],
    ['failed', { error: { type: 'server_error', code: 'audio_unintelligible', message: 'no', param: null } }],
  ] as const
).flatMap(([kind, fields]): Row[] => [
  { id: `stt-${kind}-1`, event: transcription(kind, fields), verdict: 'forward', because: 'what the user said' },
  { id: `stt-${kind}-2`, event: transcription(kind, fields, HIDDEN), verdict: { drop: 'hidden_item' }, because: 'of a hidden item' },
  { id: `stt-${kind}-3`, event: transcription(kind, { ...fields, prompt: 'x' }), verdict: { replace: transcription(kind, fields) }, because: 'a field of next year' },
])

const failedTranscripts: readonly Row[] = [
  {
    id: 'stt-failed-4',
    event: transcription('failed', { error: { code: 'x', message: 'whisper-deployment is gone' } }),
    verdict: { replace: transcription('failed', { error: { type: 'server_error', code: 'x', message: 'The model service reported an error.', param: null, event_id: null } }) },
    because: 'the text may name the transcription deployment',
  },
]

const buffer = (kind: string, fields: object = {}) => ({ type: `input_audio_buffer.${kind}`, event_id: 'e', ...fields })
const buffers: readonly Row[] = [
  { id: 'buf-1', event: buffer('committed', { item_id: 'item_2', previous_item_id: 'item_seen' }), verdict: 'forward', because: 'a turn of the user' },
  {
    id: 'buf-2',
    event: buffer('committed', { item_id: 'item_2', previous_item_id: HIDDEN }),
    verdict: { replace: buffer('committed', { item_id: 'item_2', previous_item_id: 'item_seen' }) },
    because: 'the link skips hidden items',
  },
  {
    id: 'buf-3',
    event: buffer('committed', { item_id: 'item_2', previous_item_id: HIDDEN_FIRST }),
    verdict: { replace: buffer('committed', { item_id: 'item_2', previous_item_id: null }) },
    because: 'to the start',
  },
  { id: 'buf-4', event: buffer('committed', { item_id: HIDDEN }), verdict: { drop: 'hidden_item' }, because: 'of a hidden item' },
  { id: 'buf-5', event: buffer('cleared', { x: 1 }), verdict: { replace: buffer('cleared') }, because: 'nothing but its name' },
  { id: 'buf-6', event: buffer('speech_started', { audio_start_ms: 1, item_id: 'item_2' }), verdict: 'forward', because: 'a client stops its player on it' },
  { id: 'buf-7', event: buffer('speech_stopped', { audio_end_ms: 1, item_id: 'item_2' }), verdict: 'forward', because: 'likewise' },
  { id: 'buf-8', event: buffer('timeout_triggered', { audio_start_ms: 1, audio_end_ms: 2, item_id: 'item_2' }), verdict: 'forward', because: 'the user was silent' },
  { id: 'buf-9', event: buffer('dtmf_event_received', { event: '9', received_at: 1 }), verdict: { drop: 'not_for_websocket' }, because: 'key presses may be a card number' },
]

const dropped = (why: string, because: string, ...types: readonly string[]): readonly Row[] =>
  types.map((type) => ({ id: type, event: { type, event_id: 'e', item_id: 'x', response_id: 'r', arguments: '{"secret":1}' }, verdict: { drop: why }, because }))

/** In a call the upstream plays the audio, and the client sees when. */
const playing: readonly Row[] = ['started', 'stopped', 'cleared'].flatMap((what): Row[] => {
  const event = { type: `output_audio_buffer.${what}`, event_id: 'e', response_id: 'r' }
  return [
    { id: `play-${what}-1`, event, seenBy: callView(), verdict: 'forward', because: 'a client shows who speaks' },
    { id: `play-${what}-2`, event: { ...event, x: { secret: 1 } }, seenBy: callView(), verdict: { replace: event }, because: 'nothing but the response' },
  ]
})

const rest: readonly Row[] = [
  ...playing,
  { id: 'play-dtmf', event: buffer('dtmf_event_received', { event: '9' }), seenBy: callView(), verdict: { drop: 'not_for_websocket' }, because: 'SIP only, also in a call' },
  { id: 'conv-1', event: { type: 'conversation.created', event_id: 'e', conversation: { id: 'conv_1', object: 'realtime.conversation' } }, verdict: 'forward', because: 'an id' },
  ...dropped('not_for_websocket', 'WebRTC and SIP only', 'output_audio_buffer.started', 'output_audio_buffer.stopped', 'output_audio_buffer.cleared'),
  ...dropped('mcp', 'tools of the server’s', 'mcp_list_tools.in_progress', 'mcp_list_tools.completed', 'mcp_list_tools.failed', 'response.mcp_call.in_progress'),
  ...dropped('mcp', 'likewise', 'response.mcp_call.completed', 'response.mcp_call.failed', 'response.mcp_call_arguments.delta', 'response.mcp_call_arguments.done'),
  ...dropped('unknown_type', 'no row', 'transcription_session.created', 'transcription_session.updated', 'response.of_next_year', 'Error', '__proto__', 'constructor', 'toString'),
  { id: 'lim-1', event: { type: 'rate_limits.updated', event_id: 'e', rate_limits: [] }, verdict: { drop: 'rate_limits' }, because: 'the quota of the whole deployment' },
  {
    id: 'lim-2',
    event: { type: 'rate_limits.updated', event_id: 'e', rate_limits: [{ name: 'tokens', limit: 1, remaining: 1, reset_seconds: 0 }] },
    seenBy: view({ forwardRateLimits: true }),
    verdict: 'forward',
    because: 'unless the operator says otherwise',
  },
]

export const SERVER_SESSION_ROWS: readonly Row[] = [...sessions, ...errors, ...transcripts, ...failedTranscripts, ...buffers, ...rest]
