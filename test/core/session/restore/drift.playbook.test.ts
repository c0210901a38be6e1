// Playbooks for a model that writes after it was told a conversation as text: nothing of that is shown, and its answer is asked for once more.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../../src/core/protocol/events.js'
import { ev, type Play, PREFIX } from '../../../support/playbook.js'
import { comesBack, echo, lose, restorable, typesTo } from './lost-upstream.js'

const AUDIO = { output_modalities: ['audio'] }
const message = (id: string, role: string, text: string): JsonObject => ({
  id,
  type: 'message',
  status: 'completed',
  role,
  content: [{ type: role === 'assistant' ? 'output_text' : 'input_text', text }],
})

/** A conversation of one turn and its answer, told to a new leg, and one turn more. */
function restored(): Play {
  const p = restorable({ tools: [] })
  for (const item of [message('item_1', 'user', 'Hello'), message('item_2', 'assistant', 'Good day')]) {
    p.upstream(ev.added(item))
    p.upstream({ type: 'conversation.item.done', event_id: 'e', item })
  }
  lose(p)
  const session = { id: 'sess_2', instructions: p.state.profile.instructions, tools: [], ...AUDIO }
  p.feed({ type: 'upstream.opened', leg: p.state.upstream.leg, privateWords: [] })
  p.upstream({ type: 'session.created', event_id: 'e', session })
  const before = p.allTo('upstream').length
  p.upstream({ type: 'session.updated', event_id: 'e', session })
  for (const event of p.allTo('upstream').slice(before)) echo(p, event.item as JsonObject)
  expect(p.state.upstream.phase).toBe('ready')
  p.client({ type: 'conversation.item.create', item: message('mine', 'user', 'How is the sea?') })
  p.upstream(ev.added(message('mine', 'user', 'How is the sea?'), 'item_2'))
  p.upstream({ type: 'conversation.item.done', event_id: 'e', item: message('mine', 'user', 'How is the sea?') })
  p.client({ type: 'response.create', event_id: 'ask', response: { metadata: { turn: '7' } } })
  return p
}

const item = { id: 'item_4', type: 'message', status: 'in_progress', role: 'assistant', content: [] }
const begins = (p: Play, id = 'r1'): readonly string[] => [
  ...p.upstream(ev.created(id, AUDIO)),
  ...p.upstream(ev.itemAdded(id, { ...item, id: `item_of_${id}` })),
  ...p.upstream(ev.added({ ...item, id: `item_of_${id}` }, 'mine')),
]
const part = (p: Play, type: string, id = 'r1') =>
  p.upstream({ type: 'response.content_part.added', event_id: 'e', response_id: id, item_id: `item_of_${id}`, output_index: 0, content_index: 0, part: { type } })

describe('the first answer after a restore', () => {
  it('that is spoken is shown as soon as that is known, in order', () => {
    const p = restored()
    const seen = p.allTo('client').length
    expect(begins(p)).toEqual([])
    part(p, 'audio')
    expect(typesTo(p, 'client', seen)).toEqual(['response.created', 'response.output_item.added', 'conversation.item.added', 'response.content_part.added'])
    expect(p.state.restored.drift).toBeUndefined()
    // And the next is not looked at.
    p.upstream(ev.done('r1'))
    expect(p.upstream(ev.created('r2', AUDIO))).toEqual(['client response.created'])
  })

  it('that is written is cancelled unseen, the conversation is told as one item, and the answer asked for again', () => {
    const p = restored()
    const seen = p.allTo('client').length
    begins(p)
    expect(part(p, 'text')).toEqual(['upstream response.cancel'])
    expect(p.upstream({ type: 'response.output_text.delta', event_id: 'e', response_id: 'r1', item_id: 'item_of_r1', delta: 'The' })).toEqual([])
    const sent = p.allTo('upstream').length
    p.upstream(ev.done('r1', [], 'cancelled'))
    const [first, second, third, told, ask, ...more] = p.allTo('upstream').slice(sent)
    expect([first, second, third].map((event) => [event?.type, event?.item_id])).toEqual([
      ['conversation.item.delete', 'item_1'],
      ['conversation.item.delete', 'item_2'],
      ['conversation.item.delete', 'item_of_r1'],
    ])
    expect(told).toMatchObject({ type: 'conversation.item.create', previous_item_id: 'root', item: { role: 'system' } })
    expect(JSON.stringify(told)).toContain('User: Hello\\nYou: Good day')
    expect(ask).toEqual({ type: 'response.create', event_id: 'ask', response: { metadata: { turn: '7' } } })
    expect(more).toEqual([])
    for (const id of ['item_1', 'item_2', 'item_of_r1']) expect(p.upstream({ type: 'conversation.item.deleted', event_id: 'e', item_id: id })).toEqual([])
    expect(echo(p, told?.item as JsonObject)).toEqual([])
    expect(p.allTo('client').slice(seen)).toEqual([])
    expect(p.upstream(ev.created('r2', AUDIO))).toEqual(['client response.created'])
    expect(p.state.underWay.sent).toEqual([])
    // What the client knows of the conversation holds.
    expect(p.client({ type: 'conversation.item.delete', item_id: 'item_1' })).toEqual(['client conversation.item.deleted'])
    expect(p.state.conversation.items.map(({ id }) => id)).not.toContain('item_1')
  })

  it('that is lost while its kind is not known is asked for again', () => {
    const p = restored()
    begins(p)
    lose(p)
    comesBack(p)
    expect(p.lastTo('upstream')).toMatchObject({ type: 'response.create', event_id: 'ask' })
  })

  it('that calls a tool is shown', () => {
    const p = restored()
    p.upstream(ev.created('r1', AUDIO))
    p.upstream(ev.itemAdded('r1', ev.call('c', 'show', '', 'in_progress')))
    p.upstream({ type: 'response.function_call_arguments.delta', event_id: 'e', response_id: 'r1', item_id: 'item_c', delta: '{' })
    expect(p.state.restored.drift).toBeUndefined()
    expect(p.state.responses.active?.id).toBe('r1')
  })

  it('to a spoken turn, which nobody asked for, is asked for by the relay', () => {
    const p = restored()
    p.upstream(ev.error('conversation_already_has_active_response', 'ask'))
    begins(p)
    part(p, 'text')
    p.upstream(ev.done('r1', [], 'cancelled'))
    expect(p.lastTo('upstream')).toMatchObject({ type: 'response.create' })
    expect(String(p.lastTo('upstream')?.event_id)).toContain(PREFIX)
  })

  it('that was asked for in text is none of this', () => {
    const p = restored()
    expect(p.upstream(ev.created('r1', { output_modalities: ['text'] }))).toEqual(['client response.created'])
  })
})

describe('a profile that leaves cut answers', () => {
  it('has nothing asked for after one that was heard in part, and all of it if nothing was', () => {
    const cut = (words: string) => {
      const p = restorable({ tools: [], onCutAnswer: 'leave' })
      p.upstream(ev.added(message('item_1', 'user', 'Hello')))
      p.client({ type: 'response.create' })
      p.upstream(ev.created('r1'))
      if (words !== '') p.upstream(ev.itemAdded('r1', { ...item, id: 'item_2' }))
      if (words !== '') p.upstream(ev.added({ ...item, id: 'item_2' }, 'item_1'))
      lose(p, [{ itemId: 'item_2', text: words, audioMs: 0 }])
      return { p, ...comesBack(p) }
    }
    const heard = cut('The sea')
    expect(heard.p.lastTo('client')).toMatchObject({ type: 'response.done', response: { status: 'incomplete' } })
    expect(heard.lines).not.toContain('upstream response.create')
    expect(JSON.stringify(heard.items)).not.toContain('broke off')
    expect(cut('').lines).toContain('upstream response.create')
  })
})
