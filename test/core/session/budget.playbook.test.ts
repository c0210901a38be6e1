// Playbooks for what time and shutdown end: idleness, the longest session, the token, and a drain that lets answers finish.
import { describe, expect, it } from 'vitest'
import { dueAt } from '../../../src/core/session/budget.js'
import { ev, play, tool } from '../../support/playbook.js'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const drain = (untilMs: number) => ({ type: 'drain', untilMs }) as const

describe('idleness', () => {
  it('ends a session in which nobody did anything', () => {
    const p = play()
    expect(p.tick(10 * MINUTE - 1)).toEqual([])
    expect(p.tick(10 * MINUTE)).toEqual(['close idle idle'])
  })

  it('counts from the last sign of the client', () => {
    const p = play()
    p.tick(9 * MINUTE, true)
    expect(p.tick(19 * MINUTE - 1)).toEqual([])
    expect(p.tick(19 * MINUTE)).toEqual(['close idle idle'])
  })

  it('does not count while a response is active, nor while a tool runs', () => {
    const p = play()
    p.upstream(ev.created('r'))
    expect(p.tick(30 * MINUTE)).toEqual([])
    const call = ev.call('c', 'get_weather')
    p.upstream(ev.itemDone('r', call))
    p.upstream(ev.done('r', [call]))
    expect(p.tick(50 * MINUTE)).toEqual([])
    p.client({ type: 'response.cancel' })
    p.toolFinished('c')
    expect(p.tick(60 * MINUTE - 1)).toEqual([])
  })

  it('counts from the very end of the last work, and events of the upstream alone are none', () => {
    const p = play()
    p.upstream(ev.created('r'))
    p.tick(5 * MINUTE)
    p.now = 9 * MINUTE
    p.upstream(ev.done('r', [ev.message('m')]))
    p.now = 12 * MINUTE
    p.upstream({ type: 'input_audio_buffer.speech_started', event_id: 'x', item_id: 'i' })
    expect(p.tick(19 * MINUTE - 1)).toEqual([])
    expect(p.tick(19 * MINUTE)).toEqual(['close idle idle'])
  })

  it('counts from going live, not from the upgrade', () => {
    const p = play({ limits: { configureTimeoutMs: 30 * MINUTE } as never }, 'connecting')
    p.tick(9 * MINUTE)
    p.upstream({ type: 'session.created', session: {} })
    p.upstream({ type: 'session.updated', session: { instructions: p.state.profile.instructions, tools: p.state.profile.tools.map((tool) => tool.definition) } })
    expect(p.tick(18 * MINUTE)).toEqual([])
    expect(p.tick(19 * MINUTE)).toEqual(['close idle idle'])
  })
})

describe('a session on a clock that did not begin with it', () => {
  const opened = (phase: 'connecting' | 'live') => play({}, phase, 1e12, HOUR)

  it('has its whole time to connect and to be configured', () => {
    const p = opened('connecting')
    expect(p.tick(HOUR + 9_999)).toEqual([])
    expect(p.tick(HOUR + 10_000)).toEqual(['close upstream_timeout still_connecting'])
    const q = opened('connecting')
    q.upstream({ type: 'session.created', session: {} })
    expect(q.tick(HOUR + 10_000)).toEqual(['close upstream_timeout still_configuring'])
  })

  it('says how long its opening took', () => {
    const p = opened('connecting')
    p.upstream({ type: 'session.created', session: {} })
    p.now = HOUR + 300
    const session = { instructions: p.state.profile.instructions, tools: p.state.profile.tools.map((tool) => tool.definition) }
    const actions = p.input({ type: 'upstream.event', leg: 1, event: { type: 'session.updated', session } as never, frame: undefined })
    expect(actions).toContainEqual({ type: 'note', note: { type: 'configured', durationMs: 300 } })
  })

  it('lasts its whole length', () => {
    const p = opened('live')
    expect(p.tick(2 * HOUR - 1, true)).toEqual([])
    expect(p.tick(2 * HOUR, true)).toEqual(['close session_over maximum_length'])
  })
})

describe('the longest session', () => {
  it('ends by the clock, also in the middle of an answer', () => {
    const p = play()
    p.upstream(ev.created('r'))
    expect(p.tick(HOUR - 1, true)).toEqual([])
    expect(p.tick(HOUR, true)).toEqual(['park session_over maximum_length', 'upstream response.cancel'])
  })

  it("is also the upstream's to end", () => {
    expect(play().feed({ type: 'upstream.closed', leg: 1, code: 1001 })).toEqual(['close session_over upstream_session_over'])
  })

  it('is told from a lost upstream', () => {
    for (const code of [1000, 1005, 1006, 1011, 4000]) expect(play().feed({ type: 'upstream.closed', leg: 1, code })).toEqual(['close upstream_lost upstream_closed'])
  })
})

describe('the token', () => {
  it('ends the session when it expires, before any other limit is looked at', () => {
    const p = play({}, 'live', HOUR)
    expect(p.tick(HOUR - 1, true)).toEqual([])
    expect(p.tick(HOUR)).toEqual(['close unauthenticated token_expired'])
  })
})

describe('the end', () => {
  it('comes once, stops the tools at work, and nothing happens after it', () => {
    const p = play()
    const [one, two] = [ev.call('c1', 'get_weather'), ev.call('c2', 'get_time')]
    p.upstream(ev.created('r'))
    for (const item of [one, two]) p.upstream(ev.itemDone('r', item))
    p.toolFinished('c2')
    p.upstream(ev.done('r', [one, two]))
    expect(p.tick(HOUR)).toEqual(['cancel c1', 'close session_over maximum_length'])
    expect(p.toolFinished('c1')).toEqual([])
    expect(p.upstream(ev.done('r', [one, two]))).toEqual([])
    expect(p.client({ type: 'response.create' })).toEqual([])
    expect(p.feed(drain(0))).toEqual([])
    expect(p.feed({ type: 'upstream.closed', leg: 1, code: 1006 })).toEqual([])
    expect(p.tick(2 * HOUR)).toEqual([])
  })
})

describe('a drain while the user speaks', () => {
  const started = { type: 'input_audio_buffer.speech_started', event_id: 'e', audio_start_ms: 0, item_id: 'u' }
  const stopped = { type: 'input_audio_buffer.speech_stopped', event_id: 'e', audio_end_ms: 900, item_id: 'u' }
  const committed = { type: 'input_audio_buffer.committed', event_id: 'e', previous_item_id: null, item_id: 'u' }

  it('lets the sentence end, and then its answer', () => {
    const p = play()
    p.upstream(started)
    expect(p.feed(drain(MINUTE))).toEqual([])
    expect(p.upstream(stopped)).toEqual(['client input_audio_buffer.speech_stopped'])
    expect(p.upstream(committed)).toEqual(['client input_audio_buffer.committed'])
    p.upstream(ev.created('r'))
    expect(p.upstream(ev.done('r', [ev.message('m')])).at(-1)).toBe('close draining drained')
  })

  it('waits for the answer between the end of the turn and its beginning', () => {
    const p = play()
    p.upstream(started)
    p.feed(drain(MINUTE))
    p.upstream(committed)
    expect(p.upstream(ev.created('r'))).toEqual([])
    expect(p.upstream(ev.done('r', [ev.message('m')])).at(-1)).toBe('close draining drained')
  })

  it('waits two seconds if no answer comes', () => {
    const p = play()
    p.upstream(started)
    p.feed(drain(MINUTE))
    p.now = 5000
    p.upstream(committed)
    expect(p.tick(6999)).toEqual([])
    expect(p.tick(7000)).toEqual(['close draining drained'])
  })

  it('looks again when that time is over, and only if it drains', () => {
    const p = play()
    p.upstream(started)
    p.now = 5000
    p.upstream(committed)
    expect(dueAt(p.state)).toBeGreaterThan(7000)
    p.feed(drain(MINUTE))
    expect(dueAt(p.state)).toBe(7000)
    p.upstream(ev.created('r'))
    expect(dueAt(p.state)).toBe(MINUTE)
  })

  it('ends a sentence that goes on beyond its deadline', () => {
    const p = play()
    p.upstream(started)
    p.feed(drain(MINUTE))
    expect(p.tick(MINUTE)).toEqual(['close draining drain_deadline'])
  })
})

describe('a drain', () => {
  it('ends a quiet session at once', () => {
    expect(play().feed(drain(MINUTE))).toEqual(['close draining drained'])
  })

  it('ends a session that is not live yet at once', () => {
    expect(play({}, 'connecting').feed(drain(MINUTE))).toEqual(['close draining not_live_yet'])
  })

  it('waits for the active response', () => {
    const p = play()
    p.upstream(ev.created('r'))
    expect(p.feed(drain(MINUTE))).toEqual([])
    expect(p.tick(1_000)).toEqual([])
    expect(p.upstream(ev.done('r', [ev.message('m')]))).toEqual(['client response.created', 'client response.done', 'close draining drained'])
  })

  it('waits for a tool that finishes although its answer was cancelled, and for nothing after that', () => {
    const p = play({ tools: [{ ...tool('book'), onCancel: 'finish' }] })
    const call = ev.call('c', 'book')
    p.upstream(ev.created('r'))
    p.upstream(ev.itemDone('r', call))
    p.upstream(ev.done('r', [call], 'cancelled'))
    expect(p.feed(drain(MINUTE))).toEqual([])
    expect(p.toolFinished('c').at(-1)).toBe('close draining drained')
  })

  it('waits for a call of the client’s beside one of the server’s, and for the answer to both', () => {
    const p = play()
    const [own, clients] = [ev.call('c1', 'get_weather'), ev.call('c2', 'show_on_screen')]
    p.upstream(ev.created('r'))
    for (const call of [own, clients]) p.upstream(ev.itemDone('r', call))
    p.upstream(ev.done('r', [own, clients]))
    p.feed(drain(MINUTE))
    expect(p.toolFinished('c1')).toEqual(['upstream conversation.item.create'])
    expect(p.tick(1_000)).toEqual([])
    expect(p.client({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'c2', output: 'shown' } })).toEqual([
      'upstream conversation.item.create',
      'upstream response.create',
    ])
    p.upstream(ev.created('r2'))
    expect(p.upstream(ev.done('r2', [ev.message('m')])).at(-1)).toBe('close draining drained')
  })

  it('waits for tools and the answer they are for', () => {
    const p = play()
    const call = ev.call('c', 'get_weather')
    p.upstream(ev.created('r'))
    p.upstream(ev.itemDone('r', call))
    expect(p.feed(drain(MINUTE))).toEqual([])
    expect(p.upstream(ev.done('r', [call]))).toEqual([])
    expect(p.toolFinished('c')).toEqual(['upstream conversation.item.create', 'upstream response.create'])
    expect(p.tick(1_000)).toEqual([])
    p.upstream(ev.created('r2'))
    expect(p.upstream(ev.done('r2', [ev.message('m')])).at(-1)).toBe('close draining drained')
  })

  it('waits for an answer the client has asked for, and still takes what it sends', () => {
    const p = play()
    p.client({ type: 'response.create' })
    expect(p.feed(drain(MINUTE))).toEqual([])
    expect(p.client({ type: 'input_audio_buffer.clear' })).toEqual(['upstream input_audio_buffer.clear'])
    p.upstream(ev.created('r'))
    expect(p.upstream(ev.done('r')).at(-1)).toBe('close draining drained')
  })

  it('waits no longer when that request was refused', () => {
    const p = play()
    p.client({ type: 'response.create', event_id: 'c1' })
    p.feed(drain(MINUTE))
    expect(p.upstream(ev.error('invalid_value', 'c1'))).toEqual(['client error', 'close draining drained'])
  })

  it('ends at its deadline whatever still runs', () => {
    const p = play()
    p.upstream(ev.created('r'))
    p.upstream(ev.itemDone('r', ev.call('c', 'get_weather')))
    p.feed(drain(MINUTE))
    expect(p.tick(MINUTE - 1)).toEqual([])
    expect(p.tick(MINUTE)).toEqual(['cancel c', 'estimate 0+4096', 'close draining drain_deadline'])
  })

  it('keeps its first deadline when asked again', () => {
    const p = play()
    p.upstream(ev.created('r'))
    p.feed(drain(MINUTE))
    expect(p.feed(drain(2 * MINUTE))).toEqual([])
    expect(p.tick(MINUTE)).toEqual(['estimate 0+4096', 'close draining drain_deadline'])
  })

  it('is announced to a client that asked for relay events, and to no other', () => {
    const p = play({ relayEvents: true })
    p.upstream(ev.created('r'))
    expect(p.feed(drain(MINUTE))).toEqual(['client relay.draining'])
  })
})
