// Translation between preview, Voice Live and GA: every event, in both directions, for every pair of links.
import { describe, expect, it } from 'vitest'
import type { Dialect } from '../../../../src/core/protocol/dialect.js'
import { dialectFor } from '../../../../src/core/protocol/dialects.js'
import type { RealtimeEvent } from '../../../../src/core/protocol/events.js'
import { LATE_TYPES, NO_COUNTERPART } from '../../../../src/core/protocol/preview/gaps.js'
import { previewName } from '../../../../src/core/protocol/preview/names.js'
import { GA_ONLY, ROWS } from './rows.js'

/** A preview client that has used a setting of a late preview. */
function latePreview(): Dialect {
  const dialect = dialectFor('preview')
  dialect.toGa({ type: 'session.update', session: { include: [] } })
  return dialect
}

const through = (event: RealtimeEvent, ...steps: ((event: RealtimeEvent) => readonly RealtimeEvent[])[]) =>
  steps.reduce<RealtimeEvent[]>((events, step) => events.flatMap((one) => [...step(one)]), [event])

describe.each(ROWS)('$side $name', ({ preview, ga, back }) => {
  it('preview to GA', () => expect(latePreview().toGa(preview)).toEqual(ga))

  it('GA to preview', () => {
    const dialect = latePreview()
    expect(ga.flatMap((event) => [...dialect.fromGa(event)])).toEqual([back ?? preview])
  })

  it('preview link to preview link', () => {
    const from = latePreview()
    const to = latePreview()
    expect(through(preview, from.toGa, to.fromGa)).toEqual([back ?? preview])
  })

  it('GA link to preview link and back', () => {
    const to = latePreview()
    const again = ga.flatMap((event) => through(event, to.fromGa, latePreview().toGa))
    expect(again).toEqual(ga)
  })

  it('GA link to GA link', () => {
    const link = dialectFor('ga')
    expect(ga.flatMap((event) => through(event, link.toGa, link.fromGa))).toEqual(ga)
  })

  it('Voice Live link to GA link', () => expect(dialectFor('voice-live').toGa(preview)).toEqual(ga))
})

describe('GA events without a preview counterpart', () => {
  it.each(GA_ONLY)('$type is not sent to a preview side', (event) => expect(latePreview().fromGa(event)).toEqual([]))

  it.each([...LATE_TYPES])('%s is not sent to a client of the first preview, which would close on it', (type) => {
    const client = dialectFor('preview')
    client.toGa({ type: 'session.update', session: { turn_detection: { type: 'server_vad' }, input_audio_transcription: { model: 'whisper-1' } } })
    expect(client.fromGa({ type, item_id: 'item_1' })).toEqual([])
  })

  it.each([
    { input_audio_transcription: { model: 'gpt-4o-transcribe' } },
    { input_audio_noise_reduction: null },
    { turn_detection: { type: 'semantic_vad' } },
    { include: [] },
    { tracing: null },
    { prompt: null },
    { speed: 1 },
  ])('a client that sets %o gets transcript deltas', (session) => {
    const client = dialectFor('preview')
    client.toGa({ type: 'session.update', session })
    const delta = { type: 'conversation.item.input_audio_transcription.delta', item_id: 'item_1', delta: 'x' }
    expect(client.fromGa(delta)).toEqual([delta])
  })

  it('transcription_session.update is not translated, so the caller refuses it', () => {
    expect(dialectFor('preview').toGa({ type: 'transcription_session.update', session: {} })).toEqual([])
  })

  it('fields and values without a counterpart are left out, unknown ones stay', () => {
    const event: RealtimeEvent = {
      type: 'session.update',
      session: {
        type: 'realtime',
        truncation: 'auto',
        reasoning: { effort: 'low' },
        parallel_tool_calls: true,
        audio: {
          input: {
            turn_detection: { type: 'server_vad', idle_timeout_ms: 6000 },
            transcription: { model: 'whisper-1', languages: ['en'], keywords: ['x'], delay: 'low' },
            format: { type: 'audio/opus' },
          },
          output: { voice: { id: 'voice_1' }, loudness: 3 },
        },
        tools: [
          { type: 'mcp', server_label: 'docs' },
          { type: 'function', name: 'f' },
        ],
        tool_choice: { type: 'mcp', server_label: 'docs' },
        something_new: 1,
      },
    }
    expect(dialectFor('preview').fromGa(event)).toEqual([
      {
        type: 'session.update',
        session: { turn_detection: { type: 'server_vad' }, input_audio_transcription: { model: 'whisper-1' }, tools: [{ type: 'function', name: 'f' }], something_new: 1 },
      },
    ])
  })

  it('response.create without reasoning and parallel calls', () => {
    const event = { type: 'response.create', response: { reasoning: { effort: 'low' }, parallel_tool_calls: false, max_output_tokens: 9 } }
    expect(dialectFor('preview').fromGa(event)).toEqual([{ type: 'response.create', response: { max_output_tokens: 9 } }])
  })

  it('an image is not sent to a preview client, but to a preview upstream, so that its refusal comes back', () => {
    const item = {
      id: 'item_1',
      type: 'message',
      role: 'user',
      content: [
        { type: 'input_text', text: 'look' },
        { type: 'input_image', image_url: 'data:' },
      ],
    }
    expect(dialectFor('preview').fromGa({ type: 'conversation.item.added', item })).toEqual([
      { type: 'conversation.item.created', item: { ...item, object: 'realtime.item', content: [{ type: 'input_text', text: 'look' }] } },
    ])
    expect(dialectFor('preview').fromGa({ type: 'conversation.item.create', item })).toEqual([{ type: 'conversation.item.create', item }])
  })

  it('an assistant item loses its phase, hidden kinds of item leave response.done', () => {
    const message = { id: 'item_a', type: 'message', role: 'assistant', phase: 'commentary', content: [{ type: 'output_text', text: 'x' }] }
    const done = { type: 'response.done', response: { id: 'resp_1', output: [{ id: 'item_m', type: 'mcp_call' }, message] } }
    expect(dialectFor('preview').fromGa(done)).toEqual([
      {
        type: 'response.done',
        response: { id: 'resp_1', output: [{ id: 'item_a', object: 'realtime.item', type: 'message', role: 'assistant', content: [{ type: 'text', text: 'x' }] }] },
      },
    ])
  })

  it('values that are no items or parts, and names that every object has, stay unchanged', () => {
    const content = [{ type: 'constructor' }, { type: 'toString' }, { type: 7 }, 'text', null]
    const odd = { id: 'item_a', object: 'realtime.item', type: 'message', role: 'assistant', content }
    const response = { id: 'resp_1', output: ['text', null, 7, odd] }
    expect(dialectFor('preview').fromGa({ type: 'response.done', response })).toEqual([{ type: 'response.done', response }])
    expect(dialectFor('preview').toGa({ type: 'response.done', response })).toEqual([{ type: 'response.done', response }])
    const create: RealtimeEvent = { type: 'response.create', response: { input: ['text', null, { type: 'message', role: 'assistant', content }] } }
    expect(dialectFor('preview').fromGa(create)).toEqual([create])
    expect(dialectFor('preview').toGa(create)).toEqual([create])
  })

  it.each(['session.created', 'response.created', 'response.done', 'response.create', 'response.output_item.added', 'response.content_part.done', 'error'])(
    '%s without what it is about passes as it is',
    (type) => {
      for (const name of ['preview', 'voice-live'] as const) {
        expect(dialectFor(name).fromGa({ type, x: 1 })).toEqual([{ type, x: 1 }])
        expect(dialectFor(name).toGa({ type, x: 1 })).toEqual([{ type, x: 1 }])
      }
    },
  )

  it('a part with the GA name of an item’s part gets its preview name', () => {
    for (const [ga, preview] of [
      ['output_text', 'text'],
      ['output_audio', 'audio'],
      ['text', 'text'],
    ] as const)
      expect(dialectFor('preview').fromGa({ type: 'response.content_part.added', part: { type: ga, x: 1 } })).toEqual([
        { type: 'response.content_part.added', part: { type: preview, x: 1 } },
      ])
  })

  it('the older name of the token limit is understood in a response', () => {
    const response = { id: 'resp_1', max_response_output_tokens: 5 }
    expect(dialectFor('preview').toGa({ type: 'response.created', response })).toEqual([{ type: 'response.created', response: { id: 'resp_1', max_output_tokens: 5 } }])
  })

  it('a field in its preview place replaces the same field in its GA place', () => {
    const [event] = dialectFor('preview').toGa({ type: 'response.create', response: { voice: 'verse', audio: { output: { voice: 'ash' } } } })
    expect(event).toEqual({ type: 'response.create', response: { audio: { output: { voice: 'verse' } } } })
  })

  it('relay events pass: they are sent only to clients that asked for them', () => {
    for (const type of ['relay.tool.started', 'relay.quota', 'relay.token.refresh']) {
      expect(dialectFor('preview').fromGa({ type, n: 1 })).toEqual([{ type, n: 1 }])
      expect(dialectFor('preview').toGa({ type, n: 1 })).toEqual([{ type, n: 1 }])
    }
  })

  it('the table of gaps names every one of these events once, and no row twice', () => {
    const rows = NO_COUNTERPART.map(({ from, where, name }) => `${from} ${where} ${name}`)
    expect(new Set(rows).size).toBe(rows.length)
    const gaEvents = new Set(NO_COUNTERPART.filter((gap) => gap.from === 'ga' && gap.where === 'event').map((gap) => gap.name))
    for (const { type } of GA_ONLY.slice(0, 11)) expect(gaEvents).toContain(type)
    for (const gap of NO_COUNTERPART) expect(gap.becomes.length).toBeGreaterThan(0)
  })
})

describe('Voice Live', () => {
  const ga = (session: RealtimeEvent[string]) => dialectFor('voice-live').toGa({ type: 'session.updated', session })[0]?.session
  const own = (session: RealtimeEvent[string]) => dialectFor('voice-live').fromGa({ type: 'session.update', session })[0]?.session

  it("reports OpenAI's voices as an object, GA has the name", () => {
    expect(ga({ voice: { type: 'openai', name: 'alloy' } })).toEqual({ type: 'realtime', audio: { output: { voice: 'alloy' } } })
  })
  it("keeps Azure's voices, noise suppression and turn detection", () => {
    const voice = { type: 'azure-standard', name: 'en-US-Ava:DragonHDLatestNeural' }
    const gaSession = {
      audio: { output: { voice }, input: { noise_reduction: { type: 'azure_deep_noise_suppression' }, turn_detection: { type: 'azure_semantic_vad', idle_timeout_ms: 5000 } } },
    }
    const session = { voice, input_audio_noise_reduction: { type: 'azure_deep_noise_suppression' }, turn_detection: { type: 'azure_semantic_vad', idle_timeout_ms: 5000 } }
    expect(own(gaSession)).toEqual(session)
    expect(ga(session)).toEqual({ type: 'realtime', ...gaSession })
  })
  it('keeps formats that GA has no name for, and an unset format', () => {
    expect(ga({ output_audio_format: 'pcm16_16000hz', input_audio_format: null })).toEqual({
      type: 'realtime',
      audio: { output: { format: 'pcm16_16000hz' }, input: { format: null } },
    })
    expect(own({ audio: { output: { format: 'pcm16_16000hz' } } })).toEqual({ output_audio_format: 'pcm16_16000hz' })
  })
  it("chooses a tool the way GA does, since that is Voice Live's own form", () => {
    expect(own({ tool_choice: { type: 'function', name: 'f' } })).toEqual({ tool_choice: { type: 'function', name: 'f' } })
  })
  it('gets conversation.item.done, with the item in its own spelling', () => {
    const item = { id: 'item_a', type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'x' }] }
    expect(dialectFor('voice-live').fromGa({ type: 'conversation.item.done', item })).toEqual([
      { type: 'conversation.item.done', item: { ...item, object: 'realtime.item', content: [{ type: 'text', text: 'x' }] } },
    ])
    expect(dialectFor('voice-live').fromGa({ type: 'conversation.item.added', item })[0]?.type).toBe('conversation.item.created')
  })
  it('keeps the names of its own events, which policy drops', () => {
    const event = { type: 'response.animation_viseme.delta', viseme_id: 1 }
    expect(dialectFor('voice-live').toGa(event)).toEqual([event])
  })
  it('may mix in GA events, which pass', () => {
    const event = { type: 'response.output_audio_transcript.delta', item_id: 'item_1', delta: 'x' }
    expect(dialectFor('voice-live').toGa(event)).toEqual([event])
  })
})

describe('words of the assistant', () => {
  const item = (type: string) => ({ id: 'item_a', object: 'realtime.item', type: 'message', status: 'completed', role: 'assistant', content: [{ type, text: 'hello' }] })
  it.each([
    'conversation.item.created',
    'conversation.item.added',
    'conversation.item.done',
    'conversation.item.retrieved',
    'response.output_item.added',
    'response.output_item.done',
  ])('in %s have each side’s own name', (type) => {
    const ga = dialectFor('voice-live').toGa({ type, event_id: 'e', item: item('text') })
    expect(ga.map((event) => (event.item as { content: unknown }).content)).toContainEqual([{ type: 'output_text', text: 'hello' }])
    const [back] = dialectFor('preview').fromGa({ type, event_id: 'e', item: item('output_text') })
    if (back) expect(back).toMatchObject({ item: { content: [{ type: 'text', text: 'hello' }] } })
  })

  it.each(['response.content_part.added', 'response.content_part.done'])('in %s too', (type) => {
    const event = { type, event_id: 'e', response_id: 'r', item_id: 'i', output_index: 0, content_index: 0, part: { type: 'output_audio', transcript: 'hello' } }
    expect(dialectFor('preview').fromGa(event)).toMatchObject([{ type, part: { type: 'audio', transcript: 'hello' } }])
  })
})

it.each(['conversation.item.truncate', 'conversation.item.truncated'])('%s of the first preview names its part as index', (type) => {
  expect(dialectFor('preview').toGa({ type, item_id: 'i', index: 1, audio_end_ms: 5 })).toEqual([{ type, item_id: 'i', content_index: 1, audio_end_ms: 5 }])
})

it.each([
  ['session.update', 'transcription_session.update'],
  ['session.created', 'transcription_session.created'],
  ['session.updated', 'transcription_session.updated'],
  ['relay.session.update', 'relay.session.update'],
  ['session.updated_twice', undefined],
])('%s of a transcription session is %s', (type, name) => {
  expect(previewName(type, true)).toBe(name)
})

describe('what only looks like preview', () => {
  const item = (role: string, type: string) => ({ type: 'conversation.item.create', item: { type: 'message', role, content: [{ type, text: 'x' }] } })
  const parts = (events: readonly RealtimeEvent[]) => events.map((event) => (event.item as { content: { type: string }[] }).content[0]?.type)
  it('keeps its name: parts of a user, whatever they are called', () => {
    expect(parts(dialectFor('preview').toGa(item('user', 'text')))).toEqual(['text'])
    expect(parts(dialectFor('preview').toGa(item('assistant', 'text')))).toEqual(['output_text'])
    expect(parts(dialectFor('preview').fromGa(item('user', 'output_text')))).toEqual(['output_text'])
    expect(parts(dialectFor('preview').fromGa(item('assistant', 'output_text')))).toEqual(['text'])
  })

  it('keeps its value: no modalities, and choices of another type', () => {
    const session = (fields: object) => dialectFor('preview').toGa({ type: 'session.update', session: fields as never })[0]?.session
    expect(session({ modalities: [] })).toMatchObject({ output_modalities: [] })
    expect(session({ tool_choice: { type: 'custom', function: { name: 'f' } } })).toMatchObject({ tool_choice: { type: 'custom', function: { name: 'f' } } })
    expect(session({ tool_choice: { type: 'function', function: { name: 'f' } } })).toMatchObject({ tool_choice: { type: 'function', name: 'f' } })
  })
})
