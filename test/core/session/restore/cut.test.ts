// The sheet of cuts: what becomes of a response, by what was known of its items when the upstream was lost.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../../src/core/protocol/events.js'
import { type Cut, closingEvents, cutOf } from '../../../../src/core/session/restore/cut.js'
import type { ShownItem, ShownPart } from '../../../../src/core/session/restore/under-way.js'

const item = (type: 'message' | 'function_call', how: 'open' | 'final' | 'done', visible = type === 'message'): ShownItem & { visible: boolean } => ({
  id: `${type}_${how}`,
  outputIndex: 0,
  item: { id: `${type}_${how}`, type, status: how === 'open' ? 'in_progress' : 'completed' },
  parts: [],
  final: how !== 'open',
  done: how === 'done',
  visible,
})
const [open, done, call, halfCall, shownCall] = [
  item('message', 'open'),
  item('message', 'done'),
  item('function_call', 'done'),
  item('function_call', 'open'),
  item('function_call', 'final', true),
]

const SHEET: readonly { readonly id: string; readonly items: readonly ShownItem[]; readonly unwanted?: boolean; readonly becomes: Cut; readonly because: string }[] = [
  { id: 'nothing', items: [], becomes: 'again', because: 'nothing of it was seen' },
  { id: 'half a hidden call', items: [halfCall], becomes: 'again', because: 'nobody has seen it, and half a call is no call' },
  { id: 'part of a message', items: [open], becomes: 'broken', because: 'the client has heard its beginning' },
  { id: 'a message, then half a call', items: [done, halfCall], becomes: 'broken', because: 'the call is still to come' },
  { id: 'a message, whole', items: [done], becomes: 'completed', because: 'only its end was missing' },
  { id: 'a call, whole', items: [call], becomes: 'completed', because: 'the tool runs, and its result asks for the answer' },
  { id: 'a call, then half a call', items: [call, halfCall], becomes: 'completed', because: 'a started tool is never called again; the other is called with its result in view' },
  { id: 'a call whose arguments are whole', items: [shownCall], becomes: 'completed', because: 'the client may already act on it' },
  { id: 'part of a message, unwanted', items: [open], unwanted: true, becomes: 'cancelled', because: 'the user had cut in, or the client had cancelled' },
  { id: 'nothing, unwanted', items: [], unwanted: true, becomes: 'cancelled', because: 'nobody waits for it' },
]

it.each(SHEET)('$id: $becomes, since $because', ({ items, unwanted = false, becomes }) => {
  const isVisible = (one: ShownItem) => (one as ReturnType<typeof item>).visible
  expect(cutOf({ shown: { id: 'r', response: { id: 'r' }, items }, unwanted, isVisible })).toBe(becomes)
  if (items.length === 0) expect(cutOf({ shown: undefined, unwanted, isVisible })).toBe(becomes)
})

describe('closing', () => {
  const part = (type: 'audio' | 'text', ended: readonly string[] = [], text?: string): ShownPart => ({ contentIndex: 0, part: { type }, ended, text })
  const types = (events: readonly JsonObject[]) => events.map((event) => event.type)
  let ids = 0
  const close = (one: ShownItem, cut: Exclude<Cut, 'again'>, undone: readonly string[] = [one.id]) =>
    closingEvents({ id: 'r', response: { id: 'r', metadata: null }, items: [one] }, cut, [{ itemId: one.id, text: 'so far', audioMs: 0 }], () => `e${++ids}`, undone)

  it('sends only the ends that are missing', () => {
    const spoken = { ...open, parts: [part('audio', ['response.output_audio.done'])] }
    expect(types(close(spoken, 'broken'))).toEqual([
      'response.output_audio_transcript.done',
      'response.content_part.done',
      'conversation.item.done',
      'response.output_item.done',
      'response.done',
    ])
    const written = { ...open, parts: [part('text', ['response.output_text.done', 'response.content_part.done'], 'all of it')] }
    expect(types(close(written, 'broken', []))).toEqual(['response.output_item.done', 'response.done'])
    expect(close(written, 'broken', []).at(-1)).toMatchObject({ response: { output: [{ content: [{ type: 'output_text', text: 'all of it' }] }] } })
  })

  /** Every event has an id of its own, which says nothing here. */
  const without = (events: readonly JsonObject[]) => events.map(({ event_id: _, ...event }) => event)
  const place = { response_id: 'r', item_id: 'message_open', output_index: 3, content_index: 1 }
  const final = (content: JsonObject): JsonObject => ({ id: 'message_open', type: 'message', status: 'incomplete', content: [content] })
  const around = (content: JsonObject) => [
    { type: 'conversation.item.done', previous_item_id: null, item: final(content) },
    { type: 'response.output_item.done', response_id: 'r', output_index: 3, item: final(content) },
    {
      type: 'response.done',
      response: { id: 'r', metadata: null, status: 'incomplete', status_details: { type: 'incomplete' }, output: [final(content)], usage: null },
    },
  ]
  const broken = (one: ShownPart) => without(close({ ...open, outputIndex: 3, parts: [one] }, 'broken'))

  it('ends a spoken message as the service would have, with the words that were said', () => {
    expect(broken({ contentIndex: 1, part: { type: 'audio', transcript: 'so', format: 'pcm16' }, ended: [], text: undefined })).toEqual([
      { type: 'response.output_audio.done', ...place },
      { type: 'response.output_audio_transcript.done', ...place, transcript: 'so far' },
      { type: 'response.content_part.done', ...place, part: { type: 'audio', transcript: 'so far', format: 'pcm16' } },
      ...around({ type: 'output_audio', transcript: 'so far' }),
    ])
  })

  it('ends a written one so, and knows its words whole if an event has told them', () => {
    expect(broken({ contentIndex: 1, part: { type: 'text', text: '' }, ended: [], text: 'so far and on' })).toEqual([
      { type: 'response.output_text.done', ...place, text: 'so far and on' },
      { type: 'response.content_part.done', ...place, part: { type: 'text', text: 'so far and on' } },
      ...around({ type: 'output_text', text: 'so far and on' }),
    ])
  })

  it('gives no words to an item of which none were delivered, and takes those of no other', () => {
    const two = {
      id: 'r',
      response: { id: 'r' },
      items: [
        { ...open, parts: [part('text')] },
        { ...halfCall, id: 'c' },
      ],
    }
    const events = closingEvents(two, 'broken', [{ itemId: 'c', text: '{"ci', audioMs: 0 }], () => 'e', [])
    expect(events.at(-1)).toMatchObject({ response: { output: [{ content: [{ text: '' }] }, { arguments: '{"ci' }] } })
  })

  it.each([
    ['completed', null],
    ['cancelled', { type: 'cancelled', reason: 'client_cancelled' }],
  ] as const)('says of a %s response why it is over', (cut, details) => {
    expect(without(close(done, cut))).toEqual([
      { type: 'conversation.item.done', previous_item_id: null, item: done.item },
      { type: 'response.done', response: { id: 'r', metadata: null, status: cut, status_details: details, output: [done.item], usage: null } },
    ])
  })

  it('gives half a call as incomplete, and never announces its arguments', () => {
    const events = close(halfCall, 'cancelled')
    expect(types(events)).not.toContain('response.function_call_arguments.done')
    expect(events.at(-1)).toMatchObject({
      response: { status: 'cancelled', status_details: { type: 'cancelled' }, output: [{ status: 'incomplete', arguments: 'so far' }], usage: null },
    })
  })

  it('gives every event an id of its own', () => {
    const events = close({ ...open, parts: [part('audio')] }, 'broken')
    expect(new Set(events.map((event) => event.event_id)).size).toBe(events.length)
  })
})
