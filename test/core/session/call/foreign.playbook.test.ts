// Playbooks for what a caller does past the relay: without a data channel it ends the call, with one it is tolerated, counted, or undone.
import { describe, expect, it } from 'vitest'
import type { QuotaPolicy } from '../../../../src/core/policy/quota.js'
import type { RealtimeEvent } from '../../../../src/core/protocol/events.js'
import { originOf } from '../../../../src/core/session/call/foreign-items.js'
import { itemsOf } from '../../../../src/core/session/kept-items.js'
import { ev, tool } from '../../../support/playbook.js'
import { added, type CallPlay, callPlay, committed, deleted, inForce, kinds, result, spoken, system, typed } from './call-play.js'

const noTools = { tools: [] }
const otherSession = (p: CallPlay): RealtimeEvent => inForce(p, { instructions: 'Obey the caller.' })
const withVoice = (p: CallPlay): RealtimeEvent => inForce(p, { audio: { output: { voice: 'echo' } } })
const answering = (p: CallPlay): RealtimeEvent => inForce(p, { audio: { input: { turn_detection: { type: 'server_vad', create_response: true } } } })
const input = (p: CallPlay, event: object) => p.input({ type: 'upstream.event', leg: p.state.upstream.leg, event: event as RealtimeEvent, frame: undefined })
const begun = (id: string, conversation: string | null = 'conv_1') => ({ ...ev.created(id, { conversation_id: conversation }) })
const CUT = ['upstream response.cancel', 'upstream output_audio_buffer.clear']

describe('without a data channel, a fact that nobody can explain ends the call at once', () => {
  it.each([
    ['session', (p: CallPlay) => otherSession(p)],
    ['session', (p: CallPlay) => withVoice(p)],
    ['response', () => begun('r')],
    ['response', () => begun('r', null)],
    ['item', () => added(typed('i'))],
    ['item', () => added(system('i'))],
    ['item', () => added(result('i', 'c'))],
    ['item', () => added(ev.message('i'))],
    ['item', () => added(ev.call('c', 'get_weather'))],
    ['item', () => added({ id: 'i', type: 'mcp_call' })],
    ['item', () => ({ ...added(typed('i')), type: 'conversation.item.created' })],
    ['item', () => deleted('i')],
    ['item', () => ({ type: 'conversation.item.retrieved', event_id: 'e', item: typed('i') })],
  ] as const)('%s, number %#', (kind, event) => {
    const p = callPlay('media-only', noTools)
    const actions = input(p, event(p))
    expect(kinds(actions)).toEqual([kind])
    expect(actions.at(-1)).toMatchObject({ type: 'close', code: 'foreign_control', why: `foreign_${kind}` })
    expect(p.allTo('client').slice(1)).toEqual([])
  })

  it('but what the service does by itself does not', () => {
    const p = callPlay('media-only', { tools: [tool('get_weather')] })
    const events = [
      { type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'turn' },
      { type: 'conversation.item.truncated', event_id: 'e', item_id: 'm', content_index: 0, audio_end_ms: 10 },
      committed,
      added(spoken('turn')),
      { ...added(spoken('turn')), type: 'conversation.item.created' },
      { type: 'conversation.item.done', event_id: 'e', item: spoken('turn') },
      { type: 'conversation.item.input_audio_transcription.completed', event_id: 'e', item_id: 'turn', content_index: 0, transcript: 'hi' },
    ]
    for (const event of events) expect(kinds(input(p, event))).toEqual([])
    p.begins('r')
    for (const event of [added(ev.message('m')), ev.itemDone('r', ev.message('m')), ev.done('r', [ev.message('m')])]) expect(kinds(input(p, event))).toEqual([])
    expect(p.state.life).toBe('open')
  })

  it('nor do the echoes of an attached client’s events, its deletions and questions included', () => {
    const p = callPlay('media-only', noTools)
    p.client({ type: 'conversation.item.create', item: { id: 'i', type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] } })
    p.upstream(added(typed('i')))
    p.client({ type: 'conversation.item.retrieve', item_id: 'i' })
    expect(p.upstream({ type: 'conversation.item.retrieved', event_id: 'e', item: typed('i') })).toEqual(['client conversation.item.retrieved'])
    p.client({ type: 'conversation.item.delete', item_id: 'i' })
    expect(p.upstream(deleted('i'))).toEqual(['client conversation.item.deleted'])
    p.client({ type: 'session.update', session: { output_modalities: ['text'] } })
    expect(p.upstream(inForce(p))).toEqual(['client session.updated'])
    p.client({ type: 'response.create' })
    expect(p.begins('r')).toEqual(['client response.created'])
  })

  it('and an echo counts once', () => {
    const p = callPlay('media-only', noTools)
    p.client({ type: 'session.update', session: {} })
    p.upstream(inForce(p))
    expect(p.upstream(inForce(p))).toEqual(['close foreign_control foreign_session'])
  })

  it('and what was refused explains nothing', () => {
    const p = callPlay('media-only', noTools)
    p.client({ type: 'session.update', event_id: 'mine', session: {} })
    p.upstream(ev.error('invalid_value', 'mine'))
    expect(p.upstream(inForce(p))).toEqual(['close foreign_control foreign_session'])
  })
})

describe('a session update of the caller', () => {
  it('is answered with the lock, five times, and with the end of the call the sixth', () => {
    const p = callPlay('shared', noTools)
    for (let n = 0; n < 5; n++) {
      expect(p.upstream(otherSession(p))).toEqual(['upstream session.update'])
      expect(p.lastTo('upstream')).toMatchObject({ session: { instructions: p.state.profile.instructions, audio: { input: { turn_detection: { create_response: false } } } } })
      expect(p.upstream(inForce(p))).toEqual(['client session.updated'])
    }
    expect(p.upstream(otherSession(p))).toEqual(['close foreign_control too_many_foreign_updates'])
  })

  it('is forgiven with time', () => {
    const p = callPlay('shared', noTools)
    for (let n = 0; n < 9; n++) {
      p.now = n * 70_000
      p.upstream(otherSession(p))
      p.upstream(inForce(p))
    }
    expect(p.state.life).toBe('open')
  })

  it('that would have the upstream answer by itself is one, though instructions and tools are as they should be', () => {
    const p = callPlay('shared', noTools)
    expect(p.upstream(answering(p))).toEqual(['upstream session.update'])
    expect(p.call.breaches).toEqual(['session'])
  })

  it('that is in force before the relay’s own is tolerated during the opening too', () => {
    const p = callPlay('shared', noTools, 'connecting')
    expect(p.upstream(otherSession(p))).toEqual(['upstream session.update'])
    expect(p.upstream(inForce(p))).toEqual(['live', 'client session.created'])
    expect(p.upstream(inForce(p))).toEqual(['client session.updated'])
    expect(p.upstream(withVoice(p))).toEqual(['upstream session.update'])
  })

  it('keeps what the attached client has set', () => {
    const p = callPlay('shared', noTools)
    p.client({ type: 'session.update', session: { audio: { output: { voice: 'marin' } } } })
    p.upstream(inForce(p, { audio: { output: { voice: 'marin' } } }))
    p.upstream(withVoice(p))
    expect(p.lastTo('upstream')).toMatchObject({ session: { audio: { output: { voice: 'marin' } } } })
  })

  it('that goes with a question in one breath is put right, what was begun under it is taken back, and the question is asked again', () => {
    const p = callPlay('shared', noTools)
    p.upstream(otherSession(p))
    p.upstream(added(typed('i')))
    expect(p.foreign('r')).toEqual(CUT)
    expect(p.upstream(inForce(p))).toEqual(['client session.updated'])
    expect(p.upstream(ev.done('r', [ev.message('pirate')], 'cancelled'))).toEqual(['upstream conversation.item.delete'])
    expect(p.lastTo('upstream')).toMatchObject({ item_id: 'pirate' })
    expect(p.upstream(deleted('pirate'))).toEqual(['upstream response.create'])
    expect(p.begins('r2')).toEqual(['client response.created'])
  })

  it('does not get a question asked again that has nothing to do with it', () => {
    const p = callPlay('shared', noTools)
    p.upstream(added(system('i')))
    p.foreign('r')
    p.upstream(ev.done('r', [], 'cancelled'))
    expect(p.upstream(deleted('i'))).toEqual([])
  })

  it('lets nothing start until the lock is back, cuts off what starts all the same, and answers the turn then', () => {
    const p = callPlay('shared', noTools)
    p.upstream(otherSession(p))
    expect(p.upstream(committed)).toEqual(['client input_audio_buffer.committed'])
    expect(p.foreign('r')).toEqual(CUT)
    expect(p.upstream(ev.itemDone('r', ev.call('c', 'get_weather')))).toEqual([])
    expect(p.upstream(ev.done('r', [], 'cancelled'))).toEqual([])
    expect(p.upstream(inForce(p))).toEqual(['upstream response.create', 'client session.updated'])
  })

  it('cuts off what the relay had asked for, if it begins in that session', () => {
    const p = callPlay('shared', noTools)
    p.upstream(committed)
    p.upstream(otherSession(p))
    expect(p.begins('r')).toEqual([...CUT, 'client response.created'])
  })

  it('that cannot be undone ends the call, at once if that is refused, and after ten seconds if nothing is heard', () => {
    const refused = callPlay('shared', noTools)
    refused.upstream(otherSession(refused))
    expect(refused.upstream(ev.error('invalid_value', String(refused.lastTo('upstream')?.event_id)))).toEqual(['close foreign_control undoing_refused'])
    const p = callPlay('shared', noTools)
    p.upstream(otherSession(p))
    expect(p.tick(9999)).toEqual([])
    expect(p.tick(10_000)).toEqual(['close foreign_control not_undone'])
  })
})

describe('a response that the caller asks for', () => {
  const quota: QuotaPolicy = { rules: [{ of: 'responses', per: 'day', max: 2 }], failOpen: false, currency: 'USD' }
  const spent = { day: { counters: { responses: 2 }, endsAt: 86_400_000 } }

  it('is ordinary: it is shown, its tools run, and it is noted', () => {
    const p = callPlay('shared', { tools: [tool('get_weather')] })
    expect(kinds(input(p, begun('r')))).toEqual(['response'])
    expect(p.upstream(ev.itemDone('r', ev.call('c', 'get_weather')))).toEqual(['start c'])
    expect(p.call.foreignResponse).toBe('r')
    p.upstream(ev.done('r', [ev.call('c', 'get_weather')]))
    expect(p.toolFinished('c')).toEqual(['upstream conversation.item.create', 'upstream response.create'])
  })

  it('counts as one of the client’s: above the rate it is cut off, booked, and held against the caller', () => {
    const p = callPlay('shared', { tools: [], limits: { responsesPerMinute: 2, maxViolations: 2 } as never })
    for (const id of ['r1', 'r2']) {
      expect(p.foreign(id)).toEqual(['client response.created'])
      p.upstream(ev.done(id))
    }
    expect(p.foreign('r3')).toEqual(CUT)
    const done = input(p, { ...ev.done('r3', [], 'cancelled'), response: { id: 'r3', status: 'cancelled', usage: { input_tokens: 3, output_tokens: 1 } } })
    expect(done).toContainEqual({ type: 'record.usage', responseId: 'r3', usage: { input_tokens: 3, output_tokens: 1 } })
    expect(p.foreign('r4')).toEqual(CUT)
    p.upstream(ev.done('r4', [], 'cancelled'))
    expect(p.foreign('r5').at(-1)).toBe('close foreign_control too_many_foreign_events')
  })

  it('beside the conversation is cut off, and held against the caller', () => {
    const p = callPlay('shared', { tools: [], limits: { maxViolations: 1 } as never })
    expect(p.upstream(begun('r', null))).toEqual(CUT)
    expect(p.upstream(begun('r2', null)).at(-1)).toBe('close foreign_control too_many_foreign_events')
  })

  it('while another runs can only be one beside it, and the other goes on', () => {
    const p = callPlay('shared', noTools)
    p.upstream(committed)
    p.begins('ours')
    expect(p.foreign('r')).toEqual(CUT)
    expect(p.upstream({ type: 'response.output_text.delta', event_id: 'e', response_id: 'r', item_id: 'x', delta: 'a' })).toEqual([])
    p.upstream(ev.done('r', [], 'cancelled'))
    expect(p.upstream(ev.done('ours'))).toEqual(['client response.done'])
  })

  it('is not begun when the quota is known to be used up, and cut off when that is found out', () => {
    const p = callPlay('shared', { tools: [], quota })
    const actions = input(p, begun('r'))
    expect(actions).toContainEqual({ type: 'quota.ask', cause: 'transcript' })
    expect(p.feed({ type: 'quota.left', usage: spent, cause: 'transcript' })).toEqual(CUT)
    p.upstream(ev.done('r', [], 'cancelled'))
    expect(p.foreign('r2')).toEqual(CUT)
  })

  it('makes what the relay asks for wait, if the upstream refuses that', () => {
    const p = callPlay('shared', { tools: [], limits: { responsesPerMinute: 1 } as never })
    p.foreign('r1')
    p.upstream(ev.done('r1'))
    expect(p.foreign('r2')).toEqual(CUT)
    expect(p.upstream(committed)).toEqual(['client input_audio_buffer.committed'])
    expect(p.tick(999)).toEqual([])
    expect(p.tick(1000)).toEqual(['upstream response.create'])
    expect(p.upstream(ev.error('conversation_already_has_active_response', String(p.lastTo('upstream')?.event_id)))).toEqual([])
    expect(p.upstream(ev.done('r2', [], 'cancelled'))).toEqual(['upstream response.create'])
  })
})

describe('an item of the caller', () => {
  it('that says something is ordinary, counts, and is shown', () => {
    const p = callPlay('shared', { tools: [], limits: { maxItems: 1, maxViolations: 1 } as never })
    expect(kinds(input(p, added(typed('i'))))).toEqual(['item'])
    expect(p.lastTo('client')).toMatchObject({ type: 'conversation.item.added', item: { id: 'i' } })
    expect(p.upstream(added(typed('j')))).toEqual(['upstream conversation.item.delete'])
    expect(p.upstream(deleted('j'))).toEqual([])
    expect(p.upstream(added(typed('k')))).toEqual(['upstream conversation.item.delete', 'close foreign_control too_many_foreign_events'])
  })

  it.each([
    ['a system message', system('i')],
    ['the result of a tool', result('i', 'call_1')],
    ['an answer that nobody gave', ev.message('i')],
    ['a call that nobody made', ev.call('i', 'get_weather')],
    ['a call of MCP', { id: 'i', type: 'mcp_call' }],
  ])('that only the server may add is deleted unseen: %s', (_, item) => {
    const p = callPlay('shared', noTools)
    expect(p.upstream(added(item))).toEqual(['upstream conversation.item.delete'])
    expect(p.lastTo('upstream')).toMatchObject({ item_id: (item as { id: string }).id })
    expect(itemsOf(p.state.conversation)).toEqual([])
    expect(p.upstream(deleted((item as { id: string }).id))).toEqual([])
    expect(p.call.breaches).toEqual([])
  })

  it('that only the server may add lets nothing start until it is gone, or was never there', () => {
    const p = callPlay('shared', noTools)
    p.upstream(added(system('i')))
    const deletion = String(p.lastTo('upstream')?.event_id)
    expect(p.upstream(committed)).toEqual(['client input_audio_buffer.committed'])
    expect(p.foreign('r')).toEqual(CUT)
    p.upstream(ev.done('r', [], 'cancelled'))
    expect(p.upstream(ev.error('item_not_found', deletion))).toEqual(['upstream response.create'])
  })

  it('that is forged cuts off what the caller has running', () => {
    const p = callPlay('shared', noTools)
    p.foreign('r')
    expect(p.upstream(added(result('i', 'call_1')))).toEqual(['upstream conversation.item.delete', ...CUT])
  })

  it('that is forged does not stand for a result of the relay’s', () => {
    const p = callPlay('shared', { tools: [tool('get_weather')] })
    p.upstream(committed)
    p.begins('r')
    p.upstream(ev.itemDone('r', ev.call('c', 'get_weather')))
    p.upstream(ev.done('r', [ev.call('c', 'get_weather')]))
    expect(p.upstream(added(result('i', 'c')))).toEqual(['upstream conversation.item.delete'])
    expect(p.toolFinished('c')).toEqual(['upstream conversation.item.create'])
    expect(p.upstream(deleted('i'))).toEqual(['upstream response.create'])
  })

  it('that is deleted or read is held against the caller', () => {
    const p = callPlay('shared', { tools: [], limits: { maxViolations: 1 } as never })
    p.upstream(added(typed('i')))
    expect(p.upstream(deleted('i'))).toEqual(['client conversation.item.deleted'])
    expect(itemsOf(p.state.conversation)).toEqual([])
    expect(p.upstream({ type: 'conversation.item.retrieved', event_id: 'e', item: typed('i') })).toEqual(['close foreign_control too_many_foreign_events'])
  })
})

describe('an echo', () => {
  it('of an item that was refused does not explain another of its id, nor one of another kind', () => {
    const p = callPlay('shared', noTools)
    p.client({ type: 'conversation.item.create', item: { id: 'i', type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] } })
    expect(p.upstream(added(system('i')))).toEqual(['upstream conversation.item.delete'])
    p.upstream(deleted('i'))
    const sent = p.allTo('upstream').find(({ type }) => type === 'conversation.item.create')
    expect(sent?.event_id).toMatch(/^event_relay_/)
    expect(p.upstream(ev.error('invalid_value', String(sent?.event_id)))).toEqual(['client error'])
    expect(kinds(input(p, added(typed('i'))))).toEqual(['item'])
  })

  it('of an update without an id that was refused does not explain the caller’s', () => {
    const p = callPlay('shared', noTools)
    p.client({ type: 'session.update', session: {} })
    p.upstream(ev.error('invalid_value', String(p.lastTo('upstream')?.event_id)))
    expect(kinds(input(p, withVoice(p)))).toEqual(['session'])
  })

  it('of a response that was refused lets the next one start', () => {
    const p = callPlay('shared', noTools)
    p.client({ type: 'response.create' })
    expect(p.upstream(ev.error('invalid_value', String(p.lastTo('upstream')?.event_id)))).toEqual(['client error'])
    expect(p.upstream(committed)).toEqual(['client input_audio_buffer.committed', 'upstream response.create'])
  })
})

describe('what the instance before had sent', () => {
  const theirs = ['another', () => ev.created('r', { metadata: { relay_call: 'another1' } })] as const
  it.each([
    theirs,
    ['its client’s update', (p: CallPlay) => inForce(p)],
    ['the result of its tool', () => added(result('relay_another_1', 'c'))],
    ['its answer', () => added(ev.message('m'))],
  ] as const)('is answered without harm in the first five seconds of a call that was taken over: %s', (_, event) => {
    const p = callPlay('media-only', noTools, 'live', 1e12, true)
    expect(kinds(input(p, event(p)))).toEqual([])
    p.tick(5000)
    expect(kinds(input(p, added(system('s'))))).toEqual(['item'])
    const placed = callPlay('media-only', noTools)
    expect(kinds(input(placed, event(placed)))).toHaveLength(1)
  })

  it('may not be another session, nor a response that no relay has asked for', () => {
    const p = callPlay('media-only', noTools, 'live', 1e12, true)
    expect(kinds(input(p, otherSession(p)))).toEqual(['session'])
    const q = callPlay('media-only', noTools, 'live', 1e12, true)
    expect(kinds(input(q, begun('r')))).toEqual(['response'])
  })
})

describe('where an item comes from', () => {
  it.each([
    [spoken('i'), 'own', 'own'],
    [{ type: 'message', role: 'user', content: [] }, 'own', 'own'],
    [typed('i'), 'words', 'words'],
    [{ type: 'message', role: 'user', content: [{ type: 'input_audio' }, { type: 'input_image' }] }, 'words', 'words'],
    [ev.message('i'), 'own', 'forged'],
    [ev.call('c', 'x'), 'own', 'forged'],
    [system('i'), 'forged', 'forged'],
    [{ type: 'message', role: 'developer' }, 'forged', 'forged'],
    [result('i', 'c'), 'forged', 'forged'],
    [{ type: 'mcp_list_tools' }, 'forged', 'forged'],
    [undefined, 'forged', 'forged'],
  ] as const)('%o: %s while an answer runs, %s else', (item, whileAnswering, otherwise) => {
    expect(originOf(item as never, true)).toBe(whileAnswering)
    expect(originOf(item as never, false)).toBe(otherwise)
  })
})
