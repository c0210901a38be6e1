// The sheet of ids in events: where a name of the upstream's may stand, and that the client's takes its place there and nowhere else.
import { expect, it } from 'vitest'
import type { JsonObject, RealtimeEvent } from '../../../../src/core/protocol/events.js'
import { noAliases, reversed, withAliases } from '../../../../src/core/session/restore/aliases.js'

// No event without an id may be taken for one that has it, whatever stands for a missing one.
const ALIASES = new Map([...['resp', 'item', 'item_0', 'conv', 'sess'].map((id): [string, string] => [`up_${id}`, `own_${id}`]), ['x', 'own_x']])
const message = (id: string): JsonObject => ({ id, type: 'message', content: [{ id: 'up_item', type: 'output_text', text: 'up_item' }] })

it.each<[string, RealtimeEvent, RealtimeEvent]>([
  [
    'a delta',
    { type: 'response.output_audio.delta', event_id: 'up_item', response_id: 'up_resp', item_id: 'up_item', delta: 'up_item' },
    { type: 'response.output_audio.delta', event_id: 'up_item', response_id: 'own_resp', item_id: 'own_item', delta: 'up_item' },
  ],
  [
    'an item and the one before it',
    { type: 'conversation.item.added', event_id: 'e', previous_item_id: 'up_item_0', item: message('up_item') },
    { type: 'conversation.item.added', event_id: 'e', previous_item_id: 'own_item_0', item: message('own_item') },
  ],
  [
    'a session',
    { type: 'session.updated', event_id: 'e', session: { id: 'up_sess', model: 'up_sess' } },
    { type: 'session.updated', event_id: 'e', session: { id: 'own_sess', model: 'up_sess' } },
  ],
  [
    'a response with its conversation and its items',
    {
      type: 'response.done',
      event_id: 'e',
      response: { id: 'up_resp', conversation_id: 'up_conv', status: 'completed', output: [message('other'), message('up_item'), 'up_item'] },
    },
    {
      type: 'response.done',
      event_id: 'e',
      response: { id: 'own_resp', conversation_id: 'own_conv', status: 'completed', output: [message('other'), message('own_item'), 'up_item'] },
    },
  ],
])('%s is named as the client knows it', (_what, event, named) => {
  expect(withAliases(event, ALIASES)).toEqual(named)
  expect(withAliases(named, reversed(ALIASES))).toEqual(event)
})

it.each<[string, RealtimeEvent]>([
  ['without any id', { type: 'input_audio_buffer.append', audio: 'up_item' }],
  ['of other ids', { type: 'response.done', event_id: 'e', response: { id: 'other', conversation_id: null, output: [message('another')] } }],
  ['of no item', { type: 'conversation.item.added', item: null, session: 'up_sess', response: ['up_resp'] }],
])('an event %s stays the same object', (_what, event) => {
  expect(withAliases(event, ALIASES)).toBe(event)
  expect(withAliases(event, noAliases)).toBe(event)
})

it('nothing is the other way round of nothing', () => {
  expect(reversed(noAliases)).toBe(noAliases)
})
