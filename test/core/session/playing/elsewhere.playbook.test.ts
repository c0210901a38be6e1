// Interruptions beside what else may happen: a lost upstream, a move, a quota, and a call that the relay does not hear.
import { describe, expect, it } from 'vitest'
import { NO_AMOUNTS, type QuotaPolicy } from '../../../../src/core/policy/quota.js'
import { suspended } from '../../../../src/core/session/move/suspend.js'
import { ev, profile } from '../../../support/playbook.js'
import { callPlay, committed } from '../call/call-play.js'
import { comesBack, lose } from '../restore/lost-upstream.js'
import { playingPlay, RELAY } from './playing-play.js'

const limits = { ...profile().limits, reconnectMs: 10_000 }
const turns = { type: 'server_vad', interrupt_response: true }

/** Half a second of an answer of some words was heard. */
function saying(interruption = RELAY) {
  const p = playingPlay(interruption, { limits })
  p.now = 1000
  p.begins('r1')
  p.says('r1', 4000)
  p.now += 500
  return p
}
const SAID = [{ itemId: 'm_r1', text: 'One two three four five six seven eight nine ten.', audioMs: 4000 }]

describe('a lost upstream', () => {
  it('that had not answered a truncation: the next one is told no more than was heard', () => {
    const p = saying()
    p.speech('speech_started')
    expect(p.did).toContain('truncate m_r1 500')
    lose(p, SAID)
    const { items } = comesBack(p, { input: { turn_detection: turns } })
    const told = JSON.stringify(items.find(({ id }) => id === 'm_r1'))
    expect(told).toContain('One')
    expect(told).not.toContain('five')
    expect(p.allTo('client').filter(({ type }) => type === 'conversation.item.truncated')).toEqual([
      { type: 'conversation.item.truncated', event_id: expect.any(String), item_id: 'm_r1', content_index: 0, audio_end_ms: 500 },
    ])
    expect(p.state.playing.discarded).toBeUndefined()
  })

  it('in an answer that is protected: speech does not make it unwanted', () => {
    const goesOn = (interruption: Parameters<typeof playingPlay>[0]) => {
      const p = saying(interruption)
      p.speech('speech_started')
      lose(p, SAID)
      comesBack(p, { input: { turn_detection: turns } })
      return p.allTo('upstream').some(({ type }) => type === 'response.create')
    }
    expect(goesOn({ bargeIn: 'protect', truncate: 'relay' })).toBe(true)
    expect(goesOn(RELAY)).toBe(false)
  })

  it('has the next one leave the interrupting to the relay as well, and what was replayed is cut by the relay', () => {
    const p = saying({ bargeIn: 'allow', minSpeechMs: 300, truncate: 'relay' })
    p.upstream({ type: 'conversation.item.done', event_id: 'x', previous_item_id: null, item: ev.message('m_r1', SAID[0]?.text) })
    p.ends('r1')
    lose(p)
    comesBack(p, { input: { turn_detection: { ...turns, interrupt_response: false } } })
    const update = p.allTo('upstream').findLast(({ type }) => type === 'session.update')
    expect(update).toMatchObject({ session: { audio: { input: { turn_detection: { create_response: false, interrupt_response: false } } } } })
    p.speech('speech_started')
    p.now += 300
    const lines = p.feed({ type: 'tick', clientActiveAt: 0 })
    expect(lines).toEqual(['client conversation.item.truncated', 'upstream conversation.item.delete', 'upstream conversation.item.create', 'client relay.interrupted'])
    expect(p.did).toEqual(['clear', 'truncated m_r1 800', 'told m_r1 800'])
  })
})

it('a session that moves counts what was sent as heard, and knows what it has truncated', () => {
  const p = saying({ bargeIn: 'allow', minSpeechMs: 300, truncate: 'relay' })
  p.client({ type: 'response.cancel' })
  p.ends('r1', 'cancelled')
  p.begins('r2')
  p.says('r2', 1000)
  p.speech('speech_started')
  const { playing } = suspended(p.state, [], p.now).state
  expect(playing).toMatchObject({ interrupts: true, speechAt: undefined, dueAt: undefined, discarded: undefined })
  expect([...playing.truncated]).toEqual([['0 m_r1', 500]])
})

it('under a quota the answer to what was said into a protected one asks for its part first', () => {
  const quota: QuotaPolicy = { rules: [{ of: 'responses', per: 'day', max: 9 }], failOpen: false, currency: undefined }
  const p = playingPlay({ bargeIn: 'protect', truncate: 'relay' }, { quota })
  p.begins('r1')
  p.speech('speech_started')
  p.speech('speech_stopped')
  p.speech('committed')
  p.ends('r1')
  expect(p.did).toEqual([])
  p.feed({ type: 'quota.reserved', answer: { granted: true, held: NO_AMOUNTS, usage: {} } })
  expect(p.did).toEqual(['create'])
})

describe('a WebRTC call', () => {
  it('is told not to interrupt a protected answer, and truncates nothing', () => {
    const p = callPlay('media-only', { interruption: { bargeIn: 'protect', truncate: 'relay' } })
    const lock = p.allTo('upstream').find(({ type }) => type === 'session.update')
    expect(lock).toMatchObject({ session: { audio: { input: { turn_detection: { type: 'server_vad', create_response: false, interrupt_response: false } } } } })
    p.upstream(committed)
    p.begins('r1')
    p.upstream({ type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'u2', audio_start_ms: 0 })
    expect(p.client({ type: 'response.cancel' })).not.toContain('upstream conversation.item.truncate')
  })

  it('goes by nothing else: speech interrupts at once, as the service has it', () => {
    const p = callPlay('media-only', { interruption: { bargeIn: 'allow', protectMs: 5000, minSpeechMs: 5000, truncate: 'relay' } })
    const lock = p.allTo('upstream').find(({ type }) => type === 'session.update')
    expect(JSON.stringify(lock)).not.toContain('interrupt_response')
    p.upstream(committed)
    p.begins('r1')
    expect(p.upstream({ type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'u2', audio_start_ms: 0 })).toEqual(['client input_audio_buffer.speech_started'])
    expect(p.state.playing.speechAt).toBeUndefined()
  })
})
