// The client events that a GA WebSocket or call accepts, with the rule for each.
import { any, arrayOf, decimal, flag, integer, mapOf, nullable, object, oneOf, type Rule, stringOr, tagged, text } from './validate.js'

const VOICES = ['alloy', 'ash', 'ballad', 'coral', 'echo', 'sage', 'shimmer', 'verse', 'marin', 'cedar'] as const
/** Characters of base64 for 15 MiB of audio, the limit of one append. */
export const MAX_AUDIO_CHARS = 20 * 1024 * 1024

const id = text(512)
/** Ids that a client gives to items and calls. */
const chosenId = text(32)
const voice = stringOr(oneOf(...VOICES), object({ id: text(512), type: text(64), name: text(512) }))
const format = tagged('type', {
  'audio/pcm': object({ type: any, rate: integer(24_000, 24_000) }, ['rate']),
  'audio/pcmu': object({ type: any }),
  'audio/pcma': object({ type: any }),
})
const maxTokens = stringOr(oneOf('inf'), integer(1, 4096))
const modalities = arrayOf(oneOf('text', 'audio'), 2)
const metadata = nullable(mapOf(text(512), 16, 64))
const prompt = nullable(object({ id: text(512), version: nullable(text(512)), variables: nullable(any) }, ['id']))

const tool = tagged('type', {
  function: object({ type: any, name: text(128), description: nullable(text()), parameters: nullable(any), strict: nullable(flag) }, ['name']),
  mcp: object(
    {
      type: any,
      server_label: text(256),
      server_url: text(4096),
      server_description: text(),
      connector_id: text(256),
      tunnel_id: text(256),
      authorization: text(65_536),
      headers: nullable(mapOf(text(65_536), 64, 256)),
      allowed_tools: any,
      require_approval: any,
    },
    ['server_label'],
  ),
})
const toolChoice = stringOr(
  oneOf('none', 'auto', 'required'),
  tagged('type', { function: object({ type: any, name: text(128) }, ['name']), mcp: object({ type: any, server_label: text(256), name: nullable(text(256)) }, ['server_label']) }),
)
const reasoning = nullable(object({ effort: nullable(oneOf('none', 'minimal', 'low', 'medium', 'high')) }))

const turnDetection = tagged('type', {
  server_vad: object({
    type: any,
    threshold: decimal(0, 1),
    prefix_padding_ms: integer(0, 10_000),
    silence_duration_ms: integer(0, 10_000),
    idle_timeout_ms: nullable(integer(5000, 30_000)),
    create_response: flag,
    interrupt_response: flag,
  }),
  semantic_vad: object({ type: any, eagerness: oneOf('low', 'medium', 'high', 'auto'), create_response: flag, interrupt_response: flag }),
})
const audioInput = object({
  format,
  transcription: nullable(
    object({ model: text(256), language: nullable(text(64)), languages: nullable(arrayOf(text(64), 64)), prompt: nullable(text()), keywords: nullable(any), delay: nullable(any) }),
  ),
  noise_reduction: nullable(object({ type: oneOf('near_field', 'far_field') }, ['type'])),
  turn_detection: nullable(turnDetection),
})
const include = nullable(arrayOf(text(128), 16))

const realtimeSession = object({
  type: any,
  model: text(256),
  instructions: text(),
  output_modalities: modalities,
  audio: object({ input: audioInput, output: object({ format, voice, speed: decimal(0.25, 1.5) }) }),
  tools: arrayOf(tool, 128),
  tool_choice: toolChoice,
  parallel_tool_calls: flag,
  max_output_tokens: maxTokens,
  tracing: nullable(stringOr(oneOf('auto'), object({ workflow_name: text(512), group_id: text(512), metadata: any }))),
  truncation: stringOr(oneOf('auto', 'disabled'), object({ type: oneOf('retention_ratio'), retention_ratio: decimal(0, 1), token_limits: any }, ['type', 'retention_ratio'])),
  prompt,
  include,
  reasoning,
})
const transcriptionSession = object({ type: any, audio: object({ input: audioInput }), include })

const part = (types: Readonly<Record<string, Rule>>) => arrayOf(tagged('type', types), 64)
const inputText = object({ type: any, text: text() }, ['text'])
const inputAudio = object({ type: any, audio: text(MAX_AUDIO_CHARS), transcript: nullable(text()) })
const shared = { type: any, id: chosenId, object: any, status: oneOf('completed', 'incomplete', 'in_progress') }
const message = tagged('role', {
  user: object(
    {
      ...shared,
      role: any,
      content: part({
        input_text: inputText,
        input_audio: inputAudio,
        input_image: object({ type: any, image_url: text(MAX_AUDIO_CHARS), detail: oneOf('auto', 'low', 'high') }, ['image_url']),
      }),
    },
    ['content'],
  ),
  assistant: object(
    {
      ...shared,
      role: any,
      phase: any,
      // What the assistant said aloud cannot be put back.
      content: part({ output_text: inputText }),
    },
    ['content'],
  ),
  system: object({ ...shared, role: any, content: part({ input_text: inputText }) }, ['content']),
})
const itemCases = {
  message,
  function_call: object({ ...shared, name: text(128), call_id: chosenId, arguments: text() }, ['name', 'arguments']),
  function_call_output: object({ ...shared, call_id: chosenId, output: text() }, ['call_id', 'output']),
  mcp_approval_response: object({ ...shared, approval_request_id: id, approve: flag, reason: nullable(text()) }, ['approval_request_id', 'approve']),
}
const item = tagged('type', itemCases)

const response = object({
  // LiveKit for Python sends null for 'as the session has them'.
  instructions: nullable(text()),
  output_modalities: modalities,
  audio: object({ output: object({ format, voice }) }),
  tools: arrayOf(tool, 128),
  tool_choice: toolChoice,
  parallel_tool_calls: flag,
  max_output_tokens: maxTokens,
  conversation: oneOf('auto', 'none'),
  metadata,
  input: arrayOf(tagged('type', { ...itemCases, item_reference: object({ type: any, id }, ['id']) }), 256),
  prompt,
  reasoning,
})

const event = (fields: Readonly<Record<string, Rule>> = {}, required: readonly string[] = []) => object({ type: any, event_id: nullable(id), ...fields }, required)

/** In the order in which the service lists them. Two `session.` types belong to translations, but the service lists them too. */
export const SUPPORTED_TYPES = [
  'session.update',
  'session.close',
  'input_audio_buffer.append',
  'session.input_audio_buffer.append',
  'input_audio_buffer.commit',
  'input_audio_buffer.clear',
  'conversation.item.create',
  'conversation.item.truncate',
  'conversation.item.delete',
  'conversation.item.retrieve',
  'response.create',
  'response.cancel',
] as const

/** What a WebRTC call and its sideband take. */
export const CALL_TYPES = [...SUPPORTED_TYPES, 'output_audio_buffer.clear'] as const

export const CLIENT_EVENTS = {
  'session.update': event({ session: tagged('type', { realtime: realtimeSession, transcription: transcriptionSession }) }, ['session']),
  'input_audio_buffer.append': event({ audio: text(MAX_AUDIO_CHARS) }, ['audio']),
  'input_audio_buffer.commit': event(),
  'input_audio_buffer.clear': event(),
  'conversation.item.create': event({ previous_item_id: nullable(id), item }, ['item']),
  'conversation.item.truncate': event({ item_id: id, content_index: integer(0, 1_000_000), audio_end_ms: integer(0, 1_000_000_000) }, ['item_id', 'content_index', 'audio_end_ms']),
  'conversation.item.delete': event({ item_id: id }, ['item_id']),
  'conversation.item.retrieve': event({ item_id: id }, ['item_id']),
  'response.create': event({ response: nullable(response) }),
  'response.cancel': event({ response_id: nullable(id) }),
  'output_audio_buffer.clear': event(),
} as const satisfies Record<string, Rule>

export type ClientEventType = keyof typeof CLIENT_EVENTS
