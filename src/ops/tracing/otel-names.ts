// Every name of a span, an attribute and an event that the relay exports. Those under `gen_ai.` follow a draft that still moves.

/** State of OpenTelemetry's draft on realtime generation that the names were taken from (semantic-conventions-genai). */
export const CONVENTIONS_OF = '2026-11'

export const SCOPE = 'realtime-relay'

export const SPAN = {
  connect: 'realtime connect',
  turn: 'realtime turn',
  dial: 'realtime dial',
  restore: 'realtime restore',
  rollover: 'realtime rollover',
  userSpeech: 'user_speech',
  inference: 'realtime_inference',
  tool: 'execute_tool',
  guard: 'guard',
} as const

export const EVENT = { firstAudio: 'first_audio', guardTripped: 'guard_tripped', guardFailed: 'guard_failed' } as const

export const ATTRIBUTE = {
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  outputType: 'gen_ai.output.type',
  responseId: 'gen_ai.response.id',
  finishReasons: 'gen_ai.response.finish_reasons',
  upstreamSession: 'gen_ai.realtime_session.id',
  toolName: 'gen_ai.tool.name',
  toolType: 'gen_ai.tool.type',
  toolCallId: 'gen_ai.tool.call.id',
  toolArguments: 'gen_ai.tool.call.arguments',
  toolResult: 'gen_ai.tool.call.result',
  inputMessages: 'gen_ai.input.messages',
  outputMessages: 'gen_ai.output.messages',
  errorType: 'error.type',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  session: 'relay.session.id',
  profile: 'relay.profile',
  dialect: 'relay.client.dialect',
  resumed: 'relay.session.resumed',
  turnStart: 'relay.turn.start',
  turnEnd: 'relay.turn.end',
  firstAudioMs: 'relay.turn.first_audio_ms',
  dialReason: 'relay.dial.reason',
  upstream: 'relay.upstream',
  lossCause: 'relay.restore.cause',
  during: 'relay.restore.during',
  cut: 'relay.restore.cut',
  attempts: 'relay.restore.attempts',
  guard: 'relay.guard.name',
  guardSide: 'relay.guard.side',
  guardCategory: 'relay.guard.category',
  guardWhy: 'relay.guard.why',
  guardOutcome: 'relay.guard.outcome',
} as const

/** Where the service's own account of a response has each number. */
export const USAGE: readonly (readonly [attribute: string, path: readonly string[]])[] = [
  ['gen_ai.usage.input_tokens', ['input_tokens']],
  ['gen_ai.usage.output_tokens', ['output_tokens']],
  ['gen_ai.usage.text.input_tokens', ['input_token_details', 'text_tokens']],
  ['gen_ai.usage.audio.input_tokens', ['input_token_details', 'audio_tokens']],
  ['gen_ai.usage.image.input_tokens', ['input_token_details', 'image_tokens']],
  ['gen_ai.usage.cache_read.input_tokens', ['input_token_details', 'cached_tokens']],
  ['gen_ai.usage.text.cache_read.input_tokens', ['input_token_details', 'cached_tokens_details', 'text_tokens']],
  ['gen_ai.usage.audio.cache_read.input_tokens', ['input_token_details', 'cached_tokens_details', 'audio_tokens']],
  ['gen_ai.usage.image.cache_read.input_tokens', ['input_token_details', 'cached_tokens_details', 'image_tokens']],
  ['gen_ai.usage.text.output_tokens', ['output_token_details', 'text_tokens']],
  ['gen_ai.usage.audio.output_tokens', ['output_token_details', 'audio_tokens']],
]

export const PROVIDER = { azure: 'azure.ai.openai', openai: 'openai', 'voice-live': 'azure.ai.openai' } as const
