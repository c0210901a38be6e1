// Playbooks for the names of things after a loss: the client keeps those it knows, and nothing else is put under them.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../../src/core/protocol/events.js'
import { nothingUnderWay } from '../../../../src/core/session/restore/under-way.js'
import { lanesOf } from '../../../../src/core/session/state.js'
import { ev, type Play, PREFIX, updated } from '../../../support/playbook.js'
import { comesBack, echo, lose, restorable, typesTo } from './lost-upstream.js'

const text = (id: string, role: string, words: string): JsonObject => ({
  id,
  type: 'message',
  status: 'completed',
  role,
  content: [{ type: role === 'assistant' ? 'output_text' : 'input_text', text: words }],
})
const done = (item: object) => ({ type: 'conversation.item.done', event_id: 'e', item })
const says = (p: Play, item: JsonObject, previous: string | null = null) => {
  p.upstream(ev.added(item, previous))
  p.upstream(done(item))
}
const raw = (p: Play, event: object) => p.input({ type: 'upstream.event', leg: p.state.upstream.leg, event: event as never, frame: Buffer.from('{}') })
const over = (id: string, more: object = {}) => ({ ...ev.done(id), response: { id, status: 'completed', output: [], ...more } })

describe('after a loss', () => {
  it('responses belong to the conversation that the client knows', () => {
    const p = restorable({ tools: [] })
    p.upstream(ev.created('r1', { conversation_id: 'conv_1' }))
    p.upstream(over('r1', { conversation_id: 'conv_1' }))
    lose(p)
    comesBack(p)
    p.upstream(ev.created('r2', { conversation_id: 'conv_2' }))
    expect(p.lastTo('client')).toMatchObject({ response: { id: 'r2', conversation_id: 'conv_1' } })
    p.upstream(over('r2', { conversation_id: 'conv_2' }))
    expect(p.lastTo('client')).toMatchObject({ response: { id: 'r2', conversation_id: 'conv_1' } })
    p.upstream(ev.created('aside', { conversation_id: null }))
    expect(p.lastTo('client')).toMatchObject({ response: { conversation_id: null } })
  })

  it('the session is the one that the client knows', () => {
    const p = restorable({ tools: [] })
    lose(p)
    p.feed({ type: 'upstream.opened', leg: 2, privateWords: [] })
    const session = { ...(updated(p.state.profile).session as JsonObject), id: 'sess_2' }
    p.upstream({ type: 'session.created', event_id: 'e', session })
    p.upstream({ type: 'session.updated', event_id: 'e', session })
    expect(p.state.upstream.phase).toBe('ready')
    p.upstream({ type: 'session.updated', event_id: 'e', session })
    expect(p.lastTo('client')).toMatchObject({ type: 'session.updated', session: { id: 'sess_1' } })
  })

  it('an item whose id the service would refuse keeps it for the client, and the client may name it', () => {
    const p = restorable({ tools: [] })
    const id = 'i'.repeat(33)
    says(p, text(id, 'user', 'Hello'))
    lose(p)
    const seen = p.allTo('client').length
    const { items } = comesBack(p)
    expect(items[0]?.id).toBe(`${PREFIX}r2`)
    expect(p.state.upstream.phase).toBe('ready')
    expect(typesTo(p, 'client', seen)).toEqual([])
    p.client({ type: 'conversation.item.delete', item_id: id })
    expect(p.lastTo('upstream')).toMatchObject({ item_id: `${PREFIX}r2` })
    p.upstream({ type: 'conversation.item.deleted', event_id: 'e', item_id: `${PREFIX}r2` })
    expect(p.lastTo('client')).toMatchObject({ item_id: id })
  })

  it('a new response that stands for no other passes as it is', () => {
    const p = restorable({ tools: [] })
    says(p, text('item_1', 'user', 'Hello'))
    lose(p)
    comesBack(p)
    expect(raw(p, ev.created('r2')).find(({ type }) => type === 'send')).toMatchObject({ event: { response: { id: 'r2' } }, frame: Buffer.from('{}') })
    expect(lanesOf(p.state).upstream).toBe('pass')
  })
})

describe('an answer that begins again', () => {
  /** It was begun as `r1`, and will be again. */
  const begunTwice = (change: Parameters<typeof restorable>[0] = { tools: [] }) => {
    const p = restorable(change)
    says(p, text('item_1', 'user', 'How is the sea?'))
    p.client({ type: 'response.create' })
    p.upstream(ev.created('r1'))
    p.upstream({
      type: 'response.output_item.added',
      event_id: 'e',
      response_id: 'r1',
      output_index: 0,
      item: { id: 'hidden', type: 'function_call', name: 'unknown', call_id: 'c' },
    })
    lose(p)
    comesBack(p)
    return p
  }

  it('is read until its own end, whatever else ends meanwhile', () => {
    const p = begunTwice()
    expect(p.upstream(over('before'))).toEqual(['client response.done'])
    expect(lanesOf(p.state).upstream).toBe('pass')
    p.upstream(ev.created('r2'))
    p.upstream(over('other'))
    p.upstream(ev.itemAdded('r2', text('item_2', 'assistant', '')))
    expect(lanesOf(p.state).upstream).toBe('parse')
    expect(p.lastTo('client')).toMatchObject({ response_id: 'r1', item: { id: 'item_2' } })
    p.upstream(over('r2'))
    expect(p.lastTo('client')).toMatchObject({ response: { id: 'r1' } })
    expect(lanesOf(p.state).upstream).toBe('pass')
    // The next one is another.
    p.upstream(ev.created('r3'))
    expect(p.lastTo('client')).toMatchObject({ type: 'response.created', response: { id: 'r3' } })
  })

  it('is not the line that is said while a tool takes long, nor anything under a mark of the client’s', () => {
    const p = begunTwice()
    p.upstream(ev.created('line', { metadata: { relay_filler: `${PREFIX}9`, n: 1 } }))
    expect(p.lastTo('client')).toMatchObject({ type: 'response.created', response: { id: 'line' } })
    p.upstream(ev.created('r2', { metadata: { turn: '7' } }))
    p.upstream(over('r2'))
    expect(p.lastTo('client')).toMatchObject({ type: 'response.done', response: { id: 'r1' } })
  })

  it('that was never shown is shown as what it is now', () => {
    const p = begunTwice({})
    expect(p.upstream(ev.created('r2'))).toEqual([])
    expect(p.upstream(ev.itemAdded('r2', ev.message('item_2')))).toEqual(['client response.created', 'client response.output_item.added'])
    expect(p.lastTo('client')).toMatchObject({ response_id: 'r2' })
  })
})

it('speech that is announced again is known by that alone, and not by what comes before', () => {
  const p = restorable({ tools: [] })
  says(p, text('item_1', 'user', 'Hello'))
  p.upstream({ type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'speech_1', audio_start_ms: 0 })
  lose(p)
  comesBack(p)
  const late = { type: 'conversation.item.input_audio_transcription.completed', event_id: 'e', item_id: 'item_1', content_index: 0, transcript: 'Hello' }
  p.upstream(late)
  expect(p.lastTo('client')).toMatchObject({ item_id: 'item_1' })
  expect(p.upstream({ type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'speech_2', audio_start_ms: 0 })).toEqual([])
  // Only once: what is said next is news.
  expect(p.upstream({ type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'speech_3', audio_start_ms: 0 })).toEqual(['client input_audio_buffer.speech_started'])
  expect(p.lastTo('client')).toMatchObject({ item_id: 'speech_3' })
})

describe('an item that was told to another leg', () => {
  /** A turn and its answer, both told again. */
  const told = (items: readonly JsonObject[] = [text('item_1', 'user', 'Hello'), text('item_2', 'assistant', 'The sea is calm, and the wind is low')]) => {
    const p = restorable({ tools: [] })
    for (const item of items) says(p, item)
    lose(p)
    comesBack(p)
    return p
  }
  const truncate = (p: Play, id: string, ms: number) => p.client({ type: 'conversation.item.truncate', item_id: id, content_index: 0, audio_end_ms: ms })
  const rewritten = ['client conversation.item.truncated', 'upstream conversation.item.delete', 'upstream conversation.item.create']

  it('and is truncated, is replaced in its place', () => {
    const p = told()
    expect(truncate(p, 'item_2', 1000)).toEqual(rewritten)
    expect(p.lastTo('upstream')).toMatchObject({ previous_item_id: 'item_1', item: { id: 'item_2', content: [{ text: 'The sea is' }] } })
    const first = told([text('item_2', 'assistant', 'The sea is calm, and the wind is low')])
    expect(truncate(first, 'item_2', 1000)).toEqual(rewritten)
    expect(first.lastTo('upstream')).toMatchObject({ previous_item_id: 'root' })
  })

  it('and of which all was heard stays as it is', () => {
    expect(truncate(told(), 'item_2', 60_000)).toEqual(['client conversation.item.truncated'])
  })

  it('is truncated by the upstream if it is no answer', () => {
    expect(truncate(told(), 'item_1', 1000)).toEqual(['upstream conversation.item.truncate'])
  })

  it('and was replaced is done with: another loss sends nothing of that again', () => {
    const p = told()
    truncate(p, 'item_2', 1000)
    const [, item] = p.allTo('upstream').slice(-2)
    p.upstream({ type: 'conversation.item.deleted', event_id: 'e', item_id: 'item_2' })
    echo(p, item?.item as JsonObject)
    lose(p)
    const { lines } = comesBack(p)
    expect(lines.filter((line) => line === 'upstream conversation.item.delete')).toEqual([])
    truncate(p, 'item_2', 500)
    p.upstream({ type: 'conversation.item.deleted', event_id: 'e', item_id: 'item_2' })
    lose(p)
    expect(comesBack(p).lines.filter((line) => line === 'upstream conversation.item.delete')).toEqual([])
  })

  it('and whose replacement is refused leaves nothing to wait for', () => {
    const p = told()
    truncate(p, 'item_2', 1000)
    const create = p.lastTo('upstream')
    p.upstream({ type: 'conversation.item.deleted', event_id: 'e', item_id: 'item_2' })
    expect(p.upstream(ev.error('item_create_invalid', String(create?.event_id)))).toEqual([])
    expect(p.state.underWay).toBe(nothingUnderWay)
  })
})
