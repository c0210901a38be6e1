// When an event of an item under way may go on unread, what of it the session hears later, and for how long that is kept.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import type { SessionState } from '../../src/core/session/state.js'
import type { Outcome } from '../../src/relay/lane-outcome.js'
import { PartLane } from '../../src/relay/part-lane.js'
import { ev, type Play, play, profile, tool } from '../support/playbook.js'
import { fc } from '../support/property.js'

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
  const learns = lane.learn(frame(event), event as never, state, () => FORWARD)
  // It says so, and else the caller learns it another way.
  expect(lane.match(frame(event), state, []) !== undefined).toBe(learns)
  return lane
}
const passes = (lane: PartLane, event: object, state: SessionState) => lane.match(frame(event), state, [])?.outcome === FORWARD

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
    ['of an item whose id only ends alike', part(1, { item_id: 'Item_1' })],
    ['of another response', part(1, { response_id: 'resp_2' })],
    ['of a response whose id only ends alike', part(1, { response_id: 'Resp_1' })],
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
      expect(lane.learn(frame(part(1)), part(1) as never, speaking(1).state, () => outcome)).toBe(false)
      expect(lane.match(frame(part(1)), speaking(1).state, [])).toBeUndefined()
    }
    expect(
      new PartLane().learn(frame(part(1)), part(1) as never, play(RECONNECTS).state, () => FORWARD),
      'nothing is under way',
    ).toBe(false)
  })

  it('of each type is known by its two latest shapes', () => {
    const lane = learned()
    const { state } = speaking(1)
    const others = [part(1, { content_index: 1 }), part(1, { content_index: 2 })] as const
    for (const other of [part(1, { type: 'response.content_part.done' }), ...others]) lane.learn(frame(other), other as never, state, () => FORWARD)
    expect([passes(lane, others[0], state), passes(lane, others[1], state), passes(lane, part(1), state)]).toEqual([true, true, false])
    expect(passes(lane, part(1, { type: 'response.content_part.done' }), state), 'another type').toBe(true)
  })
})

const CALL = { call_id: 'c', type: 'response.function_call_arguments.delta' }
const delta = (n: number, change: object = {}) => {
  const { text: _, ...rest } = part(n, { type: 'response.output_text.delta', delta: ` word ${n}`, ...change })
  return rest
}

/** A session in which the client's own call has begun. */
function calling(n: number, name = 'show_on_screen'): Play {
  const p = play({ limits: RECONNECTS.limits })
  p.upstream(ev.created(`resp_${n}`))
  p.upstream(ev.itemAdded(`resp_${n}`, { ...ev.call('c', name, '', 'in_progress'), id: `item_${n}` }))
  return p
}

/** V8's flags are afterwards as before: code that others have compiled ahead is tied to them. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  setFlagsFromString('--no-expose-gc')
}

it('the shapes of all types stay known, in whatever order they come', () => {
  const { state } = speaking(1)
  const types = ['content_part.added', 'output_text.done', 'content_part.done', 'output_audio.done'].map((name) => part(1, { type: `response.${name}` }))
  const lane = new PartLane()
  const learn = (event: object) => lane.learn(frame(event), event as never, state, () => FORWARD)
  for (const event of types) expect(learn(event)).toBe(true)
  fc.assert(fc.property(fc.array(fc.constantFrom(...types), { maxLength: 12 }), (events) => events.every((event) => passes(lane, event, state))))
  // A third shape of one type takes the place of the one that came longest ago, and of no other.
  const [of, ...others] = types as [object, ...object[]]
  const second = { ...of, output_index: 1 }
  const third = { ...of, output_index: 2 }
  // Learned twice, it is one.
  for (const event of [second, second]) learn(event)
  expect(passes(lane, of, state)).toBe(true)
  learn(third)
  expect([of, second, third, ...others].map((event) => passes(lane, event, state))).toEqual([true, false, true, true, true, true])
})

describe('shapes that sessions have in common', () => {
  const RENAME = { type: 'rename', at: 9, from: 'a', to: 'b' } as const
  const shapeOf = (event: object, outcome: () => Outcome) => {
    const lane = new PartLane()
    const { state } = speaking(1)
    lane.learn(frame(event), event as never, state, outcome)
    return lane.match(frame(event), state, [])
  }

  it('are one object, whatever the ids and the texts', () => {
    const one = shapeOf(part(1), () => ({ ...RENAME }))
    expect(one).toBeDefined()
    expect(shapeOf(part(1, { event_id: 'e', text: 'other words' }), () => ({ ...RENAME }))).toBe(one)
    expect(shapeOf(part(1), () => ({ ...RENAME, to: 'c' }))).not.toBe(one)
    expect(shapeOf(part(1, { output_index: 1 }), () => ({ ...RENAME }))).not.toBe(one)
  })

  it('are the 64 that were learned last', () => {
    const nth = (n: number) => shapeOf(part(1, { output_index: 1000 + n }), () => FORWARD)
    const first = nth(0)
    const others = Array.from({ length: 63 }, (_, n) => nth(n + 1))
    // A look does not make one younger.
    expect([nth(0), nth(1), nth(62), nth(63)]).toEqual([first, others[0], others[61], others[62]].map((one) => expect.toSatisfy((it) => it === one)))
    nth(64)
    const again = nth(0)
    expect(again).toEqual(first)
    expect(again).not.toBe(first)
  })

  it('are forgotten with the last session that has them', async () => {
    const shape = new WeakRef(shapeOf(part(1, { more: 'words of this session' }), () => FORWARD) ?? {})
    // What a job has looked at is kept until it ends.
    await new Promise(setImmediate)
    collectGarbage()
    expect(shape.deref()).toBeUndefined()
  })
})

describe('a delta', () => {
  it('goes on if one of its shape was read, in the next answer as well, and says where its words are', () => {
    const lane = learned(delta(1))
    const spans: number[] = []
    const bytes = frame(delta(2))
    const shape = lane.match(bytes, speaking(2).state, spans)
    const at = 2 * (shape?.wordsAt ?? -1)
    expect([shape?.outcome, bytes.toString('utf8', spans[at], spans[at + 1]), lane.itemId]).toEqual([FORWARD, ' word 2', 'item_2'])
  })

  it.each([
    ['of another item', delta(1, { item_id: 'item_2' })],
    ['of another response', delta(1, { response_id: 'resp_2' })],
    ['of the other kind', delta(1, { type: 'response.output_audio_transcript.delta' })],
    ['with more in it', delta(1, { logprobs: 1 })],
  ])('is read if it is %s', (_name, event) => expect(passes(learned(delta(1)), event, speaking(1).state)).toBe(false))

  it('of a call is one of the client’s own call under way, and of no message', () => {
    const lane = learned(delta(1, CALL), calling(1).state)
    expect(passes(lane, delta(2, { ...CALL, call_id: 'd' }), calling(2).state)).toBe(true)
    expect(passes(lane, delta(2, CALL), speaking(2).state)).toBe(false)
    expect(passes(learned(delta(1, CALL)), delta(1, CALL), calling(1).state), 'learned of a message').toBe(false)
    expect(passes(learned(delta(1)), delta(1), calling(1).state), 'words of a call').toBe(false)
  })

  it('of a call that the client must not see is read', () => {
    const lane = learned(delta(1, CALL), calling(1).state)
    expect(passes(lane, delta(1, CALL), calling(1, 'get_weather').state)).toBe(false)
  })

  it('teaches nothing if it has no text', () => {
    const { delta: _, ...without }: Record<string, unknown> = delta(1)
    expect(passes(learned(without), without, speaking(1).state)).toBe(false)
  })

  it('lets go of a state in which nothing is under way', () => {
    const lane = learned(delta(1))
    const p = speaking(1)
    expect(passes(lane, delta(1), p.state)).toBe(true)
    p.upstream(ev.itemDone('resp_1', { ...ev.message('m'), id: 'item_1' }))
    expect([passes(lane, delta(1), p.state), lane.itemId]).toEqual([false, undefined])
  })
})

describe('what has gone on unread', () => {
  const texts = (lane: PartLane) => lane.take().map((event) => event.text)
  /** As the lane does with a frame that matches. */
  const keep = (lane: PartLane, event: object, state: SessionState) => {
    const bytes = frame(event)
    return lane.match(bytes, state, []) !== undefined && lane.keep(bytes)
  }

  it('is told once, in its order', () => {
    const lane = learned()
    const { state } = speaking(1)
    for (const text of ['a', 'b']) expect(keep(lane, part(1, { text }), state)).toBe(true)
    expect([texts(lane), texts(lane)]).toEqual([['a', 'b'], []])
    expect(keep(lane, part(1, { text: 'c' }), state)).toBe(true)
    expect(texts(lane)).toEqual(['c'])
  })

  it('is kept as a copy, up to a bound', () => {
    const lane = learned()
    const { state } = speaking(1)
    const bytes = frame(part(1))
    lane.match(bytes, state, [])
    expect(lane.keep(bytes)).toBe(true)
    bytes.fill(0)
    for (let n = 1; n < 16; n++) expect(keep(lane, part(1), state)).toBe(true)
    expect(keep(lane, part(1), state)).toBe(false)
    expect(texts(lane)).toEqual(Array.from({ length: 16 }, () => 'words 1'))
  })

  it('is forgotten with its item, and with the next one', () => {
    const lane = learned()
    keep(lane, part(1), speaking(1).state)
    lane.itemDone('item_9')
    lane.itemDone(undefined)
    keep(lane, part(1), speaking(1).state)
    expect(texts(lane)).toHaveLength(2)
    keep(lane, part(1), speaking(1).state)
    lane.itemDone('item_1')
    expect(texts(lane)).toEqual([])
    keep(lane, part(1), speaking(1).state)
    keep(lane, part(2), speaking(2).state)
    expect(texts(lane)).toEqual(['words 2'])
  })
})
