// Voice Live's session: what a client may set, the fields that GA has no place for, and the session as its events show it.
import { isObject, type Json, type JsonObject } from '../core/protocol/events.js'
import { RATE } from './resample.js'
import type { SessionConfig, TurnDetection } from './session-config.js'
import { any, arrayOf, decimal, flag, integer, nullable, object, oneOf, type Rule, stringOr, tagged, text } from './validate.js'

/** OpenAI's voices by name; any other name is one of Azure's. */
const OPENAI_VOICES = new Set(['alloy', 'ash', 'ballad', 'coral', 'echo', 'sage', 'shimmer', 'verse', 'marin', 'cedar'])

/** Rates of the formats that name one; `pcm16` has 24 kHz, G.711 stays as it is. */
const OUTPUT_RATES: Readonly<Record<string, number>> = { pcm16_8000hz: 8000, pcm16_16000hz: 16_000, 'pcm16-8000hz': 8000, 'pcm16-16000hz': 16_000 }

const voiceObject = { type: any, name: text(256), temperature: nullable(decimal(0, 1)), rate: any, pitch: any, style: any, volume: any, locale: any, model: any, endpoint_id: any }
const more = { custom_lexicon_url: any, prefer_locales: any }
const vad = {
  ...{
    type: any,
    threshold: nullable(decimal(0, 1)),
    prefix_padding_ms: integer(0, 10_000),
    silence_duration_ms: integer(0, 10_000),
    idle_timeout_ms: nullable(integer(5000, 30_000)),
  },
  ...{ create_response: flag, interrupt_response: flag, speech_duration_ms: nullable(integer(0, 10_000)), end_of_utterance_detection: nullable(any) },
  ...{ auto_truncate: flag, appended_text_after_truncation: nullable(text()), remove_filler_words: flag, languages: nullable(arrayOf(text(64), 64)) },
}
const turnDetection = tagged('type', {
  server_vad: object(vad),
  semantic_vad: object({ ...vad, eagerness: oneOf('low', 'medium', 'high', 'auto') }),
  azure_semantic_vad: object(vad),
  azure_semantic_vad_en: object(vad),
  azure_semantic_vad_multilingual: object(vad),
})
const tool = tagged('type', {
  function: object({ type: any, name: text(128), description: nullable(text()), parameters: nullable(any), strict: nullable(flag) }, ['name']),
  mcp: any,
})

export const VOICE_LIVE_SESSION: Rule = object({
  model: text(256),
  modalities: arrayOf(oneOf('text', 'audio', 'animation', 'avatar'), 4),
  instructions: text(),
  voice: nullable(
    stringOr(
      text(256),
      tagged('type', {
        openai: object({ type: any, name: oneOf(...OPENAI_VOICES) }, ['name']),
        'azure-standard': object({ ...voiceObject, ...more }, ['name']),
        'azure-custom': object({ ...voiceObject, ...more }, ['name', 'endpoint_id']),
        'azure-personal': object({ ...voiceObject, ...more }, ['name']),
      }),
    ),
  ),
  input_audio_format: oneOf('pcm16', 'g711_ulaw', 'g711_alaw'),
  output_audio_format: oneOf('pcm16', 'g711_ulaw', 'g711_alaw', ...Object.keys(OUTPUT_RATES)),
  input_audio_sampling_rate: integer(8000, 48_000),
  input_audio_transcription: nullable(object({ model: text(256), language: nullable(text(256)), prompt: nullable(text()), custom_speech: any, phrase_list: any })),
  input_audio_noise_reduction: nullable(object({ type: oneOf('near_field', 'far_field', 'azure_deep_noise_suppression') }, ['type'])),
  input_audio_echo_cancellation: nullable(object({ type: oneOf('server_echo_cancellation') }, ['type'])),
  turn_detection: nullable(turnDetection),
  tools: nullable(arrayOf(tool, 128)),
  tool_choice: stringOr(oneOf('none', 'auto', 'required'), object({ type: oneOf('function'), name: text(128) }, ['name'])),
  parallel_tool_calls: flag,
  temperature: nullable(decimal(0, 2)),
  max_response_output_tokens: stringOr(oneOf('inf'), integer(1, 32_768)),
  reasoning_effort: nullable(oneOf('none', 'minimal', 'low', 'medium', 'high', 'xhigh')),
  animation: nullable(any),
  avatar: nullable(any),
  output_audio_timestamp_types: nullable(arrayOf(oneOf('word'), 4)),
  truncation_strategy: nullable(any),
  include: nullable(arrayOf(text(128), 16)),
  interim_response: nullable(any),
})

/** Shown in every session, null until a client sets them. */
const SHOWN = ['animation', 'input_audio_echo_cancellation', 'avatar', 'output_audio_timestamp_types', 'truncation_strategy', 'include'] as const
/** Shown only after a client set them. */
const SHOWN_IF_SET = ['temperature', 'reasoning_effort', 'interim_response', 'parallel_tool_calls'] as const

/** What a client set, in Voice Live's own spelling. */
export type OwnSettings = JsonObject

/** `update` over what was set before. A new turn detection forgets the old one. */
export function mergedOwn(own: OwnSettings, update: JsonObject): OwnSettings {
  const next = { ...own, ...update }
  if (typeof next.voice === 'string') next.voice = OPENAI_VOICES.has(next.voice) ? { name: next.voice, type: 'openai' } : { name: next.voice, type: 'azure-standard' }
  return next
}

/** The part of the update that the session behind the door understands. A setting that it does not know shows, but changes nothing. */
export function gaUpdate(update: JsonObject): JsonObject {
  const out: JsonObject = { type: 'realtime' }
  for (const key of ['instructions', 'tools', 'tool_choice']) if (update[key] !== undefined && update[key] !== null) out[key] = update[key]
  if (Array.isArray(update.modalities)) out.output_modalities = [update.modalities.includes('audio') ? 'audio' : 'text']
  if (update.max_response_output_tokens !== undefined) out.max_output_tokens = cappedTokens(update.max_response_output_tokens)
  const input: JsonObject = {}
  if (update.input_audio_format !== undefined) input.format = gaFormat(update.input_audio_format)
  if (update.input_audio_transcription !== undefined) input.transcription = gaTranscription(update.input_audio_transcription)
  if (update.turn_detection !== undefined) input.turn_detection = gaTurnDetection(update.turn_detection)
  const output: JsonObject = {}
  if (update.output_audio_format !== undefined) output.format = gaFormat(update.output_audio_format)
  const voice = isObject(update.voice) ? update.voice.name : update.voice
  if (typeof voice === 'string' && OPENAI_VOICES.has(voice)) output.voice = voice
  if (Object.keys(input).length + Object.keys(output).length > 0) out.audio = { input, output }
  return out
}

function cappedTokens(value: Json): Json {
  return typeof value === 'number' ? Math.min(value, 4096) : value
}

export function gaFormat(value: Json): Json {
  return value === 'g711_ulaw' ? { type: 'audio/pcmu' } : value === 'g711_alaw' ? { type: 'audio/pcma' } : { type: 'audio/pcm', rate: RATE }
}

function gaTranscription(value: Json): Json {
  if (!isObject(value)) return null
  return Object.fromEntries(Object.entries(value).filter(([key]) => key === 'model' || key === 'language' || key === 'prompt'))
}

const GA_VAD = ['threshold', 'prefix_padding_ms', 'silence_duration_ms', 'idle_timeout_ms', 'create_response', 'interrupt_response']

/** Every kind listens by energy. Source of the defaults: recordings, where an update changed 300 and 200 to these. */
function gaTurnDetection(value: Json): Json {
  if (!isObject(value)) return null
  const known = Object.entries(value).filter(([key, inner]) => GA_VAD.includes(key) && inner !== null)
  return { type: 'server_vad', prefix_padding_ms: 400, silence_duration_ms: 500, ...Object.fromEntries(known) }
}

/** Samples a second of what the client sends and of what it hears. */
export function ratesOf(own: OwnSettings): { input: number; output: number } {
  const rate = own.input_audio_sampling_rate
  return { input: typeof rate === 'number' ? rate : RATE, output: OUTPUT_RATES[String(own.output_audio_format)] ?? RATE }
}

export function shownVoice(config: SessionConfig, own: OwnSettings): Json {
  return own.voice ?? { name: config.audio.output?.voice ?? 'alloy', type: 'openai' }
}

/** In the order of the recordings. */
export function shownSession(config: SessionConfig, own: OwnSettings): JsonObject {
  const { input } = config.audio
  return {
    id: config.id,
    model: shownModel(config.model ?? ''),
    modalities: own.modalities ?? ['audio'],
    instructions: config.instructions ?? '',
    voice: shownVoice(config, own),
    input_audio_format: own.input_audio_format ?? 'pcm16',
    output_audio_format: own.output_audio_format ?? null,
    input_audio_transcription: own.input_audio_transcription ? { ...EMPTY_TRANSCRIPTION, ...(own.input_audio_transcription as JsonObject) } : null,
    input_audio_noise_reduction: own.input_audio_noise_reduction ?? null,
    turn_detection: input.turn_detection && shownTurnDetection(input.turn_detection, own.turn_detection),
    tools: (config.tools ?? []).map(({ name, description, type, ...rest }) => ({
      ...(name !== undefined && { name }),
      ...(description !== undefined && { description }),
      type,
      ...rest,
    })),
    tool_choice: config.tool_choice ?? 'auto',
    max_response_output_tokens: own.max_response_output_tokens ?? 'inf',
    expires_at: config.expires_at,
    object: 'realtime.session',
    input_audio_sampling_rate: own.input_audio_sampling_rate ?? RATE,
    ...Object.fromEntries(SHOWN.map((key) => [key, own[key] ?? null])),
    ...Object.fromEntries(SHOWN_IF_SET.filter((key) => own[key] !== undefined).map((key) => [key, own[key] ?? null])),
  }
}

const EMPTY_TRANSCRIPTION = { model: null, language: null, prompt: null, custom_speech: null, phrase_list: null }

function shownTurnDetection(detection: TurnDetection, own: Json | undefined): JsonObject {
  const { threshold = 0.5, prefix_padding_ms = 300, silence_duration_ms = 200, create_response, interrupt_response, idle_timeout_ms = null } = detection
  const base = { type: 'server_vad', threshold, prefix_padding_ms, silence_duration_ms, create_response, interrupt_response, idle_timeout_ms }
  const extra = { speech_duration_ms: null, end_of_utterance_detection: null, auto_truncate: false, appended_text_after_truncation: null }
  return { ...base, ...extra, ...(isObject(own) ? own : {}) }
}

/** Source: recordings, for models of the Realtime API. */
function shownModel(model: string): string {
  return /^gpt-(?:4o-)?(?:mini-)?realtime/.test(model) ? `${model}-global-standard` : model
}
