// What a client may ever be allowed to set of a session or response: one strict validator per GA path, which rebuilds the value it lets through.
import { isObject, type Json, type JsonObject } from '../protocol/events.js'

/** The value rebuilt from fields known here, or undefined if its shape is wrong. Fields not known here are left out. */
export type Settable = (value: Json) => Json | undefined

const LOGPROBS = 'item.input_audio_transcription.logprobs'
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/
const LANGUAGE = /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$/

/**
 * Instructions, tools, tool choice, model, prompt and tracing are absent because they belong to the server: a configuration that names them is
 * refused. Names and bounds: OpenAI's API reference, `session.update` of the Realtime API.
 */
export const SETTABLE: Readonly<Record<string, Settable>> = {
  'audio.output.voice': voice,
  'audio.output.voice.id': matching(NAME),
  'audio.output.speed': numberWithin(0.25, 1.5),
  'audio.output.format': audioFormat,
  'audio.input.format': audioFormat,
  'audio.input.noise_reduction': noiseReduction,
  'audio.input.transcription': transcription,
  'audio.input.turn_detection': turnDetection,
  output_modalities: outputModalities,
  max_output_tokens: (value) => (value === 'inf' ? value : integerWithin(1, 4096)(value)),
  truncation,
  reasoning: (value) => (isObject(value) ? rebuild(value, { effort: oneOf('minimal', 'low', 'medium', 'high', 'xhigh') }) : undefined),
  include: (value) => (Array.isArray(value) && value.every((entry) => entry === LOGPROBS) ? value.slice(0, 1) : undefined),
  parallel_tool_calls: boolean,
}

/** Every dotted path a configuration may offer to clients. */
export function settablePaths(): readonly string[] {
  return Object.keys(SETTABLE)
}

/** How a setting spells a value that it allows: the value itself, or what tells one object from another. Undefined for a value without a spelling. */
export function spelled(value: Json): string | undefined {
  if (value === null) return 'null'
  if (Array.isArray(value)) return value.map(String).join('+')
  if (!isObject(value)) return String(value)
  const name = value.type ?? value.effort ?? value.model ?? value.id
  return typeof name === 'string' ? name : undefined
}

/** The validator of `path`. Undefined: no client may ever set it. */
export function settableAt(path: string): Settable | undefined {
  return Object.hasOwn(SETTABLE, path) ? SETTABLE[path] : undefined
}

const MAX_LANGUAGES = 16

function voice(value: Json): Json | undefined {
  if (isObject(value)) return rebuild(value, { id: matching(NAME) }, ['id'])
  return matching(NAME)(value)
}

function audioFormat(value: Json): Json | undefined {
  if (!isObject(value)) return undefined
  if (ownType(value) === 'audio/pcm') return rebuild(value, { type: oneOf('audio/pcm'), rate: (rate) => (rate === 24000 ? rate : undefined) }, ['rate'])
  return rebuild(value, { type: oneOf('audio/pcmu', 'audio/pcma') }, ['type'])
}

function noiseReduction(value: Json): Json | undefined {
  if (value === null) return null
  return isObject(value) ? rebuild(value, { type: oneOf('near_field', 'far_field') }, ['type']) : undefined
}

/** `prompt` and `keywords` steer a model, so they stay with the server. */
function transcription(value: Json): Json | undefined {
  if (value === null) return null
  return isObject(value) ? rebuild(value, { model: matching(NAME), language: matching(LANGUAGE), languages, delay: oneOf('minimal', 'low', 'medium', 'high', 'xhigh') }) : undefined
}

function languages(value: Json): Json | undefined {
  return Array.isArray(value) && value.length > 0 && value.length <= MAX_LANGUAGES && value.every((one) => typeof one === 'string' && LANGUAGE.test(one)) ? value : undefined
}

function turnDetection(value: Json): Json | undefined {
  if (value === null) return null
  if (!isObject(value)) return undefined
  const answers = { create_response: boolean, interrupt_response: boolean }
  if (ownType(value) === 'semantic_vad') {
    return rebuild(value, { type: oneOf('semantic_vad'), eagerness: oneOf('low', 'medium', 'high', 'auto'), ...answers })
  }
  return rebuild(
    value,
    {
      type: oneOf('server_vad'),
      threshold: numberWithin(0, 1),
      prefix_padding_ms: integerWithin(0, 10_000),
      silence_duration_ms: integerWithin(0, 10_000),
      idle_timeout_ms: integerWithin(5_000, 30_000),
      ...answers,
    },
    ['type'],
  )
}

function outputModalities(value: Json): Json | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.length > 2) return undefined
  if (!value.every((entry) => entry === 'audio' || entry === 'text')) return undefined
  return value.includes('audio') ? ['audio'] : ['text']
}

function truncation(value: Json): Json | undefined {
  if (!isObject(value)) return oneOf('auto', 'disabled')(value)
  const tokenLimits: Settable = (limits) => (isObject(limits) ? rebuild(limits, { post_instructions: integerWithin(1, 1_000_000) }) : undefined)
  return rebuild(value, { type: oneOf('retention_ratio'), retention_ratio: numberWithin(0, 1), token_limits: tokenLimits }, ['type', 'retention_ratio'])
}

/** A null field means "unset" in every object here, and clients send back whole objects full of them: left out rather than refused. */
function rebuild(value: JsonObject, fields: Readonly<Record<string, Settable>>, required: readonly string[] = []): JsonObject | undefined {
  const built: JsonObject = {}
  for (const [name, check] of Object.entries(fields)) {
    const field = Object.hasOwn(value, name) ? value[name] : undefined
    if (field === undefined || field === null) {
      if (required.includes(name)) return undefined
      continue
    }
    const checked = check(field)
    if (checked === undefined) return undefined
    built[name] = checked
  }
  return built
}

function ownType(value: JsonObject): Json | undefined {
  return Object.hasOwn(value, 'type') ? value.type : undefined
}

function boolean(value: Json): Json | undefined {
  return typeof value === 'boolean' ? value : undefined
}

function oneOf(...allowed: readonly string[]): Settable {
  return (value) => (typeof value === 'string' && allowed.includes(value) ? value : undefined)
}

function matching(pattern: RegExp): Settable {
  return (value) => (typeof value === 'string' && pattern.test(value) ? value : undefined)
}

function numberWithin(low: number, high: number): Settable {
  return (value) => (typeof value === 'number' && value >= low && value <= high ? value : undefined)
}

function integerWithin(low: number, high: number): Settable {
  return (value) => (Number.isInteger(value) ? numberWithin(low, high)(value) : undefined)
}
