// Playbooks for items: links around hidden ones in every order they become known, and calls that are the client's whichever event shows them first.
import { describe, expect, it } from 'vitest'
import { dueAt } from '../../../src/core/session/budget.js'
import type { Play } from '../../support/playbook.js'
import { ev, play } from '../../support/playbook.js'

const user = (id: string) => ({ id, type: 'message', role: 'user', content: [] })
const hidden = (id: string) => ({ id, type: 'function_call', status: 'completed', name: 'get_weather', call_id: `call_${id}`, arguments: '{}' })
const itemDone = (item: object, previous: string | null) => ({ type: 'conversation.item.done', event_id: 'x', previous_item_id: previous, item })

/** The link a client sees for a new message behind `previous`. */
function linkBehind(p: Play, previous: string): unknown {
  expect(p.upstream(ev.added(user('next'), previous))).toEqual(['client conversation.item.added'])
  return p.lastTo('client')?.previous_item_id
}

describe('links', () => {
  it('skip a row of hidden items', () => {
    const p = play()
    p.upstream(ev.added(hidden('a'), 'seen'))
    p.upstream(ev.added(hidden('b'), 'a'))
    p.upstream(ev.added(hidden('c'), 'b'))
    expect(linkBehind(p, 'c')).toBe('seen')
  })

  it('lead to the start where only hidden items are before', () => {
    const p = play()
    p.upstream(ev.added(hidden('a'), null))
    p.upstream(ev.added(hidden('b'), 'a'))
    expect(linkBehind(p, 'b')).toBeNull()
  })

  it('skip an item that was deleted, visible or hidden', () => {
    const p = play()
    p.upstream(ev.added(user('first'), null))
    p.upstream(ev.added(user('question'), 'first'))
    p.upstream(ev.added(hidden('a'), 'question'))
    p.upstream(ev.added(hidden('b'), 'a'))
    p.upstream({ type: 'conversation.item.deleted', event_id: 'x', item_id: 'question' })
    expect(linkBehind(p, 'b')).toBe('first')
    p.upstream({ type: 'conversation.item.deleted', event_id: 'x', item_id: 'a' })
    p.upstream({ type: 'conversation.item.deleted', event_id: 'x', item_id: 'first' })
    expect(linkBehind(p, 'b')).toBeNull()
  })

  it('skip a deleted item also when a later event about a hidden one still names it', () => {
    const p = play()
    p.upstream(ev.added(user('first'), null))
    p.upstream(ev.added(hidden('a'), 'first'))
    p.upstream({ type: 'conversation.item.deleted', event_id: 'x', item_id: 'first' })
    p.upstream(itemDone(hidden('a'), 'first'))
    expect(linkBehind(p, 'a')).toBeNull()
  })

  it('hear of an item that was put in between', () => {
    const p = play()
    p.upstream(ev.added(user('first'), null))
    p.upstream(ev.added(hidden('a'), 'first'))
    p.upstream(ev.added(user('between'), 'first'))
    expect(linkBehind(p, 'a')).toBe('between')
    // An event that repeats it moves nothing.
    p.upstream(itemDone(user('between'), 'first'))
    expect(linkBehind(p, 'a')).toBe('between')
  })

  it('stay when an item says more of itself than before', () => {
    const p = play()
    p.upstream(ev.added(user('a'), null))
    p.upstream(ev.added(user('b'), 'a'))
    p.upstream(ev.added(user('c'), 'b'))
    p.upstream(ev.added(hidden('g'), 'a'))
    p.upstream(itemDone({ ...user('b'), content: [{ type: 'input_text', text: 'more' }] }, 'a'))
    expect(linkBehind(p, 'g')).toBe('a')
  })

  it.each([
    ['conversation.item.created', 'seen'],
    ['conversation.item.done', 'seen'],
    ['conversation.item.retrieved', null],
  ])('are known of a hidden item that is first told by %s', (type, before) => {
    const p = play()
    expect(p.upstream({ type, event_id: 'x', previous_item_id: 'seen', item: hidden('a') })).toEqual([])
    expect(linkBehind(p, 'a')).toBe(before === null ? 'seen' : before)
    expect(p.client({ type: 'conversation.item.retrieve', item_id: 'a' })).toEqual(['client error'])
  })

  it('are kept from the event that told them, when a later one says null', () => {
    const p = play()
    p.upstream(ev.added(hidden('a'), 'seen'))
    p.upstream(itemDone(hidden('a'), null))
    expect(linkBehind(p, 'a')).toBe('seen')
  })

  it('are learned late, when the first event said null', () => {
    const p = play()
    p.upstream(ev.itemAdded('r', hidden('a')))
    p.upstream(ev.added(hidden('a'), 'seen'))
    p.upstream(itemDone(hidden('a'), 'other'))
    expect(linkBehind(p, 'a')).toBe('seen')
  })

  it('in a circle end at the start instead of never', () => {
    const p = play()
    p.upstream(ev.added(hidden('a'), 'b'))
    p.upstream(ev.added(hidden('b'), 'a'))
    p.upstream(ev.added(hidden('c'), 'c'))
    expect(linkBehind(p, 'a')).toBeNull()
    expect(linkBehind(p, 'c')).toBeNull()
  })

  it('to visible items stay as they are', () => {
    expect(linkBehind(play(), 'seen')).toBe('seen')
  })
})

describe('calls', () => {
  it('start with the arguments the model wrote', () => {
    const p = play()
    const actions = p.input({ type: 'upstream.event', leg: 1, event: ev.itemDone('r', ev.call('c', 'get_weather', '{"city":"Bergen"}')) as never, frame: undefined })
    expect(actions).toContainEqual({ type: 'tool.start', callId: 'c', name: 'get_weather', arguments: '{"city":"Bergen"}' })
  })

  it('of the client’s belong to their response, whichever event shows them first', () => {
    const p = play()
    const [mine, theirs] = [ev.call('c1', 'get_weather'), ev.call('c2', 'show_on_screen')]
    p.upstream(ev.created('r'))
    for (const item of [mine, theirs]) {
      p.upstream(ev.added(item, 'u'))
      p.upstream(ev.itemAdded('r', item))
      p.upstream(ev.itemDone('r', item))
    }
    p.upstream(ev.done('r', [mine, theirs]))
    expect(p.toolFinished('c1')).toEqual(['upstream conversation.item.create'])
    expect(p.client({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'c2', output: 'x' } })).toEqual([
      'upstream conversation.item.create',
      'upstream response.create',
    ])
  })

  it('of the client’s hold a drain until they are answered', () => {
    const p = play()
    const [mine, theirs] = [ev.call('c1', 'get_weather'), ev.call('c2', 'show_on_screen')]
    p.upstream(ev.created('r'))
    for (const item of [mine, theirs]) p.upstream(ev.itemDone('r', item))
    p.upstream(ev.done('r', [mine, theirs]))
    p.toolFinished('c1')
    expect(p.feed({ type: 'drain', untilMs: 60_000 })).toEqual([])
    expect(p.tick(59_999)).toEqual([])
    expect(p.tick(60_000)).toEqual(['close draining drain_deadline'])
  })
})

describe('the opening', () => {
  const created = { type: 'session.created', event_id: 'e', session: {} }

  it('sends one update, however often session.created comes', () => {
    const p = play({}, 'connecting')
    expect(p.upstream(created)).toEqual(['upstream session.update'])
    expect(p.upstream(created)).toEqual([])
  })

  it('sends none for anything else that comes first', () => {
    const p = play({}, 'connecting')
    expect(p.upstream({ type: 'conversation.created', event_id: 'e', conversation: { id: 'c' } })).toEqual([])
    expect(p.state.upstream.phase).toBe('dialling')
  })
})

describe('the next tick that matters', () => {
  const cases: readonly (readonly [string, () => Play])[] = [
    ['while connecting', () => play({}, 'connecting')],
    ['for a quiet session', () => play()],
    ['for a short one', () => play({ limits: { maxSessionMs: 5_000 } as never })],
    [
      'for a drain',
      () => {
        const p = play()
        p.upstream(ev.created('r'))
        p.feed({ type: 'drain', untilMs: 30_000 })
        return p
      },
    ],
    ['for a token', () => play({}, 'live', 40_000)],
    ['for a token whose end is announced', () => play({ relayEvents: true }, 'live', 400_000)],
  ]
  for (const [name, open] of cases) {
    it(`${name} is not before and not after what it does`, () => {
      const at = dueAt(open().state)
      expect(Number.isFinite(at)).toBe(true)
      expect(open().tick(at - 1)).toEqual([])
      expect(open().tick(at)).not.toEqual([])
    })
  }
})
