// When an event of a part may go on unread, which the session hears of later, and for how long it is kept.
import { describe, expect, it } from 'vitest'
import type { SessionState } from '../../src/core/session/state.js'
import { PartLane } from '../../src/relay/part-lane.js'
import { ev, type Play, play, profile, tool } from '../support/playbook.js'

const RECONNECTS = { limits: { ...profile().limits, reconnectMs: 10_000 }, tools: [] }
const FORWARD = { type: 'forward' } as const

/** A session in which this answer has begun. */
function speaking(n: number, p: Play = play(RECONNECTS)): Play {
  p.upstream(ev.created(`resp_${n}`))
  p.upstream(ev.itemAdded(`resp_${n}`, { ...ev.message('m'), id: `item_${n}`, status: 'in_progress', content: [] }))
  return p
}

const part = (n: number, change: object = {}) => ({
  type: 'response.output_text.done',
  event_id: `event_${n}`,
  response_id: `resp_${n}`,
  item_id: `item_${n}`,
  output_index: 0,
  content_index: 0,
  text: `words ${n}`,
  ...change,
})
const frame = (event: object) => Buffer.from(JSON.stringify(event))

function learned(event: object = part(1), state: SessionState = speaking(1).state): PartLane {
  const lane = new PartLane()
  lane.learn(frame(event), event as never, state, () => FORWARD)
  return lane
}
const passes = (lane: PartLane, event: object, state: SessionState) => lane.match(frame(event), state, []) === FORWARD

describe('an event of a part', () => {
  it('goes on if one of its shape was read, in this answer and in the next', () => {
    const lane = learned()
    expect(passes(lane, part(1), speaking(1).state)).toBe(true)
    const p = speaking(1)
    p.upstream(ev.itemDone('resp_1', { ...ev.message('m'), id: 'item_1' }))
    p.upstream(ev.done('resp_1', []))
    expect(passes(lane, part(2), speaking(2, p).state)).toBe(true)
  })

  it('is read before one of its shape was', () => {
    expect(passes(new PartLane(), part(1), speaking(1).state)).toBe(false)
    expect(passes(learned(), part(1, { type: 'response.content_part.done' }), speaking(1).state)).toBe(false)
    expect(passes(learned(), part(1, { more: 1 }), speaking(1).state)).toBe(false)
  })

  it.each([
    ['of another item', part(1, { item_id: 'item_2' })],
    ['of an item whose id only begins alike', part(1, { item_id: 'item_1x' })],
    ['of another response', part(1, { response_id: 'resp_2' })],
  ])('is read if it is %s', (_name, event) => expect(passes(learned(), event, speaking(1).state)).toBe(false))

  it('is read if the message is not being said as the upstream tells it', () => {
    const lane = learned()
    const over = speaking(1)
    over.upstream(ev.itemDone('resp_1', { ...ev.message('m'), id: 'item_1' }))
    const call = play(RECONNECTS)
    call.upstream(ev.created('resp_1'))
    call.upstream(ev.itemAdded('resp_1', { ...ev.call('c', 'show_on_screen', '', 'in_progress'), id: 'item_1' }))
    const user = play(RECONNECTS)
    user.upstream(ev.created('resp_1'))
    user.upstream(ev.itemAdded('resp_1', { ...ev.message('m'), id: 'item_1', role: 'user', status: 'in_progress' }))
    const deferred = play({ ...RECONNECTS, tools: [tool('get_weather')] })
    deferred.upstream(ev.created('resp_1'))
    deferred.upstream(ev.itemAdded('resp_1', { ...ev.message('m'), id: 'item_1', role: 'system', status: 'in_progress' }))
    const { state } = speaking(1)
    const states: Readonly<Record<string, SessionState>> = {
      idle: play(RECONNECTS).state,
      over: over.state,
      call: call.state,
      user: user.state,
      deferred: deferred.state,
      hidden: { ...state, items: { ...state.items, hidden: new Map([['item_1', null]]) } },
      restored: { ...state, restored: { ...state.restored } },
      'of another response': { ...state, responses: { ...state.responses, active: { ...(state.responses.active as NonNullable<typeof state.responses.active>), id: 'resp_9' } } },
    }
    for (const [name, one] of Object.entries(states)) expect(passes(lane, part(1), one), name).toBe(false)
    expect(passes(lane, part(1), state)).toBe(true)
  })

  it.each([
    ['that is none', part(1, { type: 'response.output_item.added' })],
    ['of another item than the one under way', part(1, { item_id: 'item_9' })],
    ['of another response', part(1, { response_id: 'resp_9' })],
    ['with an id inside as well', part(1, { part: { item_id: 'item_1' } })],
    ['with another response’s id inside', part(1, { part: { response_id: 'resp_1' } })],
  ])('teaches nothing if it is one %s', (_name, event) => expect(passes(learned(event), event, speaking(1).state)).toBe(false))

  it('teaches nothing by a note, nor by nothing', () => {
    for (const outcome of [undefined, { type: 'note', note: { type: 'event_dropped', side: 'upstream', why: 'x' } } as const]) {
      const lane = new PartLane()
      lane.learn(frame(part(1)), part(1) as never, speaking(1).state, () => outcome)
      expect(passes(lane, part(1), speaking(1).state)).toBe(false)
    }
  })

  it('of each type is known by its latest shape', () => {
    const lane = learned()
    const other = part(1, { content_index: 1 })
    lane.learn(frame(other), other as never, speaking(1).state, () => FORWARD)
    expect([passes(lane, other, speaking(1).state), passes(lane, part(1), speaking(1).state)]).toEqual([true, false])
  })
})

describe('what has gone on unread', () => {
  const texts = (lane: PartLane) => lane.take().map((event) => event.text)

  it('is told once, in its order', () => {
    const lane = learned()
    const { state } = speaking(1)
    for (const text of ['a', 'b']) expect(lane.keep(frame(part(1, { text })), state)).toBe(true)
    expect([texts(lane), texts(lane)]).toEqual([['a', 'b'], []])
    expect(lane.keep(frame(part(1, { text: 'c' })), state)).toBe(true)
    expect(texts(lane)).toEqual(['c'])
  })

  it('is kept as a copy, up to a bound', () => {
    const lane = learned()
    const { state } = speaking(1)
    const bytes = frame(part(1))
    expect(lane.keep(bytes, state)).toBe(true)
    bytes.fill(0)
    for (let n = 1; n < 16; n++) expect(lane.keep(frame(part(1)), state)).toBe(true)
    expect(lane.keep(frame(part(1)), state)).toBe(false)
    expect(texts(lane)).toEqual(Array.from({ length: 16 }, () => 'words 1'))
  })

  it('is forgotten with its item, and with the next one', () => {
    const lane = learned()
    lane.keep(frame(part(1)), speaking(1).state)
    lane.itemDone('item_9')
    lane.itemDone(undefined)
    lane.keep(frame(part(1)), speaking(1).state)
    expect(texts(lane)).toHaveLength(2)
    lane.keep(frame(part(1)), speaking(1).state)
    lane.itemDone('item_1')
    expect(texts(lane)).toEqual([])
    lane.keep(frame(part(1)), speaking(1).state)
    lane.keep(frame(part(2)), speaking(2).state)
    expect(texts(lane)).toEqual(['words 2'])
  })
})
