// Playbooks of what has no verdict yet: nothing is let go because there is too much of it, because the session moved, or because there is nothing to check.
import { describe, expect, it } from 'vitest'
import type { GuardSide } from '../../../../src/core/policy/guards.js'
import { INTERRUPTED } from '../../../../src/core/session/move/suspend.js'
import { ev, tool } from '../../../support/playbook.js'
import { moved } from '../move/moving-play.js'
import { comesBack } from '../restore/lost-upstream.js'
import { BLOCK, guard, guardsPlay, notes, PASS } from './guards-play.js'

const SENTENCE = 'This is a sentence that is long enough to be asked about at once.'

/** Its client may come back elsewhere. */
function movable(...on: readonly GuardSide[]) {
  const p = guardsPlay([guard('hold', on)], {}, { limits: { resumeMs: 60_000, reconnectMs: 10_000 } as never })
  p.client({ type: 'relay.resume.enable' })
  p.input({ type: 'resume.offered', token: 'id.secret' })
  return p
}

describe('more turns than are followed', () => {
  it.each(['pass', 'block'] as const)('the oldest is decided as is said for no verdict: %s', (whenUnsure) => {
    const p = guardsPlay([guard('cut', ['input'], { whenUnsure })])
    for (let at = 0; at < 32; at++) p.types('words', `u${at}`)
    const actions = p.input({
      type: 'client.event',
      event: { type: 'conversation.item.create', event_id: 'c', item: { id: 'u32', type: 'message', role: 'user', content: [{ type: 'input_text', text: 'w' }] } },
    })
    expect(notes(actions)).toContain('guard_failed')
    const deleted = p.allTo('upstream').filter(({ type }) => type === 'conversation.item.delete')
    expect(deleted).toMatchObject(whenUnsure === 'block' ? [{ item_id: 'u0' }] : [])
    expect(p.state.guards?.turns.map(({ itemId }) => itemId)).toEqual(Array.from({ length: 32 }, (_, at) => `u${at + 1}`))
  })

  it('and an answer that waits for the oldest is not let go by the next', () => {
    const p = guardsPlay([guard('hold', ['input'])], { maxBlocks: 50 })
    p.turn('u0')
    p.begins('r1')
    p.words('r1', SENTENCE)
    for (let at = 1; at < 32; at++) p.turn(`u${at}`)
    expect(p.turn('u32')).toContain('never r1')
  })
})

describe('a session that moves while typed words wait', () => {
  it('asks about them again there, and they go upstream only once they have passed', () => {
    const p = movable('input')
    p.types('good words', 'u1')
    p.client({ type: 'response.create', event_id: 'c2' })
    moved(p)
    p.open.length = 0
    comesBack(p)
    expect(p.open.map(({ text }) => text)).toEqual(['good words'])
    const before = p.allTo('upstream').length
    expect(p.tick(p.now + 1000, true)).toEqual([])
    expect(p.state.gate.waiting).toMatchObject({ why: 'guard' })
    expect(p.allTo('upstream')).toHaveLength(before)
    expect(p.allTo('client').some(({ type }) => type === 'error')).toBe(false)
    expect(p.says(PASS)).toEqual(['upstream conversation.item.create', 'upstream response.create'])
  })

  it('and a verdict about other words does not open the gate', () => {
    const p = guardsPlay([guard('hold', ['input'])])
    p.types('good words', 'u1')
    const { gate } = p.state
    p.state = { ...p.state, gate: { ...gate, waiting: { why: 'guard', request: { type: 'conversation.item.create', event_id: 'other', item: {} } } } }
    expect(p.says(PASS)).toEqual([])
    expect(p.state.gate.waiting).toMatchObject({ request: { event_id: 'other' } })
  })
})

describe('a session that moves while a tool is at work', () => {
  it.each(['tool_output', 'tool_arguments'] as const)('gives the model the words of the relay, which no guard is asked about: %s', (side) => {
    const p = movable(side)
    p.begins('r1')
    p.upstream(ev.itemDone('r1', ev.call('k1', 'get_weather', '{"city":"Oslo"}')))
    p.ends('r1')
    p.open.length = 0
    moved(p)
    expect(p.open).toEqual([])
    expect(p.state.guards?.checks).toEqual([])
    const { items } = comesBack(p)
    expect([...items, ...p.allTo('upstream').map(({ item }) => item)]).toContainEqual(expect.objectContaining({ type: 'function_call_output', output: INTERRUPTED }))
  })
})

describe('a tool that is to finish whatever becomes of its answer', () => {
  it('does not start if it only waits for its guards when the answer is blocked', () => {
    const p = guardsPlay([guard('hold', ['output', 'tool_arguments'])], {}, { tools: [{ ...tool('book_table'), onCancel: 'finish' }] })
    p.begins('r1')
    p.upstream(ev.itemDone('r1', ev.call('k1', 'book_table')))
    p.words('r1', SENTENCE)
    const [ofTool, ofWords] = p.open
    expect([ofTool?.side, ofWords?.side]).toEqual(['tool_arguments', 'output'])
    expect(p.answers(ofWords, BLOCK)).toContain('client relay.tool.finished')
    expect(p.answers(ofTool, PASS)).toEqual([])
  })
})

describe('a gate that is full', () => {
  it('of an answer to words without a verdict lets both go, if nothing is to be blocked', () => {
    const p = guardsPlay([guard('hold', ['input'], { whenUnsure: 'pass' })])
    p.turn('u1')
    p.begins('r1')
    p.words('r1', SENTENCE)
    expect(p.feed({ type: 'output.full', responseId: 'r1' })).toEqual(['release r1 all'])
    expect(p.state.guards?.turns).toEqual([])
  })
})

describe('guards that observe', () => {
  it('are all asked about the words as they were', () => {
    const p = guardsPlay([guard('observe', ['input'], { name: 'one' }), guard('observe', ['input'], { name: 'two' })])
    p.types('my card is 4111')
    p.says({ type: 'redact', category: 'card', text: 'my card is ****' })
    expect(p.open.map(({ guard, text }) => [guard, text])).toEqual([['two', 'my card is 4111']])
  })
})

describe('what has no words', () => {
  it('passes at once if it is a transcript: the answer goes', () => {
    const p = guardsPlay([guard('hold', ['input'])])
    p.turn('u1')
    p.begins('r1')
    expect(p.heardAs('u1', '')).toContain('release r1 all')
    expect(p.open).toEqual([])
    expect(p.state.guards?.turns).toEqual([])
  })

  it.each(['tool_arguments', 'tool_output'] as const)('is nothing to ask about: %s', (side) => {
    const p = guardsPlay([guard('hold', [side])])
    p.begins('r1')
    expect(p.upstream(ev.itemDone('r1', ev.call('k1', 'get_weather', side === 'tool_arguments' ? '' : '{}')))).toContain('start k1')
    p.toolFinished('k1', '')
    expect(p.open).toEqual([])
    expect(p.state.calls.server.get('k1')?.atWork).toBe(false)
  })
})
