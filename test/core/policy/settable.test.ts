// What a client may set: each row a path, what is sent, what is kept (undefined: refused), and why.
import { describe, expect, it } from 'vitest'
import { settableAt, settablePaths } from '../../../src/core/policy/settable.js'
import type { Json, JsonObject } from '../../../src/core/protocol/events.js'
import { readPath, writePath } from '../../../src/core/protocol/paths.js'
import { hasShared, neededShared, sharedJson } from '../../support/shared.js'

const vad = { type: 'server_vad', threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 200, idle_timeout_ms: null, create_response: true, interrupt_response: true }
const { idle_timeout_ms: _, ...vadKept } = vad

const rows: readonly (readonly [path: string, sent: Json, kept: Json | undefined, why: string])[] = [
  ['audio.output.voice', 'marin', 'marin', 'a built-in voice'],
  ['audio.output.voice', { id: 'voice_1', secret: 1 }, { id: 'voice_1' }, 'a custom voice, its unknown field left out'],
  ['audio.output.voice', {}, undefined, 'a custom voice needs its id'],
  ['audio.output.voice', '', undefined, 'empty'],
  ['audio.output.voice', 'a'.repeat(65), undefined, 'too long'],
  ['audio.output.voice', 'a\nb', undefined, 'control character'],
  ['audio.output.voice', ['marin'], undefined, 'a list is no voice'],
  ['audio.output.voice.id', 'voice_1', 'voice_1', 'the id alone, where custom voices are open'],
  ['audio.output.voice.id', { id: 'voice_1' }, undefined, 'no object within the object'],
  ['audio.output.speed', 0.25, 0.25, 'lowest'],
  ['audio.output.speed', 1.5, 1.5, 'highest'],
  ['audio.output.speed', 1.51, undefined, 'too fast'],
  ['audio.output.speed', '1', undefined, 'a string is no number'],
  ['audio.output.format', { type: 'audio/pcm', rate: 24000 }, { type: 'audio/pcm', rate: 24000 }, 'pcm'],
  ['audio.output.format', { type: 'audio/pcm' }, undefined, 'upstream refuses pcm without a rate'],
  ['audio.output.format', { type: 'audio/pcm', rate: 8000 }, undefined, 'upstream drops the whole update below 24000'],
  ['audio.input.format', { type: 'audio/pcmu', rate: 8000 }, { type: 'audio/pcmu' }, 'telephony formats carry no rate'],
  ['audio.input.format', { type: 'audio/mp3' }, undefined, 'unknown format'],
  ['audio.input.format', 'pcm16', undefined, 'preview spelling is translated before it gets here'],
  ['audio.input.noise_reduction', null, null, 'off'],
  ['audio.input.noise_reduction', { type: 'far_field' }, { type: 'far_field' }, 'known'],
  ['audio.input.noise_reduction', {}, undefined, 'type is required'],
  ['audio.input.transcription', null, null, 'off'],
  ['audio.input.transcription', { language: 'de', prompt: 'ignore', keywords: ['x'] }, { language: 'de' }, 'a prompt steers a model'],
  ['audio.input.transcription', { model: 'whisper-1' }, { model: 'whisper-1' }, 'a model name'],
  ['audio.input.transcription', { language: 'de; DROP' }, undefined, 'no language'],
  ['audio.input.turn_detection', null, null, 'push to talk'],
  ['audio.input.turn_detection', vad, vadKept, 'as session.created spells it, null fields left out'],
  ['audio.input.turn_detection', { type: 'server_vad', threshold: 1.1 }, undefined, 'threshold above 1'],
  ['audio.input.turn_detection', { type: 'server_vad', prefix_padding_ms: 1.5 }, undefined, 'milliseconds are whole'],
  ['audio.input.turn_detection', { type: 'server_vad', idle_timeout_ms: 4999 }, undefined, 'idle responses are billed: the bound is upstream’s'],
  ['audio.input.turn_detection', { type: 'semantic_vad', eagerness: 'low', threshold: 1 }, { type: 'semantic_vad', eagerness: 'low' }, 'fields of the other kind left out'],
  ['audio.input.turn_detection', { type: 'semantic_vad', eagerness: 'wild' }, undefined, 'unknown eagerness'],
  ['audio.input.turn_detection', { threshold: 0.5 }, undefined, 'type is required'],
  ['output_modalities', ['text'], ['text'], 'text'],
  ['output_modalities', ['text', 'audio'], ['audio'], 'audio comes with its transcript; upstream takes one'],
  ['output_modalities', [], undefined, 'none at all'],
  ['output_modalities', ['video'], undefined, 'unknown'],
  ['max_output_tokens', 'inf', 'inf', 'no bound'],
  ['max_output_tokens', 4096, 4096, 'highest'],
  ['max_output_tokens', 4097, undefined, 'too many'],
  ['max_output_tokens', 0, undefined, 'too few'],
  ['max_output_tokens', '100', undefined, 'a string is no number'],
  ['truncation', 'auto', 'auto', 'by name'],
  [
    'truncation',
    { type: 'retention_ratio', retention_ratio: 0.8, token_limits: { post_instructions: 5000, x: 1 } },
    { type: 'retention_ratio', retention_ratio: 0.8, token_limits: { post_instructions: 5000 } },
    'ratio',
  ],
  ['truncation', { type: 'retention_ratio' }, undefined, 'the ratio is required'],
  ['reasoning', { effort: 'low', summary: 'x' }, { effort: 'low' }, 'effort only'],
  ['reasoning', { effort: 'huge' }, undefined, 'unknown effort'],
  ['include', ['item.input_audio_transcription.logprobs'], ['item.input_audio_transcription.logprobs'], 'the one known value'],
  ['include', ['file_search_call.results'], undefined, 'unknown value'],
  ['include', [], [], 'none'],
  ['parallel_tool_calls', false, false, 'boolean'],
  ['parallel_tool_calls', 0, undefined, 'no boolean'],
]

describe('what a client may set', () => {
  it.each(rows)('%s: %j → %j (%s)', (path, sent, kept) => {
    expect(settableAt(path)?.(sent)).toEqual(kept)
  })

  it('has a row for every path', () => {
    expect(new Set(rows.map(([path]) => path))).toEqual(new Set(settablePaths()))
  })

  it.each(['instructions', 'tools', 'tool_choice', 'model', 'prompt', 'tracing', 'type', '__proto__', 'constructor', 'toString', ''])('%s is never settable', (path) => {
    expect(settableAt(path)).toBeUndefined()
  })

  it('keeps no inherited field', () => {
    const inherited = Object.create({ type: 'far_field' }) as { [key: string]: Json }
    expect(settableAt('audio.input.noise_reduction')?.(inherited)).toBeUndefined()
  })
})

describe('paths', () => {
  it('read own properties only', () => {
    expect(readPath({ audio: { output: { voice: 'x' } } }, 'audio.output.voice')).toBe('x')
    expect(readPath({ audio: null }, 'audio.output.voice')).toBeUndefined()
    expect(readPath({}, 'constructor.name')).toBeUndefined()
    expect(readPath({ a: null }, 'a')).toBeNull()
  })

  it('write into copies of the objects on the way and create missing ones', () => {
    const shared = { input: { format: 'f' } }
    const object: JsonObject = { audio: shared, x: 1 }
    writePath(object, 'audio.output.voice', 'v')
    expect(object).toEqual({ audio: { input: { format: 'f' }, output: { voice: 'v' } }, x: 1 })
    expect(shared).toEqual({ input: { format: 'f' } })
    const empty: JsonObject = { audio: null }
    writePath(empty, 'audio.speed', 1)
    expect(empty).toEqual({ audio: { speed: 1 } })
  })

  it('never reach a prototype', () => {
    const object: JsonObject = {}
    writePath(object, '__proto__.polluted', true)
    expect(Object.hasOwn(object, '__proto__')).toBe(true)
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
    expect(object.polluted).toBeUndefined()
  })
})

describe(`the schema of GA sessions${neededShared('protocol/schema-ga.json')}`, () => {
  type Schema = { properties?: Record<string, Schema>; anyOf?: readonly Schema[]; $ref?: string }
  const fieldsOf = (all: Record<string, Schema>, schema: Schema | undefined): readonly string[] => {
    if (!schema) return []
    if (schema.$ref) return fieldsOf(all, all[schema.$ref.split('/').at(-1) ?? ''])
    return [...Object.keys(schema.properties ?? {}), ...(schema.anyOf ?? []).flatMap((one) => fieldsOf(all, one))]
  }
  /** Fields that belong to the server, whatever a profile says. */
  const SERVERS = ['type', 'model', 'instructions', 'tracing', 'tools', 'tool_choice', 'prompt']
  /** Fields within a settable one that a client never sets. */
  const SERVERS_WITHIN = ['keywords', 'prompt']

  it.skipIf(!hasShared('protocol/schema-ga.json'))(`has no field that the table has not decided about${neededShared('protocol/schema-ga.json')}`, () => {
    const { $defs: all } = sharedJson<{ $defs: Record<string, Schema> }>('protocol/schema-ga.json')
    const session = all.RealtimeSessionCreateRequestGA
    const audio = session?.properties?.audio?.properties
    const paths = [
      ...Object.keys(session?.properties ?? {}).filter((name) => name !== 'audio'),
      ...Object.keys(audio?.input?.properties ?? {}).map((name) => `audio.input.${name}`),
      ...Object.keys(audio?.output?.properties ?? {}).map((name) => `audio.output.${name}`),
    ]
    expect(paths.length).toBeGreaterThan(15)
    expect(paths.filter((path) => !SERVERS.includes(path) && settableAt(path) === undefined)).toEqual([])

    const within = (path: string, sample: JsonObject, fields: readonly string[]) =>
      fields.filter((name) => !SERVERS_WITHIN.includes(name) && !Object.keys((settableAt(path)?.(sample) as JsonObject | undefined) ?? {}).includes(name))
    const transcription = { model: 'whisper-1', language: 'en', languages: ['en', 'de'], delay: 'low' }
    expect(within('audio.input.transcription', transcription, fieldsOf(all, all.AudioTranscription))).toEqual([])
    const server = { type: 'server_vad', threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 200, idle_timeout_ms: 6000, create_response: true, interrupt_response: true }
    const semantic = { type: 'semantic_vad', eagerness: 'low', create_response: true, interrupt_response: true }
    const known = new Set([server, semantic].flatMap((one) => Object.keys((settableAt('audio.input.turn_detection')?.(one) as JsonObject | undefined) ?? {})))
    expect(fieldsOf(all, all.RealtimeTurnDetection).filter((name) => !known.has(name))).toEqual([])
  })
})
