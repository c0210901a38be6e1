// Playbooks for the loss of a call's sideband: it is opened again without a replay, what was sent in vain goes again, and the end of the call is told from it.
import { describe, expect, it } from 'vitest'
import type { JsonObject, RealtimeEvent } from '../../../../src/core/protocol/events.js'
import { lanesOf } from '../../../../src/core/session/state.js'
import { ev, PREFIX, tool } from '../../../support/playbook.js'
import { added, type CallPlay, callPlay, committed, inForce, kinds, spoken, typed } from './call-play.js'

const RECONNECT_MS = 10_000
const losable = (mode: 'media-only' | 'shared' = 'media-only', change: object = {}): CallPlay =>
  callPlay(mode, { tools: [], ...change, limits: { reconnectMs: RECONNECT_MS, ...(change as { limits?: object }).limits } as never })
const lose = (p: CallPlay, code = 1006) => p.feed({ type: 'upstream.closed', leg: p.state.upstream.leg, code })
const opens = (p: CallPlay) => p.feed({ type: 'upstream.opened', leg: p.state.upstream.leg, privateWords: [] })
const refused = (p: CallPlay, code: 'not_found' | 'upstream_timeout' = 'upstream_timeout') => p.feed({ type: 'upstream.failed', leg: p.state.upstream.leg, code, why: 'no_route' })
const comesBack = (p: CallPlay) => [...opens(p), ...p.upstream(inForce(p))]
const since = (p: CallPlay, before: number) => p.allTo('upstream').slice(before)

describe('a lost sideband', () => {
  it('is dialled again at once, gets the lock and nothing of the conversation, and is live when the lock is in force', () => {
    const p = losable()
    p.upstream(added(spoken('turn')))
    const shown = p.allTo('client').length
    expect(lose(p)).toEqual(['dial 2 lost'])
    expect(lanesOf(p.state)).toEqual({ client: 'hold', upstream: 'parse' })
    expect(opens(p)).toEqual(['switch 2', 'upstream session.update'])
    expect(p.lastTo('upstream')).toMatchObject({ session: { instructions: p.state.profile.instructions, audio: { input: { turn_detection: { create_response: false } } } } })
    expect(p.upstream(inForce(p))).toEqual([])
    expect(p.state.upstream).toEqual({ phase: 'ready', leg: 2 })
    expect(p.allTo('client')).toHaveLength(shown)
  })

  it('tells clients that asked for the events of the relay, and keeps what a client had set', () => {
    const p = losable('media-only', { relayEvents: true })
    p.client({ type: 'session.update', session: { audio: { output: { voice: 'marin' } } } })
    p.upstream(inForce(p, { audio: { output: { voice: 'marin' } } }))
    lose(p)
    p.now = 700
    opens(p)
    expect(p.lastTo('upstream')).toMatchObject({ session: { audio: { output: { voice: 'marin' } } } })
    expect(p.upstream(inForce(p))).toEqual(['client relay.resumed'])
    expect(p.lastTo('client')).toMatchObject({ gap_ms: 700, cut: 'none', cause: 'upstream' })
  })

  it('is tried again with a growing pause, and given up in time', () => {
    const p = losable()
    lose(p)
    expect(refused(p)).toEqual([])
    expect(p.tick(200)).toEqual([])
    expect(p.tick(500)).toEqual(['dial 3 again'])
    expect(p.feed({ type: 'upstream.closed', leg: 3, code: 1006 })).toEqual([])
    expect(p.tick(1500)).toEqual(['dial 4 again'])
    opens(p)
    expect(p.tick(RECONNECT_MS)).toEqual(['close upstream_lost upstream_closed'])
  })

  it('that does not run what the server wants is tried again', () => {
    const p = losable()
    lose(p)
    opens(p)
    expect(p.upstream(inForce(p, { instructions: 'Other.' }))).toEqual([])
    expect(p.state.upstream.phase).toBe('lost')
    expect(p.tick(500)).toEqual(['dial 3 again'])
    opens(p)
    expect(p.upstream(ev.error('invalid_value'))).toEqual([])
    expect(p.state.upstream.phase).toBe('lost')
  })

  it('during which the caller changed the session is tolerated with a data channel', () => {
    const p = losable('shared')
    lose(p)
    opens(p)
    expect(p.upstream(inForce(p, { instructions: 'Obey.' }))).toEqual(['upstream session.update'])
    expect(p.upstream(inForce(p))).toEqual([])
    expect(p.state.upstream.phase).toBe('ready')
  })

  it('ends the session where upstreams are not replaced', () => {
    expect(lose(callPlay('media-only', { tools: [] }))).toEqual(['close upstream_lost upstream_closed'])
  })

  it('is noted, and so is its return', () => {
    const p = losable()
    const lostNote = p.input({ type: 'upstream.closed', leg: 1, code: 1006 })
    expect(lostNote).toContainEqual({ type: 'note', note: { type: 'upstream_lost', cause: 'closed', during: 'idle' } })
    opens(p)
    const back = p.input({ type: 'upstream.event', leg: 2, event: inForce(p), frame: undefined })
    expect(back).toContainEqual({ type: 'note', note: { type: 'restored', cause: 'closed', durationMs: 0, attempts: 1, cut: 'none' } })
  })

  it('of a stalled or silent socket is one as well', () => {
    const p = losable()
    expect(p.feed({ type: 'stalled', side: 'upstream' })).toEqual(['dial 2 lost'])
  })
})

describe('the end of the call', () => {
  it.each([1000, 1001])('is asked for once after a clean close (%i), quietly', (code) => {
    const p = losable()
    const actions = p.input({ type: 'upstream.closed', leg: 1, code })
    expect(actions).toEqual([{ type: 'dial', leg: 2, reason: 'again', urgent: false }])
    const over = p.input({ type: 'upstream.failed', leg: 2, code: 'not_found', why: 'http_404' })
    expect(over).toEqual([{ type: 'close', code: 'session_over', why: 'call_over', retryAfterSeconds: undefined }])
  })

  it('is taken for granted after a clean close if the one dial fails, however it does', () => {
    const p = losable()
    lose(p, 1000)
    expect(refused(p)).toEqual(['close session_over call_over'])
    const q = losable()
    lose(q, 1000)
    opens(q)
    expect(lose(q)).toEqual(['close session_over call_over'])
  })

  it('is known at once where upstreams are not replaced', () => {
    expect(lose(callPlay('media-only', { tools: [] }), 1000)).toEqual(['close session_over call_over'])
  })

  it('is not come yet if the sideband can be opened again', () => {
    const p = losable()
    lose(p, 1000)
    comesBack(p)
    expect(p.state.upstream).toEqual({ phase: 'ready', leg: 2 })
  })

  it('is found out after any loss, and what an answer under way used is estimated', () => {
    const p = losable()
    p.upstream(committed)
    p.begins('r')
    lose(p)
    expect(refused(p, 'not_found')).toEqual(['estimate 0+4096', 'close session_over call_over'])
  })
})

describe('what was under way', () => {
  it('is sent again if it was not answered: items under the same id, a response under a new mark', () => {
    const p = losable()
    p.client({ type: 'conversation.item.create', event_id: 'mine', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] } })
    const item = p.lastTo('upstream')?.item as JsonObject
    p.client({ type: 'response.create', event_id: 'ask' })
    const mark = p.mark()
    lose(p)
    const before = p.allTo('upstream').length
    expect(comesBack(p)).toEqual(['switch 2', 'upstream session.update', 'upstream conversation.item.create', 'upstream response.create'])
    const [, again, ask] = since(p, before) as RealtimeEvent[]
    expect(again?.item).toEqual(item)
    // Refused as a second one, it is nothing that the client should read.
    expect(String(again?.event_id).startsWith(PREFIX)).toBe(true)
    expect(p.upstream(ev.error('item_already_exists', String(again?.event_id)))).toEqual([])
    expect(ask?.event_id).toBe('ask')
    expect(p.mark()).not.toBe(mark)
    expect(p.begins('r')).toEqual(['client response.created'])
  })

  it('and was answered before is not', () => {
    const p = losable()
    p.client({ type: 'conversation.item.create', item: { id: 'i', type: 'message', role: 'user', content: [] } })
    p.upstream(added(typed('i')))
    lose(p)
    expect(comesBack(p)).toEqual(['switch 2', 'upstream session.update'])
  })

  it('as a tool, has its result sent and spoken about afterwards', () => {
    const p = losable('media-only', { tools: [tool('get_weather')] })
    p.upstream(committed)
    p.begins('r')
    p.upstream(ev.itemDone('r', ev.call('c', 'get_weather')))
    p.upstream(ev.done('r', [ev.call('c', 'get_weather')]))
    lose(p)
    // The results wait for the sideband.
    p.toolFinished('c')
    const sent = comesBack(p)
    expect(sent).toEqual(['switch 2', 'upstream session.update', 'upstream conversation.item.create', 'upstream response.create'])
  })

  it('as an answer, ends as the upstream says, if that says so', () => {
    const p = losable()
    p.upstream(committed)
    p.begins('r')
    lose(p)
    comesBack(p)
    p.now = 4000
    p.upstream({ type: 'response.content_part.done', event_id: 'e', response_id: 'r', item_id: 'm', part: {} })
    expect(p.tick(8999)).toEqual([])
    expect(p.upstream(ev.done('r'))).toEqual(['client response.done'])
    expect(p.tick(20_000)).toEqual([])
  })

  it('as an answer of which nothing is heard any more, is over after five seconds, its use is estimated, and the next turn is answered', () => {
    const p = losable()
    p.upstream(committed)
    p.begins('r')
    lose(p)
    comesBack(p)
    p.upstream({ ...committed, item_id: 'turn_2' })
    expect(p.tick(4999)).toEqual([])
    expect(p.tick(5000)).toEqual(['estimate 0+4096', 'client response.done', 'upstream response.create'])
    expect(p.allTo('client').findLast(({ type }) => type === 'response.done')).toMatchObject({ response: { id: 'r', status: 'incomplete' } })
  })

  it('as a turn that was over between the new sideband and its lock, is answered', () => {
    const p = losable()
    lose(p)
    opens(p)
    expect(p.upstream(committed)).toEqual([])
    expect(p.upstream(inForce(p))).toEqual(['client input_audio_buffer.committed', 'upstream response.create'])
  })

  it('at the upstream alone is no foreign fact for some seconds, and one afterwards', () => {
    const p = losable()
    lose(p)
    comesBack(p)
    expect(kinds(p.input({ type: 'upstream.event', leg: 2, event: added(ev.message('m')) as RealtimeEvent, frame: undefined }))).toEqual([])
    p.tick(5000)
    expect(kinds(p.input({ type: 'upstream.event', leg: 2, event: added(ev.message('n')) as RealtimeEvent, frame: undefined }))).toEqual(['item'])
  })

  it('and was asked for on the sideband before is explained by its mark', () => {
    const p = losable()
    p.upstream(committed)
    const mark = p.mark()
    lose(p)
    comesBack(p)
    expect(p.upstream(ev.created('r', { metadata: { relay_call: mark } }))).toEqual(['client response.created'])
  })

  it('as a response that the relay has not seen begin, is waited for without asking in a circle', () => {
    const p = losable()
    lose(p)
    comesBack(p)
    p.upstream(committed)
    const ask = String(p.lastTo('upstream')?.event_id)
    expect(p.upstream(ev.error('conversation_already_has_active_response', ask))).toEqual([])
    expect(p.tick(999)).toEqual([])
    expect(p.tick(1000)).toEqual(['upstream response.create'])
    const again = String(p.lastTo('upstream')?.event_id)
    p.upstream(ev.error('conversation_already_has_active_response', again))
    expect(p.upstream(ev.done('unseen'))).toEqual(['client response.done', 'upstream response.create'])
  })

  it('of a quota that was asked is answered afterwards', () => {
    const p = losable('media-only', { quota: { rules: [{ of: 'responses', per: 'day', max: 9 }], failOpen: false, currency: 'USD' } })
    p.upstream(committed)
    lose(p)
    const held = { responses: 0, tokens: 0, audioMinutes: 0, money: 0 }
    expect(p.feed({ type: 'quota.reserved', answer: { usage: { day: { counters: {}, endsAt: 1e9 } }, held, granted: true } })).toEqual([])
    expect(comesBack(p)).toEqual(['switch 2', 'upstream session.update', 'upstream response.create'])
  })
})

it('is never left by plan', () => {
  const p = losable('media-only', { limits: { upstreamSessionMs: 60_000 } })
  expect(p.state.rollover).toBeUndefined()
})
