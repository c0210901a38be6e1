// Calls on a relay: who may attach, what an attached client is to the call, what the call's owner is told, and how the sideband is opened.
import { afterEach, describe, expect, it, vi } from 'vitest'
import { RefusalError } from '../../../src/core/protocol/errors.js'
import { settle } from '../../support/memory-link.js'
import { ev, updated } from '../../support/playbook.js'
import { type CallLab, openCallLab, typesTo } from './call-lab.js'

afterEach(() => {
  vi.useRealTimers()
})

const committed = { type: 'input_audio_buffer.committed', event_id: 'e', item_id: 'turn', previous_item_id: null }

describe('a call', () => {
  it('is opened with the lock, live once that is in force, and needs no client', async () => {
    const c = await openCallLab()
    expect(c.heard()).toEqual(['session.update'])
    expect(c.told).toEqual([])
    await c.live()
    expect(c.told).toEqual(['live'])
    await c.say(committed)
    expect(c.heard()).toEqual(['response.create'])
  })

  it('is a session with its mode and what that promises', async () => {
    for (const [mode, enforcement] of [
      ['media-only', 'prevents-control'],
      ['shared', 'detects'],
    ] as const) {
      const c = await openCallLab(mode)
      expect(c.notes[0]).toEqual({ type: 'session_opened', dialect: 'ga', profile: 'default', enforcement, call: mode })
    }
  })

  it('is refused to somebody who was revoked meanwhile', async () => {
    const known = { isKnown: () => false }
    const c = await openCallLab('media-only', {}, { isKnown: () => known.isKnown() })
    known.isKnown = () => true
    expect(() => c.lab.relay.openCall({ identity: { subject: 'alice' }, call: { id: 'rtc_2' } } as never)).toThrow(RefusalError)
  })

  it('is refused a second time under the same id', async () => {
    const c = await openCallLab()
    expect(() => c.lab.relay.openCall({ call: { id: 'rtc_1' }, identity: { subject: 'alice' } } as never)).toThrow(RefusalError)
  })
})

describe('a client', () => {
  it('attaches to its own call alone, while that lasts', async () => {
    const c = await openCallLab()
    await c.live()
    expect(await c.join({ subject: 'bob' })).toBeUndefined()
    expect(await c.join({ issuer: 'https://elsewhere.example' })).toBeUndefined()
    expect(await c.join({}, 'rtc_2')).toBeUndefined()
    const claim = c.lab.relay.claimCall('rtc_1', { subject: 'alice' } as never)
    expect(claim?.sessionId).toBe('sess-call')
    c.lab.relay.sessions.end({ subject: 'alice' })
    expect(claim?.attach(undefined as never)).toBe(false)
    expect(await c.join()).toBeUndefined()
  })

  it('sees what is in force, then the call, and speaks to it', async () => {
    const c = await openCallLab()
    const early = await c.join()
    expect(typesTo(early)).toEqual([])
    await c.live()
    expect(typesTo(early)).toEqual(['session.created'])
    await c.say({ type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'turn', audio_start_ms: 0 })
    expect(typesTo(early)).toEqual(['input_audio_buffer.speech_started'])
    c.heard()
    early?.send(JSON.stringify({ type: 'response.create' }))
    await settle()
    expect(c.heard()).toEqual(['response.create'])
  })

  it('is refused audio, which goes nowhere', async () => {
    const c = await openCallLab()
    await c.live()
    const peer = await c.join()
    typesTo(peer)
    c.heard()
    peer?.send('{"type":"input_audio_buffer.append","audio":"AAAA"}')
    await settle()
    expect(typesTo(peer)).toEqual(['error'])
    expect(c.heard()).toEqual([])
  })

  it('takes the place of one before it, which is told so', async () => {
    const c = await openCallLab()
    await c.live()
    const first = await c.join()
    const second = await c.join()
    expect(await first?.closed).toMatchObject({ code: 4409, reason: 'superseded: stop' })
    typesTo(second)
    c.heard()
    await c.say({ type: 'input_audio_buffer.cleared', event_id: 'e' })
    expect(typesTo(first)).toEqual(['session.created'])
    expect(typesTo(second)).toEqual(['input_audio_buffer.cleared'])
    first?.send(JSON.stringify({ type: 'response.create' }))
    await settle()
    expect(c.heard()).toEqual([])
  })

  it.each([1000, 1005, 1006])('may go by %i: the call goes on, and nothing is kept for it', async (code) => {
    const c = await openCallLab()
    await c.live()
    const peer = await c.join()
    if (code === 1006) peer?.destroy()
    else peer?.close(code)
    await settle()
    await c.say({ type: 'input_audio_buffer.cleared', event_id: 'e' })
    expect(c.told).toEqual(['live'])
    expect(typesTo(await c.join())).toEqual(['session.created'])
  })

  it('that does not read is dropped, while the sideband is read on', async () => {
    const c = await openCallLab('media-only', {}, { settings: { bufferBytes: 1000, slowClientMs: 5000 } })
    await c.live()
    const peer = await c.join()
    peer?.pause()
    const long = { type: 'conversation.item.input_audio_transcription.completed', event_id: 'e', item_id: 'turn', content_index: 0, transcript: 'x'.repeat(1500) }
    await c.say(long)
    await c.lab.pass(4999)
    await c.say({ ...long, transcript: 'x' })
    await c.say(committed)
    expect(c.heard()).toContain('response.create')
    await c.lab.pass(1)
    await c.say({ ...long, transcript: 'x' })
    peer?.resume()
    expect(await peer?.closed).toMatchObject({ code: 4413, reason: 'slow_client: reconnect' })
    expect(c.told).toEqual(['live'])
  })

  it('that reads in time is not dropped, and one with far too much unread at once is', async () => {
    const c = await openCallLab('media-only', {}, { settings: { bufferBytes: 1000, slowClientMs: 5000 } })
    await c.live()
    const peer = await c.join()
    const long = { type: 'conversation.item.input_audio_transcription.completed', event_id: 'e', item_id: 'turn', content_index: 0, transcript: 'x'.repeat(1500) }
    for (let n = 0; n < 4; n++) {
      peer?.pause()
      await c.say(long)
      peer?.resume()
      await c.lab.pass(4000)
      await c.say({ ...long, transcript: 'x' })
    }
    expect(typesTo(peer)).toHaveLength(9)
    peer?.pause()
    for (let n = 0; n < 3; n++) await c.say(long)
    peer?.resume()
    expect(await peer?.closed).toMatchObject({ code: 4413 })
  })
})

describe('the owner of a call is told its end, once, and before the session is', () => {
  it.each<readonly [string, (c: CallLab) => void, string, boolean]>([
    ['a revocation', (c) => void c.lab.relay.sessions.end({ subject: 'alice' }), 'unauthenticated', false],
    ['an operator', (c) => void c.lab.relay.sessions.endByOperator({ sessionId: 'sess-call' }), 'session_over', false],
    ['a drain', (c) => void c.lab.relay.sessions.drain(10_000), 'draining', true],
  ])('%s', async (_, end, code, handsOver) => {
    const c = await openCallLab()
    await c.live()
    const peer = await c.join()
    end(c)
    await c.lab.pass(1)
    expect(c.told).toEqual(['live', { code, handsOver }, 'end'])
    expect((await peer?.closed)?.reason).toMatch(new RegExp(`^${code}`))
    expect(await c.sidebands[0]?.closed).toMatchObject({ code: 1000 })
    expect(c.lab.relay.sessions.count).toBe(0)
  })

  it('at once, though the use of an answer is still awaited', async () => {
    const c = await openCallLab()
    await c.live()
    await c.say(committed)
    c.lab.relay.sessions.end({ subject: 'alice' })
    await settle()
    expect(c.told).toEqual(['live', { code: 'unauthenticated', handsOver: false }, 'end'])
    await c.lab.pass(6000)
    expect(c.told).toHaveLength(3)
  })

  it('when the caller does what is impossible without a data channel', async () => {
    const c = await openCallLab('media-only')
    await c.live()
    await c.say(ev.created('r'))
    expect(c.told.slice(1)).toEqual([{ code: 'foreign_control', handsOver: false }, 'end'])
    expect(c.notes).toContainEqual({ type: 'foreign_event', kind: 'response', mode: 'media-only' })
  })

  it('when it is over at the upstream', async () => {
    const c = await openCallLab('media-only', { limits: { reconnectMs: 10_000 } as never })
    await c.live()
    c.attachBy(() => Promise.reject(new RefusalError('not_found', 'http_404')))
    c.sidebands[0]?.close(1000)
    await settle()
    expect(c.told.slice(1)).toEqual([{ code: 'session_over', handsOver: false }, 'end'])
    expect(c.notes.map(({ type }) => type)).not.toContain('upstream_lost')
  })
})

describe('the sideband', () => {
  it('that breaks is opened again: clients wait, and see nothing of it', async () => {
    const c = await openCallLab('media-only', { limits: { reconnectMs: 10_000 } as never })
    await c.live()
    const peer = await c.join()
    typesTo(peer)
    c.sidebands[0]?.destroy()
    await settle()
    expect(c.sidebands).toHaveLength(2)
    peer?.send(JSON.stringify({ type: 'response.create' }))
    await settle()
    expect(c.heard()).toEqual(['session.update'])
    await c.say(updated(c.owned))
    expect(c.heard()).toEqual(['response.create'])
    expect(typesTo(peer)).toEqual([])
    expect(c.told).toEqual(['live'])
  })

  it('that is refused before the call is live ends it', async () => {
    const c = await openCallLab()
    await c.say(ev.error('invalid_api_key'))
    expect(c.told).toEqual([{ code: 'upstream_refused', handsOver: false }, 'end'])
  })
})
