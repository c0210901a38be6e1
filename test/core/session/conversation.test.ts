// What a session keeps of its conversation: order, words, what was heard, and a bound that spares what is still needed.
import { describe, expect, it } from 'vitest'
import type { RealtimeEvent } from '../../../src/core/protocol/events.js'
import { type Conversation, MAX_CONVERSATION_SIZE, noConversation, remembered } from '../../../src/core/session/conversation.js'
import { itemsOf } from '../../../src/core/session/kept-items.js'
import { fc } from '../../support/property.js'

const event = (type: string, fields: object) => ({ type, event_id: 'e', ...fields }) as unknown as RealtimeEvent
const message = (id: string, role: string, content: object[] = [], status = 'completed') => ({ id, type: 'message', role, status, content })
const spoken = (id: string) => message(id, 'user', [{ type: 'input_audio', transcript: null }])
const call = (id: string, callId: string, args = '{}') => ({ id, type: 'function_call', status: 'completed', name: 'get_weather', call_id: callId, arguments: args })
const result = (id: string, callId: string, output = 'sunny') => ({ id, type: 'function_call_output', call_id: callId, output })
const added = (item: object, previous: string | null = null) => event('conversation.item.added', { previous_item_id: previous, item })
const done = (item: object) => event('conversation.item.done', { previous_item_id: null, item })
const told = (...events: RealtimeEvent[]): Conversation => events.reduce(remembered, noConversation)
const ids = (conversation: Conversation) => itemsOf(conversation).map((item) => item.id)
const texts = (conversation: Conversation) => itemsOf(conversation).map((item) => item.text)

describe('order', () => {
  it('is the service’s: after the item that is named, else last', () => {
    expect(ids(told(added(message('a', 'user')), added(message('b', 'assistant'), 'a'), added(message('c', 'user'), 'b')))).toEqual(['a', 'b', 'c'])
    expect(ids(told(added(message('a', 'user')), added(message('c', 'user'), 'a'), added(message('b', 'system'), 'a')))).toEqual(['a', 'b', 'c'])
    expect(ids(told(added(message('a', 'user')), added(message('b', 'user'), 'gone')))).toEqual(['a', 'b'])
  })

  it('has an item once, however often it is announced', () => {
    const item = message('a', 'user', [{ type: 'input_text', text: 'hi' }])
    expect(ids(told(added(item), added(item, 'x'), event('conversation.item.created', { item }), done(item)))).toEqual(['a'])
  })

  it('does not change for an item that names itself, nor by what names no item', () => {
    const conversation = told(added(message('a', 'user')), added(message('b', 'user'), 'a'))
    expect(remembered(conversation, added(message('b', 'user'), 'b'))).toBe(conversation)
    for (const type of ['conversation.item.input_audio_transcription.completed', 'conversation.item.truncated', 'conversation.item.deleted'])
      expect(remembered(conversation, event(type, { transcript: 'x', audio_end_ms: 5 }))).toBe(conversation)
    expect(remembered(conversation, event('conversation.item.done', { item: { type: 'message', role: 'user' } }))).toBe(conversation)
  })

  it('does not keep a call that broke off', () => {
    const half = { ...call('b', 'call_1', '{"ci'), status: 'incomplete' }
    for (const end of [done(half), event('response.output_item.done', { item: half })]) {
      const conversation = told(added(message('a', 'user')), added({ ...half, status: 'in_progress' }, 'a'), end, added(message('c', 'user'), 'b'))
      expect(ids(conversation)).toEqual(['a', 'c'])
    }
  })

  it('is learned from a service that announces an item by its older name alone', () => {
    expect(ids(told(event('conversation.item.created', { item: message('a', 'user') })))).toEqual(['a'])
  })

  it('loses what is deleted', () => {
    const conversation = told(added(message('a', 'user')), added(message('b', 'user'), 'a'), event('conversation.item.deleted', { item_id: 'a' }))
    expect(ids(conversation)).toEqual(['b'])
    expect(conversation.size).toBe(told(added(message('b', 'user'))).size)
  })
})

describe('words', () => {
  it('of a spoken turn are its transcript, whenever that comes', () => {
    const transcript = event('conversation.item.input_audio_transcription.completed', { item_id: 'a', content_index: 0, transcript: 'Hello.' })
    expect(texts(told(added(spoken('a')), transcript, done(spoken('a'))))).toEqual(['Hello.'])
    expect(texts(told(added(spoken('a')), done(spoken('a')), transcript))).toEqual(['Hello.'])
  })

  it('of an answer come when it is done, as text or as transcript', () => {
    const open = message('b', 'assistant', [], 'in_progress')
    expect(itemsOf(told(added(open)))).toMatchObject([{ text: '', done: false }])
    const closed = message('b', 'assistant', [{ type: 'output_audio', transcript: 'Hi there.' }])
    expect(itemsOf(told(added(open), event('response.output_item.done', { response_id: 'r', item: closed })))).toMatchObject([{ text: 'Hi there.', done: true }])
    const two = message('b', 'assistant', [
      { type: 'output_text', text: 'One.' },
      { type: 'output_text', text: 'Two.' },
    ])
    expect(texts(told(added(open), done(two)))).toEqual(['One.\nTwo.'])
  })

  it('of a call are its arguments, of a result its output', () => {
    const args = '{"city":"Bergen"}'
    const conversation = told(added(call('c', 'call_1', '')), done(call('c', 'call_1', args)), added(result('o', 'call_1'), 'c'))
    expect(itemsOf(conversation)).toMatchObject([
      { type: 'function_call', name: 'get_weather', callId: 'call_1', text: args },
      { type: 'function_call_output', callId: 'call_1', text: 'sunny' },
    ])
  })

  it('are none where the service says none', () => {
    const bare = told(added({ id: 'c', type: 'function_call', call_id: 'k' }), added({ id: 'o', type: 'function_call_output', call_id: 'k' }, 'c'))
    expect(texts(bare)).toEqual(['', ''])
    expect(texts(told(added(message('a', 'user', [{ type: 'input_image' }]))))).toEqual([''])
    const mixed = [{ type: 'input_image' }, 'no part', { type: 'input_text', text: 'One.' }, { type: 'output_audio', transcript: 'Two.' }] as object[]
    expect(texts(told(added(message('a', 'user', mixed))))).toEqual(['One.\nTwo.'])
  })

  it('come with the rest of the item, which stays as it was', () => {
    const transcript = event('conversation.item.input_audio_transcription.completed', { item_id: 'a', content_index: 0, transcript: 'Hello.' })
    expect(itemsOf(told(added(spoken('a')), transcript))).toEqual([{ ...itemsOf(told(added(spoken('a'))))[0], text: 'Hello.' }])
    expect(itemsOf(remembered(told(added(spoken('a'))), event('conversation.item.input_audio_transcription.completed', { item_id: 'a' })))).toMatchObject([{ text: '' }])
  })

  it('are complete when the service says so, in whichever event', () => {
    const states = (...events: RealtimeEvent[]) => itemsOf(told(...events)).map((one) => one.done)
    const open = message('b', 'assistant', [], 'in_progress')
    expect(states(added(open))).toEqual([false])
    expect(states(added(message('b', 'assistant')))).toEqual([true])
    expect(states(added(open), done(open))).toEqual([true])
    // What is complete is not opened again.
    const closed = message('b', 'assistant', [{ type: 'output_text', text: 'Done.' }])
    expect(itemsOf(told(added(closed), added({ ...open, content: [{ type: 'output_text', text: 'Not' }] })))).toMatchObject([{ done: true, text: 'Done.' }])
    // A result has no status of its own.
    expect(states(added(result('o', 'call_1')))).toEqual([true])
  })

  it('that were heard are known of an answer that was truncated, and stay known', () => {
    const item = message('b', 'assistant', [{ type: 'output_audio', transcript: 'A long answer.' }])
    const cut = event('conversation.item.truncated', { item_id: 'b', content_index: 0, audio_end_ms: 700 })
    expect(itemsOf(told(added(item), cut, done(item)))).toMatchObject([{ heardMs: 700, text: 'A long answer.' }])
    const at = (audio_end_ms: unknown) => itemsOf(told(added(item), event('conversation.item.truncated', { item_id: 'b', audio_end_ms })))[0]?.heardMs
    expect([at(0), at(-5), at('700'), at(undefined)]).toEqual([0, 0, undefined, undefined])
  })
})

it('keeps nothing of a response outside the conversation, and no kind of item that the relay never has', () => {
  expect(told(event('response.output_item.done', { response_id: 'r', item: message('x', 'assistant', [{ type: 'output_text', text: 'aside' }]) }))).toBe(noConversation)
  expect(told(added({ id: 'm', type: 'mcp_call', name: 'x' }), added({ type: 'message', role: 'user' }), event('conversation.item.added', { item: 'text' }))).toBe(noConversation)
})

it('is the same object if nothing changes, so that a step costs nothing', () => {
  const conversation = told(added(spoken('a')), done(spoken('a')))
  for (const one of [
    done(spoken('a')),
    event('response.output_audio_transcript.delta', { item_id: 'a', delta: 'x' }),
    event('conversation.item.deleted', { item_id: 'gone' }),
    event('rate_limits.updated', {}),
  ])
    expect(remembered(conversation, one)).toBe(conversation)
})

describe('at its bound', () => {
  const long = 'x'.repeat(10_000)

  it('drops the oldest first, a call with its result, and says how much', () => {
    let conversation = told(added(call('c', 'call_1', long)), added(result('o', 'call_1', long), 'c'))
    for (let n = 0; n < 20; n++) conversation = remembered(conversation, added(message(`m${n}`, 'assistant', [{ type: 'output_text', text: long }]), `m${n - 1}`))
    expect(conversation.size).toBeLessThanOrEqual(MAX_CONVERSATION_SIZE)
    expect(ids(conversation)).toEqual(Array.from({ length: 12 }, (_, n) => `m${n + 8}`))
    expect(conversation.leftOut).toBe(10)
  })

  it('never drops the user’s last turn, nor a call that has no result yet', () => {
    let conversation = told(added(call('c', 'call_1')), added(message('turn', 'user', [{ type: 'input_text', text: 'the question' }]), 'c'))
    for (let n = 0; n < 30; n++) conversation = remembered(conversation, added(message(`m${n}`, 'assistant', [{ type: 'output_text', text: long }])))
    expect(ids(conversation).slice(0, 2)).toEqual(['c', 'turn'])
  })

  it('drops calls that nobody answers if nothing else is left, the oldest first', () => {
    let conversation = told(added(message('turn', 'user', [{ type: 'input_text', text: 'the question' }])))
    for (let n = 0; n < 1500; n++) conversation = remembered(conversation, added(call(`c${n}`, `call_${n}`)))
    expect(conversation.size).toBeLessThanOrEqual(MAX_CONVERSATION_SIZE)
    expect([ids(conversation)[0], ids(conversation).at(-1)]).toEqual(['turn', 'c1499'])
    expect(itemsOf(conversation).length + conversation.leftOut).toBe(1501)
  })

  it('holds exactly so much, and an eighth less after it has dropped something', () => {
    const whole = (id: string, length: number) => added(message(id, 'assistant', [{ type: 'output_text', text: 'x'.repeat(length) }]))
    expect(MAX_CONVERSATION_SIZE).toBe(131_072)
    expect(ids(told(whole('a', MAX_CONVERSATION_SIZE - 200)))).toEqual(['a'])
    expect(ids(told(whole('a', MAX_CONVERSATION_SIZE - 199)))).toEqual([])
    const small = told(...Array.from({ length: 132 }, (_, n) => whole(`m${n}`, 800)))
    expect(small.size).toBe(114_000)
    expect(small.leftOut).toBe(132 - 114)
  })

  it('drops no more than it must: a call with its result wherever that lies, and nothing between them', () => {
    const fill = Array.from({ length: 12 }, (_, n) => added(message(`m${n}`, 'assistant', [{ type: 'output_text', text: 'x'.repeat(9100) }])))
    const between = added(message('between', 'assistant', [{ type: 'output_text', text: 'stays' }]))
    const conversation = told(added(call('c', 'call_1', 'x'.repeat(20_000))), between, added(result('o', 'call_1', 'short')), ...fill)
    expect(ids(conversation)).toEqual(['between', ...Array.from({ length: 12 }, (_, n) => `m${n}`)])
    expect(conversation.leftOut).toBe(2)
    // What is learned later changes nothing of that.
    const later = remembered(conversation, event('conversation.item.truncated', { item_id: 'm3', audio_end_ms: 5 }))
    expect([later.leftOut, itemsOf(later).length]).toEqual([2, 13])
  })

  it('drops one call with its result, and leaves the next with its own', () => {
    const pair = (n: number, length: number) => [added(call(`c${n}`, `call_${n}`, 'x'.repeat(length))), added(result(`o${n}`, `call_${n}`))]
    const fill = Array.from({ length: 12 }, (_, n) => added(message(`m${n}`, 'assistant', [{ type: 'output_text', text: 'x'.repeat(9100) }])))
    expect(ids(told(...pair(1, 20_000), ...pair(2, 10), ...fill)).slice(0, 3)).toEqual(['c2', 'o2', 'm0'])
  })

  it('counts what it keeps, whatever came', () => {
    const id = fc.constantFrom('a', 'b', 'c', 'd')
    const text = fc.constantFrom('', 'short', long)
    const anything = fc.oneof(
      fc.tuple(id, id, text).map(([one, previous, words]) => added(message(one, 'user', [{ type: 'input_text', text: words }]), previous)),
      fc.tuple(id, id, text).map(([one, callId, words]) => added(call(one, callId, words))),
      fc.tuple(id, id, text).map(([one, callId, words]) => added(result(one, callId, words))),
      fc.tuple(id, text).map(([one, transcript]) => event('conversation.item.input_audio_transcription.completed', { item_id: one, transcript })),
      fc.tuple(id, text).map(([one, words]) => done(message(one, 'assistant', [{ type: 'output_text', text: words }]))),
      id.map((one) => event('conversation.item.deleted', { item_id: one })),
    )
    const check = (events: readonly RealtimeEvent[]) => {
      const conversation = told(...events)
      const whole = itemsOf(conversation).reduce((sum, item) => sum + item.text.length + 200, 0)
      expect(conversation.size).toBe(whole)
      expect(new Set(ids(conversation)).size).toBe(itemsOf(conversation).length)
    }
    fc.assert(fc.property(fc.array(anything, { maxLength: 60 }), check))
  })
})
