// Playbooks of guards that hold answers, or the answer to what the user said: nothing goes whose words are not cleared, and what is blocked never does.
import { describe, expect, it } from 'vitest'
import type { Action } from '../../../../src/core/session/actions.js'
import { guardsElsewhere, holds } from '../../../../src/core/session/guards/state.js'
import { ev } from '../../../support/playbook.js'
import { BLOCK, guard, guardsPlay, PASS } from './guards-play.js'

const SENTENCE = 'This is a sentence that is long enough to be asked about at once.'
const LONG = ' and so on'.repeat(13)

function places(actions: readonly Action[]) {
  return actions.flatMap((action) => (action.type === 'send' && action.to === 'client' ? [action.gate?.mark] : []))
}

describe('an answer that is held', () => {
  it('begins at once, and its words go window by window', () => {
    const p = guardsPlay([guard('hold', ['output'])])
    expect(places(p.input({ type: 'upstream.event', leg: 1, event: ev.created('r1') as never, frame: undefined }))).toEqual([])
    p.upstream(ev.itemAdded('r1', { ...ev.message('m_r1'), status: 'in_progress', content: [] }))
    expect(p.words('r1', SENTENCE)).toContain('ask hold output')
    expect(p.words('r1', LONG)).toEqual(['client response.output_audio_transcript.delta'])
    expect(p.says(PASS)).toEqual(['release r1 1', 'ask hold output'])
    expect(p.open[0]?.text).toBe(`${SENTENCE.slice(-40)}${LONG}`)
    expect(p.says(PASS)).toEqual(['release r1 2'])
    p.words('r1', 'end')
    expect(p.upstream(ev.done('r1', [ev.message('m_r1', `${SENTENCE}${LONG}end`)]))).toEqual(['client response.done', 'ask hold output'])
    expect(p.says(PASS)).toEqual(['release r1 3'])
    expect(p.state.guards).toMatchObject({ words: [], checks: [] })
  })

  it('is asked about whole texts that no delta has said', () => {
    const p = guardsPlay([guard('hold', ['output'])])
    p.begins('r1')
    p.words('r1', 'Hello.')
    p.says(PASS)
    p.upstream(ev.done('r1', [ev.message('m_r1', 'Something else.')]))
    expect(p.open[0]?.text).toContain('Something else.')
  })

  it('that is blocked after its end is seen to end, cancelled and without words', () => {
    const p = guardsPlay([guard('hold', ['output'])])
    p.begins('r1')
    p.words('r1', SENTENCE)
    p.ends('r1')
    expect(p.says(BLOCK)).toEqual(['never r1', 'client response.done', 'client relay.blocked', 'upstream conversation.item.delete'])
    expect(p.allTo('client').at(-2)).toMatchObject({ type: 'response.done', response: { id: 'r1', status: 'cancelled', output: [] } })
  })

  it('that was cut off by its user is not asked about any further', () => {
    const p = guardsPlay([guard('hold', ['output'])])
    p.begins('r1')
    p.words('r1', SENTENCE)
    expect(p.ends('r1', 'cancelled')).toEqual(['never r1', 'client response.done'])
    expect(p.says(BLOCK)).toEqual([])
    expect(p.state.guards).toMatchObject({ blocks: 0, words: [] })
  })

  it('counts as blocked if it was to be redacted, since its sound cannot be', () => {
    const p = guardsPlay([guard('hold', ['output'])])
    p.begins('r1')
    p.words('r1', SENTENCE)
    expect(p.says({ type: 'redact', category: 'card', text: 'x' })).toContain('upstream response.cancel')
  })

  it('goes unchecked, or never, once the gate is full', () => {
    for (const whenUnsure of ['pass', 'block'] as const) {
      const p = guardsPlay([guard('hold', ['output'], { whenUnsure })])
      p.begins('r1')
      p.words('r1', SENTENCE)
      expect(p.feed({ type: 'output.full', responseId: 'r1' })).toEqual(
        whenUnsure === 'pass' ? ['release r1 all'] : ['upstream response.cancel', 'never r1', 'client relay.blocked'],
      )
    }
  })

  it('is none in a call, whose sound goes past the relay', () => {
    const { profile } = guardsPlay([guard('hold', ['output'])]).state
    expect(holds({ profile, call: undefined })).toBe(true)
    expect(holds({ profile, call: {} })).toBe(false)
  })
})

describe('words of the user that are held', () => {
  it('wait at the gate if typed, with all that the client sends after them', () => {
    const p = guardsPlay([guard('hold', ['input'])])
    expect(p.types('good words')).toEqual(['ask hold input'])
    expect(p.client({ type: 'response.create', event_id: 'c2' })).toEqual([])
    expect(p.says(PASS)).toEqual(['upstream conversation.item.create', 'upstream response.create'])
  })

  it('never reach the upstream if they are blocked, and the session goes on', () => {
    const p = guardsPlay([guard('hold', ['input'])])
    p.types('bad words')
    expect(p.says(BLOCK)).toEqual(['client error', 'client relay.blocked'])
    expect(p.allTo('client').at(-2)).toMatchObject({ error: { code: 'content_blocked', event_id: 'c1', message: 'Not here.' } })
    p.types('good words')
    expect(p.says(PASS)).toEqual(['upstream conversation.item.create'])
  })

  it('go upstream as they were redacted', () => {
    const p = guardsPlay([guard('hold', ['input'])])
    p.types('my card is 4111')
    p.says({ type: 'redact', category: 'card', text: 'my card is ****' })
    expect(p.lastTo('upstream')).toMatchObject({ item: { content: [{ type: 'input_text', text: 'my card is ****' }] } })
  })

  it('hold the answer to them if spoken, and the tools of the server', () => {
    const p = guardsPlay([guard('hold', ['input'])])
    p.turn('u1')
    p.begins('r1')
    expect(p.words('r1', SENTENCE)).toEqual(['client response.output_audio_transcript.delta'])
    expect(p.upstream(ev.itemDone('r1', ev.call('k1', 'get_weather')))).toEqual([])
    p.heardAs('u1', 'good words')
    expect(p.says(PASS)).toEqual(['release r1 all', 'client relay.tool.started', 'start k1'])
  })

  it('that are spoken and blocked go, and the answer to them with its tools', () => {
    const p = guardsPlay([guard('hold', ['input'])])
    p.turn('u1')
    p.begins('r1')
    p.upstream(ev.itemDone('r1', ev.call('k1', 'get_weather')))
    p.heardAs('u1', 'bad words')
    const lines = p.says(BLOCK)
    expect(lines.slice(0, 2)).toEqual(['upstream conversation.item.delete', 'upstream response.cancel'])
    expect(lines).toContain('never r1')
    expect(lines).not.toContain('start k1')
    expect(p.ends('r1', 'cancelled')).toEqual(['client response.done', 'upstream conversation.item.delete'])
    expect(p.state.calls.server.get('k1')?.status).toBe('answered')
  })

  it.each([
    ['pass', ['release r1 all']],
    ['block', ['upstream conversation.item.delete', 'upstream response.cancel', 'never r1', 'client relay.blocked']],
  ] as const)('without a transcript: %s', (whenUnsure, lines) => {
    const p = guardsPlay([guard('hold', ['input'], { whenUnsure })])
    p.turn('u1')
    p.begins('r1')
    expect(p.tick(10_000, true)).toEqual(lines)
  })
})

describe('a session that moves', () => {
  it('takes along nothing that was held or asked here', () => {
    const p = guardsPlay([guard('hold', ['input', 'output'])])
    p.begins('r1')
    p.words('r1', SENTENCE)
    p.types('good words')
    expect(guardsElsewhere(p.state.guards)).toMatchObject({ asked: 2, words: [], turns: [], dropped: [], checks: [] })
  })
})
