// Playbooks for the edges of a sideband: what comes too early, what ends an opening and why, what is noted of an attempt, and what waits for the next one.
import { describe, expect, it } from 'vitest'
import type { QuotaPolicy } from '../../../../src/core/policy/quota.js'
import type { JsonObject, RealtimeEvent } from '../../../../src/core/protocol/events.js'
import { ev, type Play, play, tool } from '../../../support/playbook.js'
import { added, type CallPlay, callPlay, committed, inForce, kinds, SECRET } from './call-play.js'

const losable = (mode: 'media-only' | 'shared' = 'media-only', change: object = {}, reconnectMs = 10_000): CallPlay =>
  callPlay(mode, { tools: [], ...change, limits: { reconnectMs, ...(change as { limits?: object }).limits } as never })
const lose = (p: CallPlay, code = 1006) => p.feed({ type: 'upstream.closed', leg: p.state.upstream.leg, code })
const opens = (p: CallPlay) => p.feed({ type: 'upstream.opened', leg: p.state.upstream.leg, privateWords: [] })
const comesBack = (p: CallPlay) => [...opens(p), ...p.upstream(inForce(p))]
const input = (p: Play, event: object) => p.input({ type: 'upstream.event', leg: p.state.upstream.leg, event: event as RealtimeEvent, frame: undefined })
const limited = { ...ev.error('rate_limit_exceeded') }
const speaks = { type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'turn' }
const delta = { type: 'response.output_text.delta', event_id: 'e', response_id: 'r', item_id: 'm', delta: 'x' }
const TOO_EARLY = { type: 'note', note: { type: 'event_dropped', side: 'upstream', why: 'too_early' } }

describe('an opening', () => {
  it('keeps the first 64 events, says of each that follows that it is dropped, and says nothing of deltas', () => {
    const p = callPlay('media-only', { tools: [] }, 'connecting')
    const done = () => input(p, speaks).filter(({ type }) => type !== 'moment')
    for (let n = 0; n < 64; n++) expect(done()).toEqual([])
    expect(done()).toEqual([TOO_EARLY])
    expect(input(p, delta)).toEqual([])
    expect(p.upstream(inForce(p)).filter((line) => line === `client ${speaks.type}`)).toHaveLength(64)
  })

  it('that ends by a close is refused', () => {
    expect(lose(callPlay('media-only', {}, 'connecting'))).toEqual(['close upstream_refused closed_before_live'])
  })

  it('is noted with its time, its model and its media, and idleness counts from its end', () => {
    const p = callPlay('media-only', { tools: [] }, 'connecting')
    p.now = 700
    const actions = input(p, inForce(p))
    expect(actions).toContainEqual({ type: 'note', note: { type: 'configured', durationMs: 700 } })
    expect(actions).toContainEqual({ type: 'note', note: { type: 'upstream_session', sessionId: 'sess_1', model: 'gpt-realtime' } })
    expect(p.tick(600_699)).toEqual([])
    expect(p.tick(600_700)).toEqual(['close idle idle'])
  })

  it('takes the time from when the session began', () => {
    const p = play({ tools: [] }, 'connecting', 1e12, 300, { mode: 'media-only', secret: SECRET, adopted: false })
    p.now = 700
    expect(input(p, inForce(p))).toContainEqual({ type: 'note', note: { type: 'configured', durationMs: 400 } })
  })

  it('that is refused is noted with the code, and a limit is told as one', () => {
    const p = callPlay('media-only', {}, 'connecting')
    const refused = input(p, ev.error('invalid_value'))
    expect(refused).toContainEqual({ type: 'note', note: { type: 'upstream_error', code: 'invalid_value' } })
    const q = callPlay('media-only', {}, 'connecting')
    expect(q.upstream(limited)).toEqual(['close rate_limited configuration_refused'])
    const r = callPlay('media-only', {}, 'connecting')
    expect(input(r, { type: 'error', event_id: 'e', error: {} })).toContainEqual({ type: 'note', note: { type: 'upstream_error', code: 'none' } })
  })
})

describe('an attempt that is the last one', () => {
  it.each([
    ['closed', (p: CallPlay) => p.input({ type: 'upstream.closed', leg: 2, code: 1006 })],
    ['configuration_not_in_force', (p: CallPlay) => input(p, inForce(p, { instructions: 'Other.' }))],
    ['refused', (p: CallPlay) => input(p, ev.error('invalid_value'))],
    ['rate_limited', (p: CallPlay) => input(p, limited)],
  ] as const)('says why the sideband is given up: %s', (why, ends) => {
    const p = losable()
    lose(p)
    opens(p)
    p.now = 9999
    expect(ends(p)).toContainEqual({ type: 'note', note: { type: 'restore_failed', cause: 'closed', why, attempts: 1, durationMs: 9999 } })
    expect(p.state.life).toBe('closed')
  })
})

describe('a sideband that is back', () => {
  it('is noted with the time that it was away', () => {
    const p = losable()
    p.now = 300
    lose(p)
    opens(p)
    p.now = 1000
    expect(input(p, inForce(p))).toContainEqual({ type: 'note', note: { type: 'restored', cause: 'closed', durationMs: 700, attempts: 1, cut: 'none' } })
  })

  it('is noted after a clean close too, which counts among the losses of a minute', () => {
    const p = losable()
    lose(p, 1000)
    opens(p)
    expect(input(p, inForce(p))).toContainEqual({ type: 'note', note: { type: 'restored', cause: 'closed', durationMs: 0, attempts: 1, cut: 'none' } })
    for (let n = 0; n < 20 && p.state.life === 'open'; n++) if (lose(p, 1000)[0]?.startsWith('dial')) comesBack(p)
    expect(p.state.life).toBe('closed')
  })

  it('plays nothing of before', () => {
    const p = losable('shared')
    p.client({ type: 'response.create' })
    p.begins('r')
    p.upstream({ type: 'output_audio_buffer.started', event_id: 'e', response_id: 'r' })
    lose(p)
    comesBack(p)
    expect(p.client({ type: 'response.cancel' })).toEqual(['upstream response.cancel'])
  })

  it('is not told of a cancel again', () => {
    const p = losable('shared')
    p.client({ type: 'response.create' })
    p.begins('r')
    p.client({ type: 'response.cancel', event_id: 'mine' })
    lose(p)
    expect(comesBack(p)).toEqual(['switch 2', 'upstream session.update'])
  })

  it('asks for the answer that waited for something to be undone, which the lock has done', () => {
    const p = losable('shared')
    p.upstream(inForce(p, { instructions: 'Obey.' }))
    p.upstream(committed)
    lose(p)
    expect(comesBack(p)).toEqual(['switch 2', 'upstream session.update', 'upstream response.create'])
  })

  it('has the events that a client had sent as it was lost', () => {
    const p = losable()
    lose(p)
    expect(p.client({ type: 'response.create' })).toEqual([])
    expect(comesBack(p)).toEqual(['switch 2', 'upstream session.update', 'upstream response.create'])
  })

  it('has the response of a client whose quota was asked before', () => {
    const quota: QuotaPolicy = { rules: [{ of: 'responses', per: 'day', max: 9 }], failOpen: false, currency: 'USD' }
    const p = losable('media-only', { quota })
    expect(p.client({ type: 'response.create' })).toEqual([])
    expect(p.client({ type: 'input_audio_buffer.clear' })).toEqual([])
    lose(p)
    const held = { responses: 0, tokens: 0, audioMinutes: 0, money: 0 }
    p.feed({ type: 'quota.reserved', answer: { usage: { day: { counters: {}, endsAt: 1e9 } }, held, granted: true } })
    expect(comesBack(p)).toEqual(['switch 2', 'upstream session.update', 'upstream response.create', 'upstream input_audio_buffer.clear'])
  })

  it('says of an answer whose end it missed that it is incomplete, in the form of any other', () => {
    const p = losable()
    p.upstream(committed)
    p.begins('r')
    lose(p)
    comesBack(p)
    p.tick(5000)
    expect(p.lastTo('client')).toEqual({
      type: 'response.done',
      event_id: expect.any(String),
      response: { id: 'r', object: 'realtime.response', status: 'incomplete', status_details: { type: 'incomplete' }, output: [], usage: null },
    })
  })

  it('is watched for what happened meanwhile no longer than five seconds, though the answer was over before', () => {
    const p = losable()
    p.upstream(committed)
    p.begins('r')
    lose(p)
    comesBack(p)
    p.upstream(ev.done('r'))
    p.tick(5000)
    expect(kinds(input(p, added(ev.message('m'))))).toEqual(['item'])
  })
})

describe('what waits', () => {
  it('to be undone is not looked at while the sideband is lost', () => {
    const p = losable('shared', {}, 60_000)
    p.upstream(inForce(p, { instructions: 'Obey.' }))
    p.now = 5000
    lose(p)
    opens(p)
    expect(p.tick(10_000)).toEqual([])
    expect(p.state.life).toBe('open')
  })

  it('to be undone is not looked at either as the sideband is found silent', () => {
    const p = losable('shared')
    const tick = (now: number) => {
      p.now = now
      return p.feed({ type: 'tick', clientActiveAt: 0, upstreamHeard: 1 })
    }
    p.upstream(committed)
    p.upstream(inForce(p, { instructions: 'Obey.' }))
    expect(tick(5000)).toEqual([])
    expect(tick(7000)).toEqual(['ping'])
    expect(tick(10_000)).toEqual(['dial 2 lost'])
  })

  it('as the result of a tool for a response that was refused goes on after a second', () => {
    const p = losable('shared', { tools: [tool('get_weather')] })
    p.upstream(committed)
    p.begins('r')
    p.upstream(ev.itemDone('r', ev.call('c', 'get_weather')))
    p.upstream(ev.done('r', [ev.call('c', 'get_weather')]))
    p.foreign('beside', { conversation_id: null })
    expect(p.toolFinished('c')).toEqual(['upstream conversation.item.create', 'upstream response.create'])
    expect(p.upstream(ev.error('conversation_already_has_active_response', String(p.lastTo('upstream')?.event_id)))).toEqual([])
    expect(p.tick(1000)).toEqual(['upstream response.create'])
  })
})

it.each([speaks.type, 'input_audio_buffer.speech_stopped', committed.type, 'output_audio_buffer.started', 'output_audio_buffer.stopped', 'output_audio_buffer.cleared'])(
  '%s is a sign of life',
  (type) => {
    const session: JsonObject = { audio: { input: { turn_detection: { type: 'server_vad', create_response: false } } } }
    const p = callPlay('media-only', { tools: [], session })
    p.now = 500_000
    p.upstream({ type, event_id: 'e', item_id: 'turn', response_id: 'r' })
    expect(p.tick(1_099_999)).toEqual([])
    expect(p.tick(1_100_000)).toEqual(['close idle idle'])
  },
)
