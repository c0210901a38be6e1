// Playbooks for a model that writes after it was told a conversation as text: nothing of that is shown, and its answer is asked for once more.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../../src/core/protocol/events.js'
import { itemsOf } from '../../../../src/core/session/kept-items.js'
import { ev, type Play, PREFIX, tool } from '../../../support/playbook.js'
import { comesBack, echo, lose, restorable, typesTo } from './lost-upstream.js'

const AUDIO = { output_modalities: ['audio'] }
const message = (id: string, role: string, text: string): JsonObject => ({
  id,
  type: 'message',
  status: 'completed',
  role,
  content: [{ type: role === 'assistant' ? 'output_text' : 'input_text', text }],
})

const TALK = [message('item_1', 'user', 'Hello'), message('item_2', 'assistant', 'Good day')]

/** A conversation, told to a new leg whose session is `own`. */
function told(items: readonly JsonObject[] = TALK, own: JsonObject = AUDIO, change: Parameters<typeof restorable>[0] = { tools: [] }): Play {
  const p = restorable(change)
  for (const item of items) {
    p.upstream(ev.added(item))
    p.upstream({ type: 'conversation.item.done', event_id: 'e', item })
  }
  lose(p)
  tellsAgain(p, own)
  return p
}
function tellsAgain(p: Play, own: JsonObject = AUDIO): void {
  const session = { id: 'sess_2', instructions: p.state.profile.instructions, tools: p.state.profile.tools.map((one) => ({ ...one.definition })), ...own }
  p.feed({ type: 'upstream.opened', leg: p.state.upstream.leg, privateWords: [] })
  p.upstream({ type: 'session.created', event_id: 'e', session })
  const before = p.allTo('upstream').length
  p.upstream({ type: 'session.updated', event_id: 'e', session })
  for (const event of p.allTo('upstream').slice(before)) echo(p, event.item as JsonObject)
  expect(p.state.upstream.phase).toBe('ready')
}

/** And one turn more, with a request for its answer. */
function restored(change?: Parameters<typeof told>[2]): Play {
  const p = told(TALK, AUDIO, change)
  p.client({ type: 'conversation.item.create', item: message('mine', 'user', 'How is the sea?') })
  p.upstream(ev.added(message('mine', 'user', 'How is the sea?'), 'item_2'))
  p.upstream({ type: 'conversation.item.done', event_id: 'e', item: message('mine', 'user', 'How is the sea?') })
  p.client({ type: 'response.create', event_id: 'ask', response: { metadata: { turn: '7' } } })
  return p
}

const item = { id: 'item_4', type: 'message', status: 'in_progress', role: 'assistant', content: [] }
const begins = (p: Play, id = 'r1'): readonly string[] => [
  ...p.upstream(ev.created(id, { ...AUDIO, metadata: { turn: '7' } })),
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

  it('that is written, and that the client cancels meanwhile, is not asked for again: the client sees it cancelled, without a word', () => {
    const p = restored()
    const seen = p.allTo('client').length
    begins(p)
    part(p, 'text')
    expect(p.client({ type: 'response.cancel', event_id: 'stop' })).toEqual(['upstream response.cancel'])
    const actions = p.upstream(ev.done('r1', [{ ...item, id: 'item_of_r1' }], 'cancelled'))
    expect(actions).toContain('upstream conversation.item.create')
    expect(actions).not.toContain('upstream response.create')
    expect(typesTo(p, 'client', seen)).toEqual(['response.created', 'response.done'])
    expect(p.lastTo('client')).toMatchObject({ response: { id: 'r1', status: 'cancelled', output: [] } })
    p.client({ type: 'response.create' })
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
    expect(itemsOf(p.state.conversation).map(({ id }) => id)).not.toContain('item_1')
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

describe('until the kind of that answer is known', () => {
  const added = { ...item, id: 'item_of_r1' }
  const call = ev.call('c', 'show', '', 'in_progress')
  const done = (one: object) => ({ type: 'conversation.item.done', event_id: 'e', item: one })
  it.each<[string, object[]]>([
    ['of the message, in the service’s order', [ev.itemAdded('r1', added), ev.added(added, 'mine'), done(added)]],
    ['of the message, the other way round', [ev.added(added, 'mine'), ev.itemAdded('r1', added), done(added)]],
    ['of a call', [ev.added(call, 'mine'), ev.itemAdded('r1', call), done(call)]],
  ])('nothing is shown %s, and then everything in order', (_what, events) => {
    const p = restored({ tools: [tool('show', 'client')] })
    const seen = p.allTo('client').length
    for (const event of [ev.created('r1', AUDIO), ...events]) expect(p.upstream(event)).toEqual([])
    part(p, 'audio')
    const types = [{ type: 'response.created' }, ...(events as { type: string }[]), { type: 'response.content_part.added' }].map(({ type }) => type)
    expect(typesTo(p, 'client', seen)).toEqual(types)
  })

  it('nothing of what the user says or writes has to wait for it, nor another response', () => {
    const p = restored()
    begins(p)
    for (const [event, line] of [
      [ev.added(message('typed', 'user', 'Wait'), 'mine'), 'client conversation.item.added'],
      [{ type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'speech', audio_start_ms: 0 }, 'client input_audio_buffer.speech_started'],
      [{ type: 'response.output_text.delta', event_id: 'e', response_id: 'aside', item_id: 'item_aside', delta: 'x' }, 'client response.output_text.delta'],
    ] as const)
      expect(p.upstream(event)).toEqual([line])
    part(p, 'audio')
    expect(p.state.responses.active?.id).toBe('r1')
  })

  it('the beginnings of thirty-one items are kept, and with one more everything is shown', () => {
    const p = restored()
    const seen = p.allTo('client').length
    p.upstream(ev.created('r1', AUDIO))
    for (let n = 1; n < 32; n++) expect(p.upstream(ev.itemAdded('r1', { ...item, id: `item_of_r1_${n}` }))).toEqual([])
    expect(p.upstream(ev.itemAdded('r1', { ...item, id: 'item_of_r1_32' }))).toHaveLength(33)
    expect(p.allTo('client').slice(seen + 1, seen + 3)).toMatchObject([{ item: { id: 'item_of_r1_1' } }, { item: { id: 'item_of_r1_2' } }])
  })

  it('the line that is said while a tool takes long is not taken for it, nor anything late of another response', () => {
    const p = told(TALK, AUDIO, { toolNoticeMs: 1500, toolFiller: 'Say that you look it up.' } as never)
    const line = { ...AUDIO, metadata: { relay_filler: `${PREFIX}9` } }
    expect(p.upstream(ev.created('line', line))).toContain('client response.created')
    p.upstream({ type: 'response.output_audio.delta', event_id: 'e', response_id: 'line', item_id: 'item_line', delta: 'AAAA' })
    expect(p.upstream({ ...ev.done('line'), response: { id: 'line', status: 'completed', output: [], ...line } })).toContain('client response.done')
    p.upstream({ ...ev.done('late'), response: { id: 'late', status: 'completed', output: [], ...AUDIO } })
    begins(p)
    expect(part(p, 'text')).toEqual(['upstream response.cancel'])
  })
})

describe('nothing is waited for', () => {
  it.each<[string, readonly JsonObject[], JsonObject]>([
    ['if the model was told nothing that it had said', [message('item_1', 'user', 'Hello')], AUDIO],
    ['if the session is in text', TALK, { output_modalities: ['text'] }],
    ['if it may be either', TALK, { output_modalities: ['audio', 'text'] }],
  ])('%s', (_why, items, session) => {
    expect(told(items, session).upstream(ev.created('r1', AUDIO))).toEqual(['client response.created'])
  })
})

describe('an answer that was written', () => {
  const dropped = (p: Play, more: object = {}) => {
    begins(p)
    const actions = p.input({
      type: 'upstream.event',
      leg: p.state.upstream.leg,
      event: { type: 'response.content_part.added', event_id: 'e', response_id: 'r1', item_id: 'item_of_r1', output_index: 0, content_index: 0, part: { type: 'text' } },
      frame: undefined,
    })
    expect(actions).toContainEqual({ type: 'note', note: { type: 'drifted' } })
    expect(p.lastTo('upstream')).toMatchObject({ type: 'response.cancel', response_id: 'r1' })
    expect(p.upstream({ type: 'conversation.item.done', event_id: 'e', item: { ...item, id: 'item_of_r1', status: 'incomplete' } })).toEqual([])
    const before = p.allTo('upstream').length
    const done = { ...ev.done('r1', [], 'cancelled'), response: { id: 'r1', status: 'cancelled', output: [], ...more } }
    const last = p.input({ type: 'upstream.event', leg: p.state.upstream.leg, event: done as never, frame: undefined })
    const sent = p.allTo('upstream').slice(before)
    const gone = sent.flatMap(({ type, item_id: id }) => (type === 'conversation.item.delete' ? [id] : []))
    const dialogue = sent.find(({ type }) => type === 'conversation.item.create')?.item as { content: { text: string }[] }
    return { last, gone, text: dialogue.content[0]?.text, ask: sent.at(-1) }
  }
  const DIALOGUE = 'This conversation was spoken aloud, and so is your next answer. What was said so far:'
  const call: JsonObject = { id: 'item_c', type: 'function_call', status: 'completed', name: 'get_weather', call_id: 'c', arguments: '{}' }

  it('is paid for all the same', () => {
    const { last } = dropped(restored(), { usage: { output_tokens: 3 } })
    expect(last).toContainEqual({ type: 'record.usage', responseId: 'r1', usage: { output_tokens: 3 } })
    expect(dropped(restored()).last.map(({ type }) => type)).not.toContain('record.usage')
  })

  it('has the turn that it answers stay what it is, and calls too', () => {
    const silent = { ...message('item_3', 'user', ''), content: [{ type: 'input_audio', transcript: null }] }
    const p = told([...TALK, call, message('note', 'system', 'Be brief.'), silent, message('item_4', 'user', 'How is the sea?')])
    p.client({ type: 'response.create', event_id: 'ask' })
    const { gone, text, ask } = dropped(p)
    expect(text).toBe(`${DIALOGUE}\nUser: Hello\nYou: Good day\nNote: Be brief.`)
    expect(gone).toEqual(['item_1', 'item_2', 'note', 'item_3', 'item_of_r1'])
    expect(ask).toEqual({ type: 'response.create', event_id: 'ask' })
  })

  it('to nothing new has what the model said last told as spoken as well', () => {
    const p = told()
    p.client({ type: 'response.create' })
    const { gone, text } = dropped(p)
    expect(text).toBe(`${DIALOGUE}\nYou: Good day`)
    expect(gone).toEqual(['item_2', 'item_of_r1'])
  })

  it.each<[string, JsonObject]>([
    ['with a name and wishes', { event_id: 'ask', response: { metadata: { turn: '7' } } }],
    ['without', {}],
  ])('is asked for as before %s, however much was sent since', (_what, request) => {
    const p = told()
    p.client({ type: 'response.create', ...request })
    for (let n = 0; n < 130; n++) p.client({ type: 'conversation.item.delete', item_id: `other_${n}` })
    expect(dropped(p).ask).toEqual({ type: 'response.create', ...request })
  })

  it('and is lost before it is over is asked for again once', () => {
    const p = restored()
    begins(p)
    part(p, 'text')
    lose(p)
    const before = p.allTo('upstream').length
    tellsAgain(p)
    expect(
      p
        .allTo('upstream')
        .slice(before)
        .filter(({ type }) => type.startsWith('response.')),
    ).toEqual([{ type: 'response.create', event_id: 'ask', response: { metadata: { turn: '7' } } }])
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
