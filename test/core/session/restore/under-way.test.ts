// The sheet of what is under way: after which events a response, an item, a part, a spoken turn or an event of ours is half done.
import { describe, expect, it } from 'vitest'
import type { JsonObject, RealtimeEvent } from '../../../../src/core/protocol/events.js'
import { answersTurnsInForce, detectsTurnsInForce, nothingUnderWay, observed, type ShownItem, type UnderWay } from '../../../../src/core/session/restore/under-way.js'

const event = (type: string, fields: JsonObject = {}): RealtimeEvent => ({ type, ...fields })
const seen = (events: readonly RealtimeEvent[], from: UnderWay = nothingUnderWay, answersTurns = false) => events.reduce((u, one) => observed(u, one, answersTurns), from)
const created = (id: string, more: JsonObject = {}) => event('response.created', { response: { id, ...more } })
const done = (id: string) => event('response.done', { response: { id } })
const message = (id: string, status = 'in_progress'): JsonObject => ({ id, type: 'message', role: 'assistant', status })
const call = (id: string, status = 'in_progress'): JsonObject => ({ id, type: 'function_call', name: 'get_weather', status })
const added = (item: JsonObject, responseId = 'r1', index = 0) => event('response.output_item.added', { response_id: responseId, output_index: index, item })
const itemDone = (item: JsonObject, responseId = 'r1') => event('response.output_item.done', { response_id: responseId, output_index: 0, item })
const part = (type: string, fields: JsonObject = {}) => event(`response.${type}`, { response_id: 'r1', item_id: 'm', content_index: 0, ...fields })
const begun = [created('r1'), added(message('m'))]
const shown = (change: Partial<ShownItem> = {}): ShownItem => ({ id: 'm', outputIndex: 0, item: message('m'), parts: [], final: false, done: false, ...change })
const itemsOf = (u: UnderWay, id = 'r1') => u.responses.find((one) => one.id === id)?.items

describe('a response', () => {
  it('is under way from its beginning to its own end, with what it was announced as', () => {
    const u = seen([created('r1', { metadata: { turn: '7' } }), created('r2')])
    expect(u.responses).toEqual([
      { id: 'r1', response: { id: 'r1', metadata: { turn: '7' } }, items: [] },
      { id: 'r2', response: { id: 'r2' }, items: [] },
    ])
    expect(seen([done('r1')], u).responses.map(({ id }) => id)).toEqual(['r2'])
    expect(seen([done('r1'), done('r2')], u)).toBe(nothingUnderWay)
    expect(seen([done('other')], u).responses).toEqual(u.responses)
  })

  it('that begins once more begins anew, behind the others', () => {
    expect(seen([...begun, created('r2'), created('r1')]).responses.map(({ id, items }) => [id, items.length])).toEqual([
      ['r2', 0],
      ['r1', 0],
    ])
  })
})

describe('an item of a response', () => {
  it('has its place, and what was last announced of it', () => {
    expect(itemsOf(seen([created('r1'), added(message('m'), 'r1', 2), added(call('c'))]))).toEqual([shown({ outputIndex: 2 }), shown({ id: 'c', item: call('c') })])
    expect(itemsOf(seen([...begun, added(message('m', 'incomplete')), added(call('c'))]))).toEqual([
      shown({ item: message('m', 'incomplete') }),
      shown({ id: 'c', item: call('c') }),
    ])
  })

  it('is done after its end, and final as soon as it is told as a whole', () => {
    const whole = message('m', 'completed')
    const told = seen([...begun, added(call('c')), event('conversation.item.done', { item: whole })])
    expect(itemsOf(told)).toEqual([shown({ item: whole, final: true }), shown({ id: 'c', item: call('c') })])
    expect(itemsOf(seen([itemDone(whole)], told))?.[0]).toEqual(shown({ item: whole, final: true, done: true }))
    expect(itemsOf(seen([itemDone(whole), added(whole)], told))?.[0]).toEqual(shown({ item: whole, final: true, done: true }))
    expect(itemsOf(seen([itemDone(whole), event('conversation.item.done', { item: whole })], told))?.[0]).toEqual(shown({ item: whole, final: true, done: true }))
    expect(itemsOf(seen([...begun, itemDone(call('c', 'completed'))]))).toEqual([shown(), shown({ id: 'c', item: call('c', 'completed'), final: true, done: true })])
    expect(itemsOf(seen([...begun, event('conversation.item.done', { item: message('m') })]))).toEqual([shown()])
  })

  it('that is a call is final when its arguments are whole', () => {
    const asked = [created('r1'), added(message('m')), added({ id: 'c', type: 'function_call', status: 'in_progress' })]
    const whole = (fields: JsonObject) => itemsOf(seen([...asked, event('response.function_call_arguments.done', { response_id: 'r1', item_id: 'c', ...fields })]))
    const final = (name: string | null, words: string) => [
      shown(),
      shown({ id: 'c', final: true, item: { id: 'c', type: 'function_call', status: 'completed', name, arguments: words } }),
    ]
    expect(whole({ name: 'get_weather', arguments: '{"city":"Bergen"}' })).toEqual(final('get_weather', '{"city":"Bergen"}'))
    expect(whole({})).toEqual(final(null, ''))
    expect(
      itemsOf(seen([created('r1'), added(call('c')), event('response.function_call_arguments.done', { response_id: 'r1', item_id: 'c', arguments: '{}' })]))?.[0]?.item,
    ).toEqual({
      ...call('c', 'completed'),
      arguments: '{}',
    })
  })

  it.each<[string, RealtimeEvent]>([
    ['of another response', added(message('n'), 'other')],
    ['without an item', event('response.output_item.added', { response_id: 'r1' })],
    ['without an id', added({ type: 'message' })],
    ['about no item of a response', event('conversation.item.done', { item: { id: 'n', type: 'message', status: 'completed' } })],
    ['about nothing', event('conversation.item.done')],
    ['that says words', part('output_audio_transcript.delta', { delta: 'x' })],
    ['about parts of another response', { ...part('content_part.added'), response_id: 'other' }],
  ])('is nothing that an event tells %s', (_what, one) => {
    const u = seen(begun)
    expect(observed(u, one, false)).toBe(u)
  })
})

describe('a part', () => {
  const spoken: JsonObject = { type: 'audio', transcript: '' }
  const withPart = [...begun, added(call('c')), part('content_part.added', { part: spoken }), part('content_part.added', { content_index: 1, part: { type: 'text' } })]
  const other = { contentIndex: 1, part: { type: 'text' }, ended: [], text: undefined }

  it('is known by its index, in the one item that has it', () => {
    expect(itemsOf(seen(withPart))).toEqual([shown({ parts: [{ contentIndex: 0, part: spoken, ended: [], text: undefined }, other] }), shown({ id: 'c', item: call('c') })])
    expect(itemsOf(seen([...begun, part('content_part.added', { content_index: null })]))).toEqual([shown({ parts: [{ contentIndex: 0, part: {}, ended: [], text: undefined }] })])
  })

  it('has ended in each way that was told, with the words that were', () => {
    const ends = [
      part('output_audio.done'),
      part('output_audio_transcript.done', { transcript: 'The sea' }),
      part('content_part.done', { part: { type: 'audio', transcript: 'The sea' } }),
    ]
    expect(itemsOf(seen([...withPart, ...ends]))?.[0]?.parts).toEqual([
      { contentIndex: 0, part: { type: 'audio', transcript: 'The sea' }, ended: ends.map(({ type }) => type), text: 'The sea' },
      other,
    ])
    const written = part('output_text.done', { content_index: 1, text: 'Calm' })
    expect(itemsOf(seen([...withPart, written]))?.[0]?.parts[1]).toEqual({ contentIndex: 1, part: { type: 'text' }, ended: ['response.output_text.done'], text: 'Calm' })
  })
})

describe('an item of the conversation', () => {
  const add = (id: string, type = 'added') => event(`conversation.item.${type}`, { item: { id, type: 'message', role: 'user' } })
  it('is undone until it is done, or deleted', () => {
    for (const type of ['added', 'created']) expect(seen([add('a', type), add('b'), add('a', type)]).undone).toEqual(['a', 'b'])
    expect(seen([add('a'), add('b'), event('conversation.item.done', { item: { id: 'a' } })]).undone).toEqual(['b'])
    expect(seen([add('a'), add('b'), event('conversation.item.deleted', { item_id: 'b' })]).undone).toEqual(['a'])
    const u = seen([add('a')])
    expect(seen([event('conversation.item.deleted', { item_id: 'other' }), event('conversation.item.done'), event('conversation.item.added')], u)).toBe(u)
  })

  it('is one of the last sixty-four', () => {
    const { undone } = seen(Array.from({ length: 70 }, (_, n) => add(`item_${n}`)))
    expect([undone.length, undone[0]]).toEqual([64, 'item_6'])
  })
})

describe('a spoken turn', () => {
  const buffer = (type: string) => event(`input_audio_buffer.${type}`, { item_id: 'turn' })
  const [started, stopped, committed, cleared] = [buffer('speech_started'), buffer('speech_stopped'), buffer('committed'), buffer('cleared')]
  it('is heard, and then owed an answer if the upstream gives one by itself', () => {
    expect(seen([started])).toMatchObject({ speech: 'turn', owed: undefined })
    expect(seen([started, stopped], nothingUnderWay, true)).toMatchObject({ speech: 'turn', owed: 'turn' })
    expect(seen([started, stopped, committed], nothingUnderWay, true)).toMatchObject({ speech: undefined, owed: 'turn' })
    expect(seen([committed], nothingUnderWay, true)).toMatchObject({ owed: 'turn' })
    expect(seen([committed, created('r1')], nothingUnderWay, true)).toMatchObject({ owed: undefined })
    expect(seen([committed, started], nothingUnderWay, true)).toMatchObject({ owed: undefined, speech: 'turn' })
    const u = seen([started])
    expect(seen([stopped], u)).toBe(u)
    expect(seen([committed], u)).toBe(nothingUnderWay)
  })

  it('that the client committed is owed none, and what is owed stays so', () => {
    const sent = { ...nothingUnderWay, sent: [event('input_audio_buffer.commit')] }
    expect(seen([committed], sent, true)).toBe(nothingUnderWay)
    expect(seen([committed], { ...sent, owed: 'before' }, true)).toEqual({ ...nothingUnderWay, owed: 'before' })
    expect(seen([committed], { ...nothingUnderWay, sent: [event('session.update')] }, true)).toMatchObject({ owed: 'turn' })
  })

  it('is none after its audio was cleared', () => {
    expect(seen([started, cleared], nothingUnderWay, true)).toBe(nothingUnderWay)
    expect(seen([committed, cleared], nothingUnderWay, true)).toBe(nothingUnderWay)
    const u = seen(begun)
    expect(seen([cleared], u)).toBe(u)
  })
})

it('what is answered is done with, and what changes nothing is the same object', () => {
  const sent = { ...nothingUnderWay, sent: [event('session.update')] }
  expect(seen([event('session.updated')], sent)).toBe(nothingUnderWay)
  expect(seen([event('rate_limits.updated')], sent)).toBe(sent)
})

it.each<[string, JsonObject | undefined, boolean, boolean]>([
  ['without voice detection', { audio: { input: { turn_detection: null } } }, false, false],
  ['of which nothing is known', undefined, false, false],
  ['with voice detection', { audio: { input: { turn_detection: { type: 'server_vad' } } } }, true, true],
  ['that leaves answering to others', { audio: { input: { turn_detection: { type: 'server_vad', create_response: false } } } }, true, false],
])('a session %s', (_what, session, detects, answers) => {
  expect([detectsTurnsInForce(session), answersTurnsInForce(session)]).toEqual([detects, answers])
})
