// The dialects against foreign material: published examples, the rename map and recorded sessions.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Dialect } from '../../../../src/core/protocol/dialect.js'
import { dialectFor } from '../../../../src/core/protocol/dialects.js'
import type { RealtimeEvent } from '../../../../src/core/protocol/events.js'
import { NO_COUNTERPART } from '../../../../src/core/protocol/preview/gaps.js'

const shared = new URL('../../../../../shared/', import.meta.url)
const absent = !existsSync(shared)
const why = absent ? ' (skipped: the shared protocol material is not beside the project)' : ''
const read = (path: string) => readFileSync(new URL(path, shared), 'utf8')
const readJson = (path: string) => JSON.parse(read(path))

type Examples = Record<'client' | 'server', Record<string, RealtimeEvent[]>>
const examplesIn = (path: string, pick: (file: Record<string, Examples>) => Examples) =>
  absent ? [] : Object.values(pick(readJson(path))).flatMap((byType) => Object.values(byType).flat())
const whole = (file: unknown) => file as Examples
const GA_EXAMPLES = [...examplesIn('protocol/events-ga.json', whole), ...examplesIn('protocol/events-composed.json', (file) => file.ga as Examples)]
const PREVIEW_EXAMPLES = [...examplesIn('protocol/events-preview.json', whole), ...examplesIn('protocol/events-composed.json', (file) => file.preview as Examples)]

/** The event types that the strictest preview client knows. It closes its socket on any other. */
const RT_CLIENT = new Set(
  `session.created session.updated conversation.item.created conversation.item.deleted conversation.item.truncated response.created response.done rate_limits.updated
  response.output_item.added response.output_item.done response.content_part.added response.content_part.done response.audio.delta response.audio.done
  response.audio_transcript.delta response.audio_transcript.done response.text.delta response.text.done response.function_call_arguments.delta
  response.function_call_arguments.done input_audio_buffer.speech_started input_audio_buffer.speech_stopped input_audio_buffer.committed input_audio_buffer.cleared
  conversation.item.input_audio_transcription.completed conversation.item.input_audio_transcription.failed error`.split(/\s+/),
)
const PREVIEW_FIELDS = [
  'modalities',
  'voice',
  'input_audio_format',
  'output_audio_format',
  'input_audio_transcription',
  'turn_detection',
  'max_response_output_tokens',
  'temperature',
]
const GA_FIELDS = ['output_modalities', 'audio', 'reasoning', 'truncation', 'parallel_tool_calls']

function late(): Dialect {
  const link = dialectFor('preview')
  link.toGa({ type: 'session.update', session: { include: [] } })
  return link
}
const payloadKeys = (event: RealtimeEvent) => ['session', 'response'].flatMap((key) => Object.keys((event[key] ?? {}) as object))

describe.skipIf(absent)(`published examples${why}`, () => {
  it.each(PREVIEW_EXAMPLES.map((event) => ({ type: event.type, event })))('preview $type reaches GA without a preview field and comes back as it was', ({ event }) => {
    const ga = late().toGa(event)
    if (event.type === 'transcription_session.update') return expect(ga).toEqual([])
    for (const one of ga) expect(payloadKeys(one).filter((key) => PREVIEW_FIELDS.includes(key))).toEqual([])
    const back = ga.flatMap((one) => [...late().fromGa(one)])
    expect(back).toEqual([asLaterPreview(event)])
  })

  it.each(GA_EXAMPLES.map((event) => ({ type: event.type, event })))('GA $type reaches preview without a GA field, or is dropped as the table of gaps says', ({ event }) => {
    const sent = late().fromGa(event)
    if (sent.length === 0) {
      const itemType = (event.item as { type?: string } | undefined)?.type
      expect(NO_COUNTERPART.some((gap) => gap.from === 'ga' && ((gap.where === 'event' && gap.name === event.type) || (gap.where === 'item type' && gap.name === itemType)))).toBe(
        true,
      )
      return
    }
    for (const one of sent) expect(payloadKeys(one).filter((key) => GA_FIELDS.includes(key))).toEqual([])
    // A preview link's client may not ask for a transcription session, so this one ends there.
    if (sent[0]?.type === 'transcription_session.update') return expect(late().toGa(sent[0])).toEqual([])
    const again = sent.flatMap((one) => [...late().toGa(one)]).flatMap((one) => [...late().fromGa(one)])
    expect(again).toEqual(sent)
  })

  /** The intended changes of a preview event: it becomes its newest preview form. */
  function asLaterPreview(event: RealtimeEvent): RealtimeEvent {
    const { value, ...rest } = event
    const out = structuredClone(value === undefined ? event : { ...rest, text: value }) as RealtimeEvent & { session?: Record<string, unknown>; response?: Record<string, unknown> }
    for (const payload of [out.session, out.response]) {
      if (!payload) continue
      for (const leftOut of ['temperature', 'commit', 'cancel_previous', 'append_input_items']) delete payload[leftOut]
      if (Array.isArray(payload.modalities) && payload.modalities.includes('audio')) payload.modalities = ['audio', 'text']
      const turnDetection = payload.turn_detection as Record<string, unknown> | null | undefined
      if (turnDetection?.type === 'none') payload.turn_detection = null
      delete turnDetection?.idle_timeout_ms
      if (out.type === 'response.create' && 'max_response_output_tokens' in payload) {
        payload.max_output_tokens = payload.max_response_output_tokens
        delete payload.max_response_output_tokens
      }
    }
    return out
  }
})

describe.skipIf(absent)(`rename map${why}`, () => {
  interface EventRow {
    readonly preview: string | null
    readonly ga: string | string[] | null
    readonly relation: string
  }
  const map = absent ? { events: { client: [], server: [] }, fields: {}, unmapped: { preview_without_ga: [] } } : readJson('protocol/rename-map.json')
  const events: EventRow[] = [...map.events.client, ...map.events.server]

  it.each(events.filter((row) => row.relation !== 'ga-only'))('$preview is $ga', ({ preview, ga }) => {
    const sent = { type: preview ?? '', item: { id: 'item_1', type: 'message', role: 'user' }, session: {} }
    const types = late()
      .toGa(sent)
      .map((event) => event.type)
    if (preview === 'transcription_session.update') return expect(types).toEqual([])
    expect(types).toEqual(Array.isArray(ga) ? ga : [ga])
    const back = late()
      .toGa(sent)
      .flatMap((event) => [...late().fromGa(event)])
    expect(back.map((event) => event.type)).toEqual([preview])
  })

  it.each(events.filter((row) => row.relation === 'ga-only'))('$ga is not sent to preview', ({ ga }) => {
    expect(late().fromGa({ type: String(ga) })).toEqual([])
  })

  interface FieldRow {
    readonly preview: string | null
    readonly ga: string | null
    readonly relation: string
    readonly rest_only?: boolean
  }
  const carriers = { session: 'session.update', response_create: 'response.create', response: 'response.done' } as const
  const fieldRows = (Object.keys(carriers) as (keyof typeof carriers)[]).flatMap((group) =>
    ((map.fields[group] ?? []) as FieldRow[]).map((row) => ({ ...row, type: carriers[group] })),
  )
  const plain = fieldRows.filter((row) => !row.rest_only && row.preview !== null && row.ga !== null && /^[a-z_.]+$/.test(row.preview) && /^[a-z_.]+$/.test(row.ga))
  const eventWith = (type: string, path: string, value: string): RealtimeEvent =>
    ({ type, ...(path.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as object) }) as RealtimeEvent
  const at = (event: RealtimeEvent | undefined, path: string) => path.split('.').reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], event)
  /** Read only: the name in one old schema. Towards clients only late previews get it. */
  const oneWay = new Set(['response.max_response_output_tokens', 'response.input_items', 'session.truncation'])

  it.each(plain)('$type: $preview is $ga', ({ type, preview, ga }) => {
    const [translated] = late().toGa(eventWith(type, preview ?? '', 'x'))
    expect(at(translated, ga ?? '')).toBe('x')
    if (preview !== ga) expect(at(translated, preview ?? '')).toBeUndefined()
    const [back] = late().fromGa(eventWith(type, ga ?? '', 'x'))
    if (!oneWay.has(preview ?? '')) expect(at(back, preview ?? '')).toBe('x')
  })

  it.each(fieldRows.filter((row) => row.ga === null))('$type: $preview is left out towards GA', ({ type, preview }) => {
    expect(at(late().toGa(eventWith(type, preview ?? '', 'x'))[0], preview ?? '')).toBeUndefined()
  })

  it.each(fieldRows.filter((row) => row.preview === null))('$type: $ga is left out towards preview', ({ type, ga }) => {
    expect(at(late().fromGa(eventWith(type, ga ?? '', 'x'))[0], ga ?? '')).toBeUndefined()
  })

  it('covers the map: enough rows were read', () => {
    expect(events.length).toBeGreaterThan(50)
    expect(plain.length).toBeGreaterThan(35)
  })
})

interface Recorded {
  readonly from: 'client' | 'server'
  readonly event: RealtimeEvent
}
const recordings = (folder: string) =>
  absent
    ? []
    : readdirSync(new URL(`recordings/${folder}/`, shared))
        .filter((name) => name.endsWith('.jsonl'))
        .map((name) => ({
          name: `${folder}/${name}`,
          lines: read(`recordings/${folder}/${name}`)
            .trim()
            .split('\n')
            .map((line): Recorded => JSON.parse(line)),
        }))

describe.skipIf(absent)(`recorded sessions${why}`, () => {
  it.each([...recordings('azure-ga'), ...recordings('openai-ga')])('$name as a strict preview client reads it, and back', ({ lines }) => {
    const client = dialectFor('preview')
    const sent = lines.filter(({ from }) => from === 'server').map(({ event }) => ({ event, out: client.fromGa(event) }))
    for (const { event, out } of sent) {
      for (const one of out) expect(RT_CLIENT).toContain(one.type)
      if (out.length === 0) expect(NO_COUNTERPART.some((gap) => gap.from === 'ga' && gap.where === 'event' && gap.name === event.type)).toBe(true)
      for (const one of out) if (one.item) expect((one.item as { object?: string }).object).toBe('realtime.item')
    }
    const upstream = dialectFor('preview')
    const back = sent.flatMap(({ out }) => out.flatMap((one) => [...upstream.toGa(one)]))
    expect(back.map((event) => event.type)).toEqual(
      lines.filter(({ from, event }) => from === 'server' && client.fromGa(event).length + Number(event.type === 'conversation.item.done') > 0).map(({ event }) => event.type),
    )
  })

  it.each([...recordings('azure-ga'), ...recordings('openai-ga')])('$name: what the client sent, through a preview upstream', ({ lines }) => {
    for (const { event } of lines.filter(({ from }) => from === 'client')) {
      const [sent] = late().fromGa(event)
      for (const key of payloadKeys(sent as RealtimeEvent)) expect(GA_FIELDS).not.toContain(key)
      expect(late().toGa(sent as RealtimeEvent)).toEqual([event])
    }
  })

  it.each(recordings('azure-voice-live'))('$name in the order GA would have had', ({ lines }) => {
    const upstream = dialectFor('voice-live')
    const ga = lines.filter(({ from }) => from === 'server').flatMap(({ event }) => [...upstream.toGa(event)])
    const added = ga.filter((event) => event.type === 'conversation.item.added').map((event) => (event.item as { id: string }).id)
    const done = ga.filter((event) => event.type === 'conversation.item.done').map((event) => (event.item as { id: string }).id)
    expect(added.length).toBeGreaterThan(1)
    expect(done).toEqual(added)
    ga.forEach((event, index) => {
      if (event.type === 'response.output_item.done') expect(ga[index - 1]?.type).toBe('conversation.item.done')
      expect(event.type).not.toMatch(/^response\.(audio|text|audio_transcript)\.|item\.created$/)
      expect(payloadKeys(event).filter((key) => PREVIEW_FIELDS.includes(key))).toEqual([])
    })
    const client = dialectFor('preview')
    for (const one of ga.flatMap((event) => [...client.fromGa(event)])) expect(RT_CLIENT).toContain(one.type)
  })
})
