// What is still unanswered of what went upstream, whatever answers it: an event, an error, or the answer to something later.
import { expect, it } from 'vitest'
import type { JsonObject, RealtimeEvent } from '../../../../src/core/protocol/events.js'
import { acknowledged, recorded } from '../../../../src/core/session/restore/outbox.js'

const event = (type: string, fields: JsonObject = {}): RealtimeEvent => ({ type, ...fields })
const create = (text: string, more: JsonObject = {}) =>
  event('conversation.item.create', { item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }], ...more } })
const added = (text: string, more: JsonObject = {}) =>
  event('conversation.item.added', { item: { id: 'item_1', type: 'message', role: 'user', content: [{ type: 'input_text', text }], ...more } })
const all = (...sent: RealtimeEvent[]) => sent.reduce(recorded, [] as readonly RealtimeEvent[])

it.each<[string, RealtimeEvent, RealtimeEvent]>([
  ['an item by its id', create('a', { id: 'mine' }), added('b', { id: 'mine' })],
  ['an item without one by its words', create('a'), added('a')],
  [
    'a result by its call',
    event('conversation.item.create', { item: { type: 'function_call_output', call_id: 'c', output: 'x' } }),
    event('conversation.item.added', { item: { id: 'i', type: 'function_call_output', call_id: 'c', output: 'x' } }),
  ],
  ['a request', event('response.create'), event('response.created', { response: { id: 'r' } })],
  ['a cancel', event('response.cancel'), event('response.done', { response: { id: 'r' } })],
  ['a cancel by name', event('response.cancel', { response_id: 'r' }), event('response.done', { response: { id: 'r' } })],
  ['an update', event('session.update'), event('session.updated')],
  [
    'an item as the preview service answers it',
    create('a', { id: 'mine' }),
    event('conversation.item.created', { item: { id: 'mine', type: 'message', role: 'user', content: [{ type: 'input_text', text: 'a' }] } }),
  ],
  [
    'an item of several parts by the words of all, sound and image among them',
    create('a', {
      content: [
        { type: 'input_text', text: 'a' },
        { type: 'input_image', image_url: 'data:' },
        { type: 'input_text', text: 'b' },
      ],
    }),
    added('a', { content: [{ type: 'input_text', text: 'a' }, 'odd', { type: 'input_text', text: 'b' }] }),
  ],
  ['a truncation', event('conversation.item.truncate', { item_id: 'i' }), event('conversation.item.truncated', { item_id: 'i' })],
  ['a question', event('conversation.item.retrieve', { item_id: 'i' }), event('conversation.item.retrieved', { item: { id: 'i' } })],
  ['a commit', event('input_audio_buffer.commit'), event('input_audio_buffer.committed', { item_id: 'i' })],
  ['a clear', event('input_audio_buffer.clear'), event('input_audio_buffer.cleared')],
  ['a deletion', event('conversation.item.delete', { item_id: 'i' }), event('conversation.item.deleted', { item_id: 'i' })],
  ['a refusal by the event’s id', event('response.create', { event_id: 'e' }), event('error', { error: { event_id: 'e' } })],
  ['a refusal of an event without one', event('response.create'), event('error', { error: { event_id: null } })],
])('%s is answered', (_what, sent, answer) => {
  expect(acknowledged(all(sent), answer)).toEqual([])
})

it.each<[string, RealtimeEvent, RealtimeEvent]>([
  ['another item', create('a'), added('b')],
  ['a spoken turn', create('a'), event('conversation.item.added', { item: { id: 'i', type: 'message', role: 'user', content: [{ type: 'input_audio', transcript: null }] } })],
  ['the model’s message', create('a'), added('a', { role: 'assistant' })],
  ['the same words in other parts', create('ab', { content: ['a', 'b'].map((text) => ({ type: 'input_text', text })) }), added('ab')],
  ['an event without its item', create('a'), event('conversation.item.added')],
  ['an item that was sent without one', event('conversation.item.create'), added('a')],
  [
    'the result of another call',
    event('conversation.item.create', { item: { type: 'function_call_output', call_id: 'c' } }),
    added('', { type: 'function_call_output', call_id: 'd' }),
  ],
  ['an item of another kind', event('conversation.item.create', { item: { type: 'function_call_output', call_id: 'c' } }), added('', { type: 'function_call', call_id: 'c' })],
  ['the truncation of another item', event('conversation.item.truncate', { item_id: 'i' }), event('conversation.item.truncated', { item_id: 'other' })],
  ['the deletion of another item', event('conversation.item.delete', { item_id: 'i' }), event('conversation.item.deleted', { item_id: 'other' })],
  ['another item than was asked for', event('conversation.item.retrieve', { item_id: 'i' }), event('conversation.item.retrieved', { item: { id: 'other' } })],
  ['the end of another response', event('response.cancel', { response_id: 'r' }), event('response.done', { response: { id: 'other' } })],
  ['a refusal of something else', event('response.create', { event_id: 'e' }), event('error', { error: { event_id: 'other' } })],
])('by %s nothing is', (_what, sent, answer) => {
  const before = all(sent)
  expect(acknowledged(before, answer)).toBe(before)
})

it.each(['conversation.item.added', 'conversation.item.created'])('%s shows that items before it are answered, and says nothing of a request, nor of what came after', (type) => {
  const sent = all(create('refused without a word'), event('response.create'), create('b'), create('c'))
  expect(acknowledged(sent, { ...added('b'), type })).toEqual([event('response.create'), create('c')])
})

it('an answer is that of the first alone', () => {
  expect(acknowledged(all(event('response.create', { event_id: 'a' }), event('session.update'), event('response.create')), event('response.created'))).toEqual([
    event('session.update'),
    event('response.create'),
  ])
})

it('audio is not kept, nor a response beside the conversation, and the list is bounded', () => {
  expect(all(event('input_audio_buffer.append', { audio: '' }), event('response.create', { response: { conversation: 'none' } }))).toEqual([])
  expect(all(...Array.from({ length: 500 }, () => event('response.create')))).toHaveLength(128)
})

it('holds a bounded number of characters: a client that sends images to a service that answers nothing fills no memory', () => {
  const image = (size: number): RealtimeEvent =>
    event('conversation.item.create', { item: { type: 'message', role: 'user', content: [{ type: 'input_image', image_url: 'x'.repeat(size) }] } })
  expect(all(image(600_000))).toEqual([])
  const sent = all(event('response.create'), ...Array.from({ length: 20 }, () => image(100_000)))
  expect(sent).toHaveLength(5)
  expect(all(...Array.from({ length: 5 }, () => image(100_000)), event('response.cancel'))).toHaveLength(6)
})

it('holds half a mebi of characters, in whatever field of an item they are', () => {
  const most = 512 * 1024
  const image = (size: number) => create('', { content: [{ type: 'input_image', image_url: 'x'.repeat(size - 'message'.length - 'user'.length - 'input_image'.length) }, 'odd'] })
  const result = (size: number) =>
    event('conversation.item.create', { item: { type: 'function_call_output', call_id: 'c', output: 'x'.repeat(size - 'function_call_output'.length - 1), n: 1 } })
  for (const item of [image, result]) {
    expect(all(event('response.create'), item(most))).toHaveLength(2)
    expect(all(event('response.create'), item(most + 1))).toEqual([])
    expect(all(event('response.create'), item(most / 2), item(most / 2))).toHaveLength(3)
    expect(all(event('response.create'), item(most / 2), item(most / 2 + 1))).toHaveLength(1)
  }
})
