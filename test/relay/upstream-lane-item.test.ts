// What the lane does beside passing a frame on: whose words were said, what the session hears later, when a turn is told, and what waits for guards.
import { describe, expect, it } from 'vitest'
import type { RealtimeEvent } from '../../src/core/protocol/events.js'
import type { GuardGate } from '../../src/relay/guard-gate.js'
import { bareLane, type LaneOptions } from '../support/bare-lane.js'
import { ev, type Play, play, profile } from '../support/playbook.js'

type Event = RealtimeEvent
const bytes = (event: object) => Buffer.from(JSON.stringify(event))
const LIMITS = { limits: { ...profile().limits, reconnectMs: 10_000 } }
const at = { response_id: 'r', item_id: 'm', output_index: 0, content_index: 0 }
const words = (delta: string): Event => ({ type: 'response.output_text.delta', event_id: `event_of_${delta}`, ...at, delta })
const done = (text: string): Event => ({ type: 'response.output_text.done', event_id: `event_of_${text}`, ...at, text })
const part = (delta: string): Event => ({ ...words(delta), type: 'response.function_call_arguments.delta', call_id: 'c' })
/** The text before all else that varies. */
const first = ({ delta = null, ...event }: Event): Event => ({ delta, ...event, type: event.type })

function saying(item: object = { ...ev.message('m'), content: [] }): Play {
  const p = play(LIMITS)
  p.upstream(ev.created('r'))
  p.upstream(ev.itemAdded('r', { ...item, id: 'm', status: 'in_progress' }))
  return p
}
const calling = () => saying(ev.call('c', 'show_on_screen', '', 'in_progress'))
const idle = () => play(LIMITS)

/** A lane that has read this event, told as `step` would: it goes on as it is. */
function taught(event: Event, { state }: Play, options: LaneOptions = {}) {
  const all = bareLane(options)
  all.lane.said.heard({ type: 'response.output_item.added', item: { id: 'm' } }, 0)
  const frame = bytes(event)
  all.lane.learn(all.upstream, frame, true, [event], state, state, [{ type: 'send', to: 'client', event, frame }])
  return { ...all, passes: (next: Event, then = state) => all.lane.passes(all.upstream, bytes(next), then) }
}

describe.each([
  ['of an item under way', saying],
  ['of any other', idle],
] as const)('words %s', (_, session) => {
  it.each([
    ['last', (event: Event) => event],
    ['first', first],
  ])('are said of it, whether they come %s in their frame', (__, shape) => {
    const { lane, passes } = taught(shape(words('a')), session())
    for (const said of ['b', ' "é"', '']) expect(passes(shape(words(said)))).toBe(true)
    expect(lane.said.sayings()).toEqual([['m', 'b "é"']])
  })
})

it('words of an item under way are said of it in a later state as well', () => {
  const p = saying()
  const { lane, passes } = taught(words('a'), p)
  expect(passes(words('b'), { ...p.state })).toBe(true)
  expect(lane.said.sayings()).toEqual([['m', 'b']])
})

it('an event of a part goes on, is no words, and is heard by the session later, up to a bound', async () => {
  const { lane, passes, peer } = taught(done('a'), saying())
  for (let n = 0; n < 16; n++) expect(passes(done(`b${n}`))).toBe(true)
  expect(passes(done('c'))).toBe(false)
  for (let n = 0; n < 16; n++) expect((await peer.next()).text).toBe(String(bytes(done(`b${n}`))))
  expect(lane.said.sayings()).toEqual([['m', '']])
  expect(lane.parts.take()).toHaveLength(16)
})

it.each([
  ['words of a message', words('a'), saying, true, [1]],
  ['words that come first in their frame', first(words('a')), saying, true, [1]],
  ['words that nobody waits for', words('a'), saying, false, []],
  ['the end of a text', done('a'), saying, true, []],
  ['what a tool is asked', part('a'), calling, true, []],
] as const)('a turn that waits for text is told of %s', (_, event, session, awaitsText, after) => {
  const told: number[] = []
  const { passes, client } = taught(event, session(), { turns: { awaitsText, text: () => void told.push(client.sentMessages) } })
  expect(passes(event)).toBe(true)
  expect(told).toEqual(after)
})

it.each([
  ['response.output_text.delta', []],
  ['conversation.item.done', [{ type: 'event_dropped', side: 'client', why: 'no_counterpart' }]],
] as const)('an event that the client’s dialect lacks is dropped with a note: %s', async (type, notes) => {
  const noted: unknown[] = []
  const { lane, peer } = bareLane({ clientDialect: 'preview', recorder: { note: (note) => void noted.push(note) } })
  lane.deliver({ type }, undefined)
  expect(noted).toEqual(notes)
  lane.deliver({ type: 'response.done' }, undefined)
  expect(JSON.parse((await peer.next()).text).type).toBe(notes.length > 0 ? 'response.done' : 'response.text.delta')
})

it('who follows what the client plays hears of each event that was read, before the client has it', () => {
  const heard: unknown[] = []
  const { lane, client } = bareLane({ playback: { sends: (event) => void heard.push(event, client.sentMessages) } })
  lane.deliver(words('a'), undefined)
  lane.deliver(words('b'), bytes(words('b')))
  expect(heard).toEqual([words('a'), 0, words('b'), 1])
})

describe('an event that guards have not cleared', () => {
  const place = { responseId: 'r', mark: 3 }
  function held(event: Event, frame: Buffer | undefined) {
    const calls: Parameters<GuardGate['hold']>[] = []
    const all = bareLane({ gate: { passes: () => false, hold: (...call) => void calls.push(call) } })
    all.lane.send({ type: 'send', to: 'client', event, frame, gate: place }, {} as never)
    return { ...all, call: calls[0] }
  }

  it.each([
    ['words', words('abc'), { itemId: 'm', characters: 3 }],
    ['words without any', { type: 'response.output_text.delta', item_id: 'm' }, { itemId: 'm', characters: 0 }],
    ['another event', done('abc'), undefined],
    ['what a tool is asked', part('abc'), undefined],
  ])('waits with its size: %s', (_, event, counted) => {
    const frame = Buffer.concat([bytes(event), Buffer.from('  ')])
    expect(held(event, frame).call).toEqual([place, frame.length, expect.any(Function), counted])
    expect(held(event, undefined).call).toEqual([place, frame.length - 2, expect.any(Function), counted])
  })

  it('goes later as it was, though its read is other bytes by then', async () => {
    const frame = bytes(words('abc'))
    const { call, peer } = held(words('abc'), frame)
    frame.fill(0)
    call?.[2](undefined)
    expect(JSON.parse((await peer.next()).text)).toEqual(words('abc'))
  })
})
