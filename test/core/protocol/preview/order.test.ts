// Item events of a preview upstream in GA's order, as transcripts of the events received and of those GA would have sent.
import { describe, expect, it } from 'vitest'
import type { DialectName } from '../../../../src/core/protocol/dialect.js'
import { dialectFor } from '../../../../src/core/protocol/dialects.js'
import type { RealtimeEvent } from '../../../../src/core/protocol/events.js'

const user = { id: 'item_u', type: 'message', role: 'user', status: 'completed', content: [] }
const open = { id: 'item_a', type: 'message', role: 'assistant', status: 'in_progress', content: [] }
const full = { ...open, status: 'completed', content: [{ type: 'text', text: 'hi' }] }
const openCall = { id: 'item_f', type: 'function_call', status: 'in_progress', name: 'f', call_id: 'call_1', arguments: '' }
const fullCall = { ...openCall, status: 'completed', arguments: '{}' }
const created = (item: object, previous: string | null = null): RealtimeEvent => ({
  type: 'conversation.item.created',
  event_id: 'e',
  previous_item_id: previous,
  item: { ...item },
})
const itemEvent = (type: string, item: object): RealtimeEvent => ({ type, event_id: 'e', response_id: 'resp_1', output_index: 0, item: { ...item } })

function play(events: readonly RealtimeEvent[], name: DialectName = 'preview') {
  const link = dialectFor(name)
  return events.flatMap((event) => [...link.toGa(event)])
}
const types = (events: readonly RealtimeEvent[]) => events.map((event) => event.type)

describe('order of item events from a preview upstream', () => {
  it('a text turn', () => {
    const out = play([
      created(user),
      { type: 'response.created', response: { id: 'resp_1', output: [] } },
      itemEvent('response.output_item.added', open),
      created(open, 'item_u'),
      { type: 'response.text.delta', delta: 'hi' },
      { type: 'response.text.done', text: 'hi' },
      itemEvent('response.output_item.done', full),
      { type: 'response.done', response: { id: 'resp_1', output: [full] } },
    ])
    expect(types(out)).toEqual([
      'conversation.item.added',
      'conversation.item.done',
      'response.created',
      'response.output_item.added',
      'conversation.item.added',
      'response.output_text.delta',
      'response.output_text.done',
      'conversation.item.done',
      'response.output_item.done',
      'response.done',
    ])
    expect(out[7]).toEqual({ type: 'conversation.item.done', event_id: 'e_done', previous_item_id: 'item_u', item: { ...full, content: [{ type: 'output_text', text: 'hi' }] } })
  })

  it('a call, whose arguments.done gets the name that GA requires', () => {
    const out = play([
      itemEvent('response.output_item.added', openCall),
      created(openCall, 'item_u'),
      { type: 'response.function_call_arguments.done', item_id: 'item_f', call_id: 'call_1', arguments: '{}' },
      itemEvent('response.output_item.done', fullCall),
    ])
    expect(types(out)).toEqual([
      'response.output_item.added',
      'conversation.item.added',
      'response.function_call_arguments.done',
      'conversation.item.done',
      'response.output_item.done',
    ])
    expect(out[2]?.name).toBe('f')
  })

  it('an existing name is kept, and the call of an unknown item gets none', () => {
    const done = { type: 'response.function_call_arguments.done', item_id: 'item_f', arguments: '{}' }
    expect(play([itemEvent('response.output_item.added', openCall), { ...done, name: 'g' }])[1]?.name).toBe('g')
    expect(play([done])).toEqual([done])
  })

  it('a tool output without a status is complete at once', () => {
    const out = play([created({ id: 'item_o', type: 'function_call_output', call_id: 'call_1', output: '{}' })])
    expect(types(out)).toEqual(['conversation.item.added', 'conversation.item.done'])
  })

  it('spoken words are complete at once with any status', () => {
    expect(types(play([created({ ...user, status: 'in_progress' })]))).toEqual(['conversation.item.added', 'conversation.item.done'])
  })

  it('an assistant item that the client seeded is complete at once; one of a running response without a status is not', () => {
    expect(types(play([created(full)]))).toEqual(['conversation.item.added', 'conversation.item.done'])
    const { status: _status, ...bare } = open
    expect(types(play([itemEvent('response.output_item.added', bare), created(bare)]))).toEqual(['response.output_item.added', 'conversation.item.added'])
  })

  it('an item that is announced after its response finished it is complete at once', () => {
    const { status: _status, ...bare } = full
    const out = play([itemEvent('response.output_item.added', open), itemEvent('response.output_item.done', full), created(bare)])
    expect(types(out)).toEqual(['response.output_item.added', 'response.output_item.done', 'conversation.item.added', 'conversation.item.done'])
  })

  it('a cut-off item is done, incomplete', () => {
    const out = play([created(open), itemEvent('response.output_item.done', { ...full, status: 'incomplete' })])
    expect(types(out)).toEqual(['conversation.item.added', 'conversation.item.done', 'response.output_item.done'])
  })

  it('response.done completes items whose output_item.done is missing', () => {
    const out = play([created(open), { type: 'response.done', event_id: 'r', response: { output: [full] } }])
    expect(types(out)).toEqual(['conversation.item.added', 'conversation.item.done', 'response.done'])
  })

  it('an item that never entered the conversation gets no conversation.item.done', () => {
    const out = play([itemEvent('response.output_item.added', open), itemEvent('response.output_item.done', full), { type: 'response.done', response: { output: [full] } }])
    expect(types(out)).toEqual(['response.output_item.added', 'response.output_item.done', 'response.done'])
  })

  it.each(['preview', 'voice-live'] as const)('%s: GA item events that the upstream sends itself are not doubled', (name) => {
    const out = play(
      [
        created(user),
        { type: 'conversation.item.done', event_id: 'own', item: user },
        { type: 'conversation.item.added', event_id: 'own', item: open },
        created(open),
        { type: 'conversation.item.done', event_id: 'own', item: full },
        itemEvent('response.output_item.done', full),
      ],
      name,
    )
    expect(types(out)).toEqual(['conversation.item.added', 'conversation.item.done', 'conversation.item.added', 'conversation.item.done', 'response.output_item.done'])
  })

  it('items without an id are not taken for each other', () => {
    const { id: _id, ...nameless } = user
    expect(types(play([created(nameless), created(nameless)]))).toEqual(['conversation.item.added', 'conversation.item.done', 'conversation.item.added', 'conversation.item.done'])
  })

  it('an event without an item id is about no item, not even one with an empty id', () => {
    const empty = { ...open, id: '' }
    const { id: _id, ...nameless } = full
    const args = { type: 'response.function_call_arguments.done', arguments: '{}' }
    expect(play([created({ ...empty, name: 'f' }), args])[1]).toEqual(args)
    expect(types(play([created(empty), itemEvent('response.output_item.done', nameless)]))).toEqual(['conversation.item.added', 'response.output_item.done'])
    expect(types(play([created(empty), { type: 'conversation.item.deleted' }, created(empty)]))).toEqual(['conversation.item.added', 'conversation.item.deleted'])
  })

  it('forgets the oldest of very many items and goes on', () => {
    const link = dialectFor('preview')
    for (let i = 0; i < 5_000; i++) link.toGa(created({ ...open, id: `item_${i}` }))
    expect(types(link.toGa(itemEvent('response.output_item.done', { ...full, id: 'item_0' })))).toEqual(['response.output_item.done'])
    expect(types(link.toGa(itemEvent('response.output_item.done', { ...full, id: 'item_4999' })))).toEqual(['conversation.item.done', 'response.output_item.done'])
  })

  it.each([
    'conversation.item.created',
    'conversation.item.added',
    'conversation.item.done',
    'response.output_item.added',
    'response.output_item.done',
    'response.done',
    'conversation.item.deleted',
  ])('%s without an item passes as it is', (type) => expect(play([{ type, event_id: 'e' }], 'voice-live')).toEqual([{ type, event_id: 'e' }]))

  it('remembers 512 items', () => {
    const link = dialectFor('preview')
    for (let i = 0; i <= 512; i++) link.toGa(created({ ...open, id: `item_${i}` }))
    expect(types(link.toGa(itemEvent('response.output_item.done', { ...full, id: 'item_0' })))).toEqual(['response.output_item.done'])
    expect(types(link.toGa(itemEvent('response.output_item.done', { ...full, id: 'item_1' })))).toEqual(['conversation.item.done', 'response.output_item.done'])
  })

  it('a deleted item is announced again if it comes back', () => {
    const out = play([created(user), { type: 'conversation.item.deleted', item_id: 'item_u' }, created(user)])
    expect(types(out)).toEqual(['conversation.item.added', 'conversation.item.done', 'conversation.item.deleted', 'conversation.item.added', 'conversation.item.done'])
  })

  it('an item that is announced twice is passed on once', () => {
    expect(types(play([created(open, 'item_u'), created(open, 'item_u')]))).toEqual(['conversation.item.added'])
  })

  it('a derived conversation.item.done names the previous item, and has an event id only if its source has one', () => {
    const { event_id: _id, ...bare } = created(user, 'item_before')
    expect(play([bare])[1]).toEqual({ type: 'conversation.item.done', previous_item_id: 'item_before', item: user })
    const { previous_item_id: _previous, ...first } = created(user)
    expect(play([first])[1]).toEqual({ type: 'conversation.item.done', event_id: 'e_done', previous_item_id: null, item: user })
  })

  it('links share no state', () => {
    const one = dialectFor('preview')
    const other = dialectFor('preview')
    one.toGa(created(open))
    expect(types(other.toGa(itemEvent('response.output_item.done', full)))).toEqual(['response.output_item.done'])
  })
})
