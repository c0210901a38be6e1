// Playbooks for what a new upstream leg would be told: the session in force and the conversation, in order, under the ids they had.
import { deserialize, serialize } from 'node:v8'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../src/core/protocol/events.js'
import { itemsOf } from '../../../src/core/session/kept-items.js'
import { msHeard, replay } from '../../../src/core/session/replay.js'
import type { SessionState } from '../../../src/core/session/state.js'
import { ev, PREFIX, play, updated } from '../../support/playbook.js'

const user = (id: string, text: string) => ({ id, type: 'message', status: 'completed', role: 'user', content: [{ type: 'input_text', text }] })
const items = (state: SessionState) => replay(state).items.map((event) => event.item as JsonObject)

/** A turn with a tool, its answer, and an answer that was interrupted. */
function talked(): ReturnType<typeof play> {
  const p = play()
  p.upstream(ev.added(user('item_1', 'How is the weather in Bergen?')))
  p.upstream(ev.created('r1'))
  p.upstream(ev.itemAdded('r1', ev.call('call_1', 'get_weather', '', 'in_progress')))
  p.upstream(ev.added(ev.call('call_1', 'get_weather', '', 'in_progress'), 'item_1'))
  p.upstream(ev.itemDone('r1', ev.call('call_1', 'get_weather', '{"city":"Bergen"}')))
  p.upstream(ev.done('r1', [ev.call('call_1', 'get_weather', '{"city":"Bergen"}')]))
  p.toolFinished('call_1', 'rain')
  const output = p.allTo('upstream').find((event) => (event.item as JsonObject | undefined)?.type === 'function_call_output')
  p.upstream(ev.added(output?.item as JsonObject, 'item_call_1'))
  p.upstream(ev.created('r2'))
  p.upstream(ev.added({ ...ev.message('item_2', ''), status: 'in_progress', content: [] }, String((output?.item as JsonObject).id)))
  p.upstream(ev.itemDone('r2', { ...ev.message('item_2'), content: [{ type: 'output_audio', transcript: 'It rains in Bergen today, as it does on most days of the year.' }] }))
  p.upstream(ev.done('r2', [ev.message('item_2')]))
  p.upstream({ type: 'conversation.item.truncated', event_id: 'x', item_id: 'item_2', content_index: 0, audio_end_ms: 1500 })
  return p
}

describe('replay', () => {
  it('of a session that has said nothing is the session alone', () => {
    const p = play()
    const { update, items } = replay(p.state)
    expect(items).toEqual([])
    expect(update).toMatchObject({
      type: 'session.update',
      event_id: `${PREFIX}replay_1`,
      session: { type: 'realtime', instructions: p.state.profile.instructions, tool_choice: 'auto' },
    })
  })

  it('creates every item in order, hidden ones too, with the words that were heard', () => {
    const { state } = talked()
    const outputId = itemsOf(state.conversation)[2]?.id
    expect(items(state)).toEqual([
      { id: 'item_1', type: 'message', role: 'user', content: [{ type: 'input_text', text: 'How is the weather in Bergen?' }] },
      { id: 'item_call_1', type: 'function_call', call_id: 'call_1', name: 'get_weather', arguments: '{"city":"Bergen"}' },
      { id: outputId, type: 'function_call_output', call_id: 'call_1', output: 'rain' },
      { id: 'item_2', type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'It rains in Bergen' }] },
    ])
    const eventIds = [replay(state).update, ...replay(state).items].map((event) => event.event_id)
    expect(new Set(eventIds).size).toBe(eventIds.length)
    expect(eventIds.every((id) => String(id).startsWith(PREFIX))).toBe(true)
  })

  it('is pure: twice the same, and the state is as it was', () => {
    const { state } = talked()
    const before = deserialize(serialize(state.conversation))
    expect(replay(state)).toEqual(replay(state))
    expect(state.conversation).toEqual(before)
  })

  it('says that earlier parts are left out, once they are', () => {
    const p = play()
    for (let n = 0; n < 20; n++) p.upstream(ev.added(user(`item_${n}`, 'x'.repeat(10_000)), `item_${n - 1}`))
    expect(items(p.state)[0]).toEqual({
      id: `${PREFIX}r2`,
      type: 'message',
      role: 'system',
      content: [{ type: 'input_text', text: 'Earlier parts of this conversation are left out.' }],
    })
  })

  it('leaves out half a call, shows what has no words without them, and gives an item a new id if the service would refuse its own', () => {
    const p = play()
    p.upstream(ev.added({ ...user('item_1', ''), content: [{ type: 'input_audio', transcript: null }] }))
    p.upstream(ev.added(ev.call('call_1', 'get_weather', '{"ci', 'in_progress'), 'item_1'))
    p.upstream(ev.added(user('i'.repeat(33), 'hello'), 'item_1'))
    expect([...replay(p.state).renamed]).toEqual([[`${PREFIX}r3`, 'i'.repeat(33)]])
    expect(items(p.state)).toEqual([
      { id: 'item_1', type: 'message', role: 'user', content: [{ type: 'input_text', text: '…' }] },
      { id: `${PREFIX}r3`, type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hello' }] },
    ])
  })

  it('cuts what was heard at a word, fourteen characters a second', () => {
    const heard = (text: string, heardMs: number) => {
      const p = play()
      p.upstream(ev.added({ ...ev.message('m'), content: [{ type: 'output_audio', transcript: text }] }))
      p.upstream({ type: 'conversation.item.truncated', event_id: 'x', item_id: 'm', content_index: 0, audio_end_ms: heardMs })
      return items(p.state).map((item) => (item.content as { text: string }[])[0]?.text)
    }
    expect(heard('aaaa bbbb cccc', 1000)).toEqual(['aaaa bbbb cccc'])
    expect(heard('aaaa bbbb cccc', 999)).toEqual(['aaaa bbbb'])
    expect(heard('aaaa bbbb cccc d', 1000)).toEqual(['aaaa bbbb cccc'])
    expect(heard('aaaa bbbb ccccc d', 1000)).toEqual(['aaaa bbbb'])
    expect(heard('short', 60_000)).toEqual(['short'])
    expect(heard('onelongword', 100)).toEqual(['…'])
  })

  it('makes items of everything but the session, and of a call only if nothing of it is missing', () => {
    const p = play()
    p.upstream(ev.added(user('i'.repeat(32), 'hello')))
    const whole = { id: 'c', type: 'function_call', status: 'completed', name: 'get_weather', call_id: 'k', arguments: '{}' }
    for (const [n, without] of ['name', 'call_id'].entries()) p.upstream(ev.added({ ...whole, id: `c${n}`, [without]: undefined }))
    p.upstream(ev.added({ id: 'o', type: 'function_call_output', output: 'x' }))
    expect(replay(p.state).items).toEqual([
      {
        type: 'conversation.item.create',
        event_id: `${PREFIX}replay_2`,
        item: { id: 'i'.repeat(32), type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hello' }] },
      },
    ])
    const { state } = p
    const one = { ...state, conversation: { ...state.conversation, leftOut: 1 } }
    expect(items(one)).toHaveLength(2)
  })

  it('asks for what the client had set, as last confirmed, and leaves answering as it was', () => {
    const p = play()
    p.client({ type: 'session.update', session: { audio: { output: { voice: 'cedar' } } } })
    const inForce = updated(p.state.profile)
    p.upstream({
      ...inForce,
      session: { ...(inForce.session as JsonObject), output_modalities: ['text'], audio: { output: { voice: 'cedar', speed: 1.2 }, input: { turn_detection: null } } },
    })
    const { update } = replay(p.state)
    expect(update?.session).toMatchObject({ output_modalities: ['text'], audio: { output: { voice: 'cedar' }, input: { turn_detection: null } } })
    expect(update).not.toHaveProperty('session.audio.output.speed')
  })
})

it('what was heard is as long as at the usual speed, between half of that and about twice', () => {
  const text = 'x'.repeat(14)
  for (const [speed, ms] of [
    [undefined, 2000],
    [14, 2000],
    [28, 4000],
    [31, (2000 * 30) / 14],
    [8, (2000 * 8) / 14],
    [6, 1000],
  ] as const)
    expect(msHeard(text, 2000, speed)).toBeCloseTo(ms)
  expect(msHeard(text, 0)).toBe(0)
  expect(msHeard(text, 1)).toBe(1000)
  expect(msHeard('ab cdef', 1)).toBe(Math.ceil((2 / 14) * 1000))
  expect(msHeard('  ab cdef', 1)).toBe(Math.ceil((4 / 14) * 1000))
})

it('a session’s state is plain data, so that another process could go on with it', () => {
  const { state } = talked()
  expect(deserialize(serialize(state))).toEqual(state)
})
