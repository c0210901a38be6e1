// Playbooks for the session of a call: the lock goes first, a client may join at any time, spoken turns are answered by the relay, tools run over the sideband.
import { describe, expect, it } from 'vitest'
import type { QuotaPolicy } from '../../../../src/core/policy/quota.js'
import type { JsonObject } from '../../../../src/core/protocol/events.js'
import { lanesOf } from '../../../../src/core/session/state.js'
import { ev, PREFIX, profile, tool } from '../../../support/playbook.js'
import { type CallPlay, callPlay, committed, inForce, MARK, SECRET } from './call-play.js'

const turnDetection = (p: CallPlay) => (((p.lastTo('upstream')?.session as JsonObject).audio as JsonObject).input as JsonObject).turn_detection

describe('the opening', () => {
  it('sends the lock at once, without waiting to be greeted, and leaves no answering to the upstream', () => {
    const p = callPlay('media-only', {}, 'connecting')
    expect(p.allTo('upstream').map(({ type }) => type)).toEqual(['session.update'])
    expect(p.lastTo('upstream')).toMatchObject({ session: { type: 'realtime', instructions: profile().instructions, tools: profile().tools.map((one) => one.definition) } })
    expect(turnDetection(p)).toEqual({ type: 'server_vad', create_response: false })
    expect(p.state.upstream.phase).toBe('configuring')
  })

  it('is over when the lock is seen in force, which is said once', () => {
    const p = callPlay('media-only', {}, 'connecting')
    expect(p.upstream(inForce(p))).toEqual(['live', 'client session.created'])
    expect(p.lastTo('client')).toMatchObject({ type: 'session.created', session: { instructions: '', tools: [{ name: 'show_on_screen' }] } })
    p.client({ type: 'session.update', session: { output_modalities: ['text'] } })
    expect(p.upstream(inForce(p))).toEqual(['client session.updated'])
  })

  it('keeps what comes before, but for deltas', () => {
    const p = callPlay('media-only', { tools: [] }, 'connecting')
    p.upstream({ type: 'response.output_audio_transcript.delta', event_id: 'e', response_id: 'r', delta: 'x' })
    expect(p.upstream(committed)).toEqual([])
    expect(p.upstream(inForce(p))).toEqual(['live', 'client session.created', 'client input_audio_buffer.committed', 'upstream response.create'])
  })

  it.each([
    ['the lock is not in force', (p: CallPlay) => inForce(p, { instructions: 'Other.' }), 'close upstream_refused configuration_not_in_force'],
    [
      'the upstream would answer by itself',
      (p: CallPlay) => inForce(p, { audio: { input: { turn_detection: { type: 'server_vad', create_response: true } } } }),
      'close upstream_refused configuration_not_in_force',
    ],
    ['it is refused', () => ev.error('invalid_value'), 'close upstream_refused configuration_refused'],
  ] as const)('ends the session without a data channel when %s', (_, event, line) => {
    const p = callPlay('media-only', {}, 'connecting')
    expect(p.upstream(event(p))).toEqual([line])
  })

  it('has the time that every opening has', () => {
    const p = callPlay('media-only', {}, 'connecting')
    expect(p.tick(9999)).toEqual([])
    expect(p.tick(10_000)).toEqual(['close upstream_timeout still_configuring'])
  })

  it.each([
    ['not_found', 'close session_over call_over'],
    ['upstream_timeout', 'close upstream_timeout no_route'],
  ] as const)('ends when the sideband cannot be opened: %s', (code, line) => {
    const p = callPlay('shared', {}, 'connecting')
    expect(p.feed({ type: 'upstream.failed', leg: 1, code, why: 'no_route' })).toEqual([line])
  })

  it('leaves turns unanswered where the profile wants that', () => {
    const p = callPlay('shared', { tools: [], session: { audio: { input: { turn_detection: { type: 'semantic_vad', create_response: false, idle_timeout_ms: 9000 } } } } })
    expect(turnDetection(p)).toEqual({ type: 'semantic_vad', create_response: false, idle_timeout_ms: null })
    expect(p.upstream(committed)).toEqual(['client input_audio_buffer.committed'])
  })
})

describe('a client that joins', () => {
  it('sees nothing before the call is live, and then what is in force, as often as it comes', () => {
    const p = callPlay('shared', {}, 'connecting')
    expect(p.feed({ type: 'client.joined' })).toEqual([])
    p.upstream(inForce(p))
    for (const _ of [1, 2]) expect(p.feed({ type: 'client.joined' })).toEqual(['client session.created'])
    expect(p.lastTo('client')).toMatchObject({ type: 'session.created', session: { id: 'sess_1', model: 'realtime', instructions: '' } })
    expect(String(p.lastTo('client')?.event_id)).not.toContain(PREFIX)
  })

  it.each([
    ['media-only', 'prevents-control'],
    ['shared', 'detects'],
  ] as const)('reads what is promised if it asked for the events of the relay: %s', (mode, enforcement) => {
    const p = callPlay(mode, { relayEvents: true })
    expect(p.feed({ type: 'client.joined' })).toEqual(['client session.created', 'client relay.session'])
    expect(p.lastTo('client')).toMatchObject({ type: 'relay.session', enforcement })
  })

  it('is refused audio, and the lane does not let it pass unread', () => {
    const p = callPlay()
    expect(lanesOf(p.state)).toEqual({ client: 'parse', upstream: 'pass' })
    expect(p.client({ type: 'input_audio_buffer.append', audio: 'AAAA' })).toEqual(['client error'])
    expect(p.lastTo('client')).toMatchObject({ error: { code: 'event_not_allowed', message: expect.stringContaining('WebRTC') } })
  })

  it('may clear what is being played, and sees what is', () => {
    const p = callPlay()
    expect(p.client({ type: 'output_audio_buffer.clear', event_id: 'mine' })).toEqual(['upstream output_audio_buffer.clear'])
    for (const what of ['started', 'stopped', 'cleared']) {
      const event = { type: `output_audio_buffer.${what}`, event_id: 'e', response_id: 'r' }
      expect(p.upstream(event)).toEqual([`client ${event.type}`])
    }
  })

  it('cannot ask for a way back, since its going is no end', () => {
    const p = callPlay('shared', { relayEvents: true, limits: { resumeMs: 60_000 } as never })
    expect(p.client({ type: 'relay.resume.enable' })).toEqual(['client error'])
    expect(p.state.resume.isOffered).toBe(false)
  })

  it('has its items known by ids, its own or given ones', () => {
    const p = callPlay('media-only')
    const item = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] }
    p.client({ type: 'conversation.item.create', item })
    const given = p.lastTo('upstream')?.item as JsonObject
    expect(given).toEqual({ id: expect.stringMatching(/^item_relay_\d+$/), ...item })
    expect(p.upstream(ev.added(given))).toEqual(['client conversation.item.added'])
    p.client({ type: 'conversation.item.create', item: { id: 'mine', ...item } })
    expect(p.upstream(ev.added({ id: 'mine', ...item }))).toEqual(['client conversation.item.added'])
  })
})

describe('responses', () => {
  it('are asked for by the relay when a turn is over, without any quota, under a mark that the client does not see', () => {
    const p = callPlay('media-only', { tools: [] })
    expect(p.upstream(committed)).toEqual(['client input_audio_buffer.committed', 'upstream response.create'])
    expect(p.mark().startsWith(SECRET)).toBe(true)
    expect(p.begins('r')).toEqual(['client response.created'])
    expect(p.lastTo('client')).toMatchObject({ response: { id: 'r', metadata: null } })
    expect(p.upstream(ev.done('r'))).toEqual(['client response.done'])
  })

  it('have a mark that is good once, and no two the same', () => {
    const p = callPlay('media-only', { tools: [] })
    p.upstream(committed)
    const mark = p.mark()
    p.begins('r1')
    p.upstream(ev.done('r1'))
    p.upstream(committed)
    expect(p.mark()).not.toBe(mark)
    expect(p.foreign('r2', { metadata: { [MARK]: mark } })).toEqual(['park foreign_control foreign_response'])
  })

  it('keep the metadata of the client, of which the mark takes one place', () => {
    const p = callPlay('shared', { tools: [] })
    p.client({ type: 'response.create', response: { metadata: { topic: 'a' } } })
    expect(p.lastTo('upstream')).toMatchObject({ response: { metadata: { topic: 'a', [MARK]: p.mark() } } })
    p.begins('r', { metadata: { topic: 'a', [MARK]: p.mark() } })
    expect(p.lastTo('client')).toMatchObject({ response: { metadata: { topic: 'a' } } })
    expect(JSON.stringify(p.lastTo('client'))).not.toContain(MARK)
    p.upstream(ev.done('r'))
    const metadata = Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`k${n}`, 'v']))
    expect(p.client({ type: 'response.create', response: { metadata } })).toEqual(['client error'])
    expect(p.lastTo('client')).toMatchObject({ error: { param: 'response.metadata' } })
  })

  it('wait for the one before', () => {
    const p = callPlay('media-only', { tools: [] })
    p.upstream(committed)
    p.begins('r1')
    expect(p.upstream({ ...committed, item_id: 'turn_2' })).toEqual(['client input_audio_buffer.committed'])
    expect(p.upstream(ev.done('r1'))).toEqual(['client response.done', 'upstream response.create'])
  })

  it('fall silent when they are cancelled while they play, and only then', () => {
    const p = callPlay('shared', { tools: [] })
    p.client({ type: 'response.create' })
    p.begins('r')
    expect(p.client({ type: 'response.cancel' })).toEqual(['upstream response.cancel'])
    p.upstream({ type: 'output_audio_buffer.started', event_id: 'e', response_id: 'r' })
    expect(p.client({ type: 'response.cancel' })).toEqual(['upstream response.cancel', 'upstream output_audio_buffer.clear'])
    p.upstream({ type: 'output_audio_buffer.cleared', event_id: 'e', response_id: 'r' })
    expect(p.client({ type: 'response.cancel' })).toEqual(['upstream response.cancel'])
  })
})

describe('a tool', () => {
  it('runs over the sideband, with and without a client: its result goes, and one response is asked for', () => {
    const p = callPlay('media-only', { tools: [tool('get_weather')] })
    p.upstream(committed)
    p.begins('r1')
    const call = ev.call('c', 'get_weather')
    p.upstream(ev.itemAdded('r1', call))
    p.upstream(ev.added(call))
    expect(p.upstream(ev.itemDone('r1', call))).toEqual(['start c'])
    p.upstream(ev.done('r1', [call]))
    expect(p.toolFinished('c')).toEqual(['upstream conversation.item.create', 'upstream response.create'])
    const output = p.allTo('upstream').findLast(({ type }) => type === 'conversation.item.create')?.item as JsonObject
    expect(p.upstream(ev.added(output))).toEqual([])
    p.begins('r2')
    expect(p.upstream(ev.done('r2', [ev.message('m')]))).toEqual(['client response.created', 'client response.done'])
  })

  it('that takes long has a line said, which is known by the mark too', () => {
    const p = callPlay('media-only', { tools: [tool('get_weather')], toolFiller: 'Say so.', toolNoticeMs: 1000 })
    p.upstream(committed)
    p.begins('r1')
    p.upstream(ev.itemDone('r1', ev.call('c', 'get_weather')))
    p.upstream(ev.done('r1', [ev.call('c', 'get_weather')]))
    expect(p.tick(1000)).toEqual(['upstream response.create'])
    const { metadata } = p.lastTo('upstream')?.response as JsonObject
    expect(p.begins('f', { conversation_id: null, metadata })).toEqual(['client response.created'])
    expect(p.lastTo('client')).toMatchObject({ response: { id: 'f', metadata: null } })
  })
})

describe('a quota', () => {
  const quota: QuotaPolicy = { rules: [{ of: 'responses', per: 'day', max: 2 }], failOpen: false, currency: 'USD' }
  const usage = (responses: number) => ({ day: { counters: { responses }, endsAt: 86_400_000 } })
  const held = { responses: 0, tokens: 0, audioMinutes: 0, money: 0 }

  it('lets a turn be answered, or ends the call before the answer', () => {
    const p = callPlay('media-only', { tools: [], quota })
    expect(p.upstream(committed)).toEqual(['client input_audio_buffer.committed'])
    expect(p.feed({ type: 'quota.reserved', answer: { usage: usage(1), held, granted: true } })).toEqual(['upstream response.create'])
    p.begins('r')
    p.upstream(ev.done('r'))
    p.upstream({ ...committed, item_id: 'turn_2' })
    expect(p.feed({ type: 'quota.reserved', answer: { usage: usage(2), held, granted: false } })).toEqual(['client error', 'close budget_spent quota_spent'])
  })

  it('that cannot be checked, or is used up for a minute, ends nothing', () => {
    const p = callPlay('media-only', { tools: [], quota: { ...quota, rules: [{ of: 'responses', per: 'minute', max: 1 }] } })
    p.upstream(committed)
    expect(p.feed({ type: 'quota.reserved', answer: undefined })).toEqual(['client error'])
    p.upstream({ ...committed, item_id: 'turn_2' })
    expect(p.feed({ type: 'quota.reserved', answer: { usage: { minute: { counters: { responses: 1 }, endsAt: 60_000 } }, held, granted: false } })).toEqual(['client error'])
    expect(p.state.life).toBe('open')
  })
})

describe('the end', () => {
  it.each([
    ['a token that expires', (p: CallPlay) => p.tick(500_000), 'close unauthenticated token_expired'],
    ['the longest time', (p: CallPlay) => p.tick(450_000), 'close session_over maximum_length'],
    ['a revocation', (p: CallPlay) => p.feed({ type: 'end', code: 'unauthenticated', why: 'token_revoked' }), 'close unauthenticated token_revoked'],
    ['an operator', (p: CallPlay) => p.feed({ type: 'end', code: 'session_over', why: 'ended_by_operator' }), 'close session_over ended_by_operator'],
    ['the upstream’s longest time', (p: CallPlay) => p.upstream(ev.error('session_expired')), 'close session_over upstream_session_over'],
  ] as const)('comes with %s', (what, end, line) => {
    const maxSessionMs = what === 'the longest time' ? 450_000 : 3_600_000
    const p = callPlay(
      'media-only',
      { tools: [], session: { audio: { input: { turn_detection: null } } } as never, limits: { maxSessionMs, reconnectMs: 10_000 } as never },
      'live',
      500_000,
    )
    expect(end(p)).toEqual([line])
  })

  it('comes when neither speaks, and speech of both sides counts', () => {
    const p = callPlay('media-only', { tools: [], session: { audio: { input: { turn_detection: { type: 'server_vad', create_response: false } } } } })
    const heard = ['input_audio_buffer.speech_started', 'input_audio_buffer.speech_stopped', 'output_audio_buffer.started', 'output_audio_buffer.stopped']
    for (const [n, type] of heard.entries()) {
      p.now = (n + 1) * 500_000
      p.upstream({ type, event_id: 'e', item_id: 'turn', response_id: 'r' })
    }
    expect(p.tick(2_599_999)).toEqual([])
    expect(p.tick(2_600_000)).toEqual(['close idle idle'])
  })

  it('hands the call over in a drain, at a quiet point, and not before a turn has its answer', () => {
    const p = callPlay('media-only', { tools: [] })
    p.upstream({ type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'turn' })
    expect(p.feed({ type: 'drain', untilMs: 60_000 })).toEqual([])
    p.upstream({ type: 'input_audio_buffer.speech_stopped', event_id: 'e', item_id: 'turn' })
    expect(p.upstream(committed)).toEqual(['client input_audio_buffer.committed', 'upstream response.create'])
    p.begins('r')
    expect(p.upstream(ev.done('r'))).toEqual(['client response.done', 'close draining drained'])
  })

  it('hands it over as well when the sideband is lost in a drain', () => {
    const p = callPlay('media-only', { tools: [], limits: { reconnectMs: 10_000 } as never })
    p.upstream(committed)
    p.begins('r')
    p.feed({ type: 'drain', untilMs: 60_000 })
    expect(p.feed({ type: 'upstream.closed', leg: 1, code: 1006 }).at(-1)).toBe('close draining sideband_lost')
  })
})
