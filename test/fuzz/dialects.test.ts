// What the protocol leaves open, under fuzz: where a service cuts its text, which fields an SDK fills with null, text in binary frames, and heartbeats of an app's own.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { settablePaths } from '../../src/core/policy/settable.js'
import type { DialectName } from '../../src/core/protocol/dialect.js'
import { isObject, type Json, type JsonObject } from '../../src/core/protocol/events.js'
import { readPath, writePath } from '../../src/core/protocol/paths.js'
import { wireFor } from '../../src/core/protocol/wires.js'
import { anyCharacter } from '../support/any-character.js'
import { hostileFrame, mutatedFrame } from '../support/hostile-json.js'
import { ev, play } from '../support/playbook.js'
import { fc } from '../support/property.js'
import { type Lab, openLab } from '../support/relay-lab.js'
import { PATIENCE, RUNS } from './runs.js'

/** A whole relay takes its turns of the event loop. */
const FEWER = { ...RUNS, numRuns: Math.ceil(RUNS.numRuns / 10) }
const DIALECTS: readonly DialectName[] = ['ga', 'preview', 'voice-live']

describe.each(DIALECTS.flatMap((client) => DIALECTS.map((upstream) => [client, upstream] as const)))('a %s client of a %s upstream', (client, upstream) => {
  const NAMES = {
    text: { ga: 'response.output_text.delta', preview: 'response.text.delta' },
    transcript: { ga: 'response.output_audio_transcript.delta', preview: 'response.audio_transcript.delta' },
    args: { ga: 'response.function_call_arguments.delta', preview: 'response.function_call_arguments.delta' },
    heard: { ga: 'conversation.item.input_audio_transcription.delta', preview: 'conversation.item.input_audio_transcription.delta' },
  }
  type Kind = keyof typeof NAMES
  const nameFor = (kind: Kind, dialect: DialectName) => NAMES[kind][dialect === 'ga' ? 'ga' : 'preview']
  let lab: Lab
  let items = 0
  beforeAll(async () => {
    lab = openLab({ clientDialect: client, upstreamDialect: upstream })
    await lab.live()
    lab.upstream.say(ev.created('r'))
  })
  afterAll(() => vi.useRealTimers())

  const said = fc.string({ unit: anyCharacter, maxLength: 40 })
  /** How each piece is written: as services do, with blanks so that nothing passes unread, or in a binary frame. */
  const writing = fc.constantFrom('plain', 'plain', 'spaced', 'binary')
  it(
    'reads the same text wherever it was cut',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          // A preview client of the first days never gets pieces of what was heard, so nothing can be cut.
          fc.constantFrom<Kind>('text', 'transcript', 'args', client === 'preview' ? 'text' : 'heard'),
          said,
          fc.array(fc.nat({ max: 80 }), { maxLength: 8 }),
          fc.array(writing, { minLength: 1, maxLength: 5 }),
          async (kind, text, places, ways) => {
            const id = `item_${items++}`
            const edges = [...places.map((place) => place % (text.length + 1)), text.length].sort((a, b) => a - b)
            // Also between the two halves of a character, and pieces without any.
            const pieces = edges.map((end, i) => text.slice(edges[i - 1] ?? 0, end))
            const item = kind === 'args' ? { ...ev.call(id, 'show_on_screen', '', 'in_progress'), id } : { ...ev.message(id), content: [] }
            if (kind !== 'heard') lab.upstream.say(ev.itemAdded('r', item))
            for (const [n, delta] of pieces.entries()) {
              const place = { item_id: id, content_index: 0, ...(kind === 'heard' ? {} : { response_id: 'r', output_index: 0 }), ...(kind === 'args' && { call_id: id }) }
              const event = { type: nameFor(kind, upstream), event_id: `e${items}_${n}`, ...place, delta }
              const way = ways[n % ways.length]
              const written = JSON.stringify(event, null, way === 'spaced' ? 1 : undefined)
              lab.upstream.send(way === 'binary' ? Buffer.from(written) : written)
            }
            const heard = (await lab.client.rest()).map((one) => JSON.parse(one) as JsonObject)
            const deltas = heard.filter((event) => event.type === nameFor(kind, client) && event.item_id === id).map(({ delta }) => delta)
            expect(deltas).toEqual(pieces)
            expect(deltas.join('')).toBe(text)
          },
        ),
        FEWER,
      )
    },
    PATIENCE,
  )
})

describe('null', () => {
  const either = (...values: Json[]) => fc.constantFrom(...values)
  const SAMPLES: Readonly<Record<string, fc.Arbitrary<Json>>> = {
    'audio.output.voice': either('cedar', 'alloy'),
    'audio.output.voice.id': either('voice_1'),
    'audio.output.speed': either(1, 1.5),
    'audio.output.format': either({ type: 'audio/pcm', rate: 24000 }, { type: 'audio/pcmu' }),
    'audio.input.format': either({ type: 'audio/pcm', rate: 24000 }, { type: 'audio/pcma' }),
    'audio.input.noise_reduction': either({ type: 'near_field' }),
    'audio.input.transcription': either({ model: 'whisper-1', language: 'de', languages: ['de'], delay: 'low' }),
    'audio.input.turn_detection': either(
      { type: 'server_vad', threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 200, idle_timeout_ms: 6000, create_response: true, interrupt_response: true },
      { type: 'semantic_vad', eagerness: 'low', create_response: true, interrupt_response: false },
    ),
    output_modalities: either(['text'], ['audio']),
    max_output_tokens: either('inf', 100),
    truncation: either('auto', { type: 'retention_ratio', retention_ratio: 0.5, token_limits: { post_instructions: 100 } }),
    reasoning: either({ effort: 'low' }),
    include: either(['item.input_audio_transcription.logprobs']),
    parallel_tool_calls: either(true),
  }
  /** Here a null means "none", which is something else than leaving the field out. */
  const NONE = ['audio.input.noise_reduction', 'audio.input.transcription', 'audio.input.turn_detection']
  const SERVERS = ['instructions', 'tools', 'tool_choice', 'model', 'prompt', 'tracing', 'type', 'audio.input.of_next_year']

  it('is tried in every field that a client may set', () => {
    expect(Object.keys(SAMPLES).sort()).toEqual([...settablePaths()].sort())
  })

  const withoutPath = (object: JsonObject, path: string): void => {
    const cut = path.lastIndexOf('.')
    const parent = cut < 0 ? object : readPath(object, path.slice(0, cut))
    if (isObject(parent)) delete parent[path.slice(cut + 1)]
  }
  const pathsOf = (value: Json | undefined, prefix = ''): string[] =>
    isObject(value) ? Object.entries(value).flatMap(([key, inner]) => [`${prefix}${key}`, ...pathsOf(inner, `${prefix}${key}.`)]) : []
  /** What the upstream gets, or why it gets nothing. */
  const outcome = (type: string, field: string, value: JsonObject) => {
    const p = play({ clientMaySet: new Set(settablePaths()) })
    const sent = p.allTo('upstream').length
    p.client({ type, [field]: value })
    return p.allTo('upstream')[sent] ?? { refused: (p.lastTo('client') as JsonObject | undefined)?.error }
  }

  it.each([
    ['session.update', 'session'],
    ['response.create', 'response'],
  ])(
    'at any depth of a %s is the same as nothing, but where the service knows a null',
    (type, field) => {
      const session = fc.record(SAMPLES, { requiredKeys: [] })
      fc.assert(
        fc.property(
          session,
          fc.array(fc.nat({ max: 200 }), { minLength: 1, maxLength: 5 }),
          fc.array(fc.constantFrom(...SERVERS, ...Object.keys(SAMPLES).filter((path) => path !== 'audio.output.voice.id')), { maxLength: 3 }),
          (chosen, places, more) => {
            const plain: JsonObject = {}
            for (const [path, value] of Object.entries(chosen)) writePath(plain, path, structuredClone(value as Json))
            const paths = pathsOf(plain)
            const [withNull, without] = [structuredClone(plain), structuredClone(plain)]
            const setNull = (path: string) => {
              writePath(withNull, path, null)
              if (type === 'session.update' && NONE.includes(path)) writePath(without, path, null)
              else withoutPath(without, path)
            }
            for (const path of more) if (readPath(plain, path) === undefined) setNull(path)
            for (const place of places) {
              const path = paths[place % Math.max(1, paths.length)]
              if (path !== undefined && readPath(withNull, path) !== undefined) setNull(path)
            }
            expect(outcome(type, field, withNull)).toEqual(outcome(type, field, without))
          },
        ),
        RUNS,
      )
    },
    PATIENCE,
  )
})

describe('a binary frame of the upstream', () => {
  const bytes = fc.oneof(
    fc.oneof(hostileFrame, mutatedFrame).map((frame) => Buffer.from(frame as string)),
    fc.constantFrom(ev.created('r'), ev.done('r'), ev.added(ev.message('m')), ev.error('invalid_value')).map((event) => Buffer.from(JSON.stringify(event))),
    fc.uint8Array({ maxLength: 40 }).map((raw) => Buffer.from(raw)),
  )

  it.each(DIALECTS)(
    'of %s is read like text, or said to be unreadable',
    (dialect) => {
      fc.assert(
        fc.property(bytes, (frame) => {
          const [binary, text] = [wireFor(dialect, 'upstream').read(frame, true), wireFor(dialect, 'upstream').read(frame, false)]
          if (frame.equals(Buffer.from(frame.toString('utf8')))) expect(binary).toEqual(text)
          else expect(binary).toEqual({ ok: false, problem: 'binary', eventId: undefined })
        }),
        RUNS,
      )
    },
    PATIENCE,
  )

  it(
    'is never dropped without a note',
    async () => {
      const lab = openLab()
      await lab.live()
      let seen = 0
      await fc.assert(
        fc.asyncProperty(fc.array(bytes, { minLength: 1, maxLength: 6 }), async (frames) => {
          const unread = frames.filter((frame) => !wireFor('ga', 'upstream').read(frame, true).ok).length
          for (const frame of frames) lab.upstream.send(frame)
          await lab.client.rest()
          const notes = lab.noted('event_dropped').filter(({ side, why }) => side === 'upstream' && why === 'not_an_event').length
          expect(notes - seen).toBe(unread)
          seen = notes
          expect(lab.ended()).toBe(0)
        }),
        FEWER,
      )
      vi.useRealTimers()
    },
    PATIENCE,
  )
})

describe('heartbeats of an app', () => {
  const FORGIVEN_SECONDS = 300
  it(
    'get an error each, and end the call only if they come faster than violations are forgotten',
    () => {
      const gaps = fc.array(fc.oneof({ weight: 3, arbitrary: fc.nat({ max: 5000 }) }, { weight: 1, arbitrary: fc.nat({ max: 120_000 }) }), { minLength: 1, maxLength: 120 })
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 100 }), gaps, (most, pauses) => {
          const p = play({ limits: { maxViolations: most, idleTimeoutMs: 1e9, maxSessionMs: 1e9 } as never })
          // Of each violation this many three-hundred-thousandths are left.
          let owed = 0
          for (const pause of pauses) {
            p.now += pause
            owed = Math.max(0, owed - pause * most)
            const sent = p.client({ type: 'ping' })
            expect(sent[0]).toBe('client error')
            const room = most * FORGIVEN_SECONDS * 1000 - owed - FORGIVEN_SECONDS * 1000
            // To the millisecond both are right.
            if (Math.abs(room) < most) return
            if (room < 0) return void expect(sent).toEqual(['client error', 'close bad_event too_many_violations'])
            expect(sent).toEqual(['client error'])
            owed += FORGIVEN_SECONDS * 1000
          }
        }),
        RUNS,
      )
    },
    PATIENCE,
  )

  it(
    'that come every three seconds at the default never do',
    () => {
      fc.assert(
        fc.property(fc.integer({ min: 3000, max: 60_000 }), fc.nat({ max: 99 }), (every, before) => {
          const p = play({ limits: { maxViolations: 100, idleTimeoutMs: 1e9, maxSessionMs: 1e9 } as never })
          for (let n = 0; n < before; n++) expect(p.client({ type: 'ping' })).toEqual(['client error'])
          for (let n = 0; n < 150; n++) {
            p.now += every
            expect(p.client({ type: 'ping' })).toEqual(['client error'])
          }
        }),
        { ...RUNS, numRuns: Math.ceil(RUNS.numRuns / 40) },
      )
    },
    PATIENCE,
  )
})
