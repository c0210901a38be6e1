// The tables of session and response fields: their places and values in preview and in GA.
import { isObject, type Json, type JsonObject, objectAt, stringAt } from '../events.js'
import { type FieldMove, type Shape, without } from './fields.js'
import { gapNames } from './gaps.js'

/** Voice Live is preview with a few values of its own. */
export type Flavour = 'preview' | 'voice-live'

export interface Shapes {
  readonly session: Shape
  readonly responseCreate: Shape
  readonly response: Shape
}

const FORMATS: Readonly<Record<string, JsonObject>> = {
  pcm16: { type: 'audio/pcm', rate: 24000 },
  g711_ulaw: { type: 'audio/pcmu' },
  g711_alaw: { type: 'audio/pcma' },
}

/** A name without a GA form keeps its spelling; Voice Live has some. */
function formatToGa(value: Json): Json {
  return typeof value === 'string' && Object.hasOwn(FORMATS, value) ? { ...FORMATS[value] } : value
}

function formatToPreview(value: Json): Json | undefined {
  if (!isObject(value)) return value
  return Object.keys(FORMATS).find((name) => FORMATS[name]?.type === value.type)
}

/** GA audio output always has its transcript, so `["audio","text"]` and `["audio"]` ask for the same. */
function modalitiesToGa(value: Json): Json {
  if (!isModalities(value)) return value
  return value.includes('audio') ? ['audio'] : ['text']
}

/** The Azure preview refuses `["audio"]` alone. */
function modalitiesToPreview(value: Json): Json {
  return isModalities(value) && value.includes('audio') ? ['audio', 'text'] : value
}

function isModalities(value: Json): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((entry) => entry === 'audio' || entry === 'text')
}

function turnDetectionToGa(value: Json): Json {
  return isObject(value) && value.type === 'none' ? null : value
}

function toolChoiceToGa(value: Json): Json {
  const name = isObject(value) && value.type === 'function' ? stringAt(objectAt(value, 'function'), 'name') : undefined
  return name === undefined ? value : { type: 'function', name }
}

function toolChoiceToPreview(value: Json, flavour: Flavour): Json | undefined {
  if (!isObject(value)) return value
  if (value.type === 'mcp') return undefined
  if (flavour === 'voice-live') return value
  const name = value.type === 'function' ? stringAt(value, 'name') : undefined
  return name === undefined ? value : { type: 'function', function: { name } }
}

function toolsToPreview(value: Json): Json {
  return Array.isArray(value) ? value.filter((tool) => !(isObject(tool) && tool.type === 'mcp')) : value
}

/** Voice Live reports OpenAI's voices as `{type: "openai", name}`; GA has the name alone. */
function voiceToGa(value: Json): Json {
  const name = isObject(value) && value.type === 'openai' ? stringAt(value, 'name') : undefined
  return name ?? value
}

const GA_TRANSCRIPTION = gapNames('ga', 'transcription')
const GA_TURN_DETECTION = gapNames('ga', 'turn detection')

function leaveOut(keys: ReadonlySet<string>): (value: Json) => Json {
  return (value) => (isObject(value) ? without(value, keys) : value)
}

export function shapesOf(flavour: Flavour): Shapes {
  const voice: FieldMove = {
    preview: 'voice',
    ga: 'audio.output.voice',
    toGa: voiceToGa,
    toPreview: (value) => (flavour === 'preview' && isObject(value) ? undefined : value),
  }
  const output: readonly FieldMove[] = [
    { preview: 'modalities', ga: 'output_modalities', toGa: modalitiesToGa, toPreview: modalitiesToPreview },
    voice,
    { preview: 'output_audio_format', ga: 'audio.output.format', toGa: formatToGa, toPreview: formatToPreview },
  ]
  const tools: readonly FieldMove[] = [
    { preview: 'tool_choice', ga: 'tool_choice', toGa: toolChoiceToGa, toPreview: (value) => toolChoiceToPreview(value, flavour) },
    { preview: 'tools', ga: 'tools', toPreview: toolsToPreview },
  ]
  // Some preview schemas have this name, others have GA's.
  const olderTokens: FieldMove = { preview: 'max_response_output_tokens', ga: 'max_output_tokens', readOnly: true }
  const turnDetectionToPreview = flavour === 'preview' ? leaveOut(GA_TURN_DETECTION) : (value: Json) => value
  return {
    session: {
      moves: [
        ...output,
        { preview: 'speed', ga: 'audio.output.speed' },
        { preview: 'input_audio_format', ga: 'audio.input.format', toGa: formatToGa, toPreview: formatToPreview },
        { preview: 'input_audio_transcription', ga: 'audio.input.transcription', toPreview: leaveOut(GA_TRANSCRIPTION) },
        { preview: 'input_audio_noise_reduction', ga: 'audio.input.noise_reduction' },
        { preview: 'turn_detection', ga: 'audio.input.turn_detection', toGa: turnDetectionToGa, toPreview: turnDetectionToPreview },
        { preview: 'max_response_output_tokens', ga: 'max_output_tokens' },
        ...tools,
      ],
      previewOnly: gapNames('preview', 'session'),
      gaOnly: gapNames('ga', 'session'),
    },
    responseCreate: {
      moves: [...output, ...tools, olderTokens, { preview: 'input_items', ga: 'input', readOnly: true }],
      previewOnly: gapNames('preview', 'response.create'),
      gaOnly: gapNames('ga', 'response.create'),
    },
    response: { moves: [...output, olderTokens], previewOnly: gapNames('preview', 'response'), gaOnly: new Set() },
  }
}

const LATE_FIELDS = ['input_audio_noise_reduction', 'include', 'tracing', 'prompt', 'speed']

/** Whether a client's preview session uses a setting that came with the late event types. The first preview transcribed with `whisper-1` only. */
export function isLateSession(session: JsonObject): boolean {
  if (LATE_FIELDS.some((field) => Object.hasOwn(session, field))) return true
  const model = stringAt(objectAt(session, 'input_audio_transcription'), 'model')
  return (model !== undefined && model !== 'whisper-1') || stringAt(objectAt(session, 'turn_detection'), 'type') === 'semantic_vad'
}
