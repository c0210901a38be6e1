// Playbooks of guards that observe or cut: words flow, a block interrupts, and typed words that were blocked leave the conversation.
import { describe, expect, it } from 'vitest'
import { ev } from '../../../support/playbook.js'
import { BLOCK, guard, guardsPlay, NONE, notes, PASS } from './guards-play.js'

const SENTENCE = 'This is a sentence that is long enough to be asked about at once.'

describe('a guard that observes', () => {
  it('is asked about the first sentence, then about the rest, and stops nothing', () => {
    const p = guardsPlay([guard('observe', ['output'])])
    p.begins('r1')
    expect(p.words('r1', 'Hello ')).toEqual(['client response.output_audio_transcript.delta'])
    expect(p.words('r1', 'there.')).toEqual(['client response.output_audio_transcript.delta', 'ask observe output'])
    expect(p.open.map(({ text }) => text)).toEqual(['Hello there.'])
    expect(p.says(BLOCK)).toEqual([])
    p.words('r1', ' And more')
    expect(p.open).toEqual([])
    expect(p.ends('r1')).toEqual(['client response.done', 'ask observe output'])
    expect(p.open.map(({ text }) => text)).toEqual(['Hello there. And more'])
    p.says(PASS)
    expect(p.state.guards).toMatchObject({ blocks: 0, words: [], checks: [] })
  })

  it('notes what it found in what the user typed, which goes upstream at once', () => {
    const p = guardsPlay([guard('observe', ['input'])])
    expect(p.types('bad words')).toEqual(['ask observe input', 'upstream conversation.item.create'])
    const [asked] = p.open
    expect(notes(p.input({ type: 'guard.verdict', id: asked?.id ?? 0, verdict: BLOCK }))).toEqual(['guard_tripped'])
    expect(p.allTo('client').some(({ type }) => type === 'error' || type === 'relay.blocked')).toBe(false)
  })
})

describe('a guard that cuts answers', () => {
  it('interrupts one that is blocked: it is cancelled, the client sees it so, the item goes, and a line is said', () => {
    const p = guardsPlay([guard('cut', ['output'])], { blockedLine: 'Say that you cannot talk about it.' })
    p.begins('r1')
    expect(p.words('r1', SENTENCE)).toEqual(['client response.output_audio_transcript.delta', 'ask cut output'])
    expect(p.says(BLOCK)).toEqual(['upstream response.cancel', 'never r1', 'client relay.blocked'])
    expect(p.lastTo('client')).toEqual({ type: 'relay.blocked', event_id: expect.any(String), side: 'output', category: 'hate', message: 'Not here.' })
    expect(p.words('r1', 'more')).toEqual([])
    expect(p.upstream(ev.done('r1', [ev.message('m_r1', SENTENCE)], 'cancelled'))).toEqual([
      'client response.done',
      'upstream conversation.item.delete',
      'upstream response.create',
    ])
    expect(p.allTo('client').at(-1)).toMatchObject({ response: { id: 'r1', status: 'cancelled', output: [], status_details: { reason: 'content_filter' } } })
    expect(p.lastTo('upstream')).toMatchObject({ response: { conversation: 'none', tools: [], tool_choice: 'none', instructions: 'Say that you cannot talk about it.' } })
    expect(p.upstream({ type: 'conversation.item.deleted', event_id: 'e', item_id: 'm_r1' })).toEqual(['client conversation.item.deleted'])
  })

  it('touches no newer answer with a late verdict', () => {
    const p = guardsPlay([guard('cut', ['output'])])
    p.begins('r1')
    p.words('r1', SENTENCE)
    p.ends('r1')
    p.begins('r2')
    expect(p.says(BLOCK)).toEqual(['never r1', 'client relay.blocked', 'upstream conversation.item.delete'])
    expect(p.words('r2', 'Fine.')).toContain('client response.output_audio_transcript.delta')
  })

  it.each(['pass', 'block'] as const)('without an answer does what is said for it: %s', (whenUnsure) => {
    const p = guardsPlay([guard('cut', ['output'], { whenUnsure })])
    p.begins('r1')
    p.words('r1', SENTENCE)
    expect(p.says(NONE).includes('upstream response.cancel')).toBe(whenUnsure === 'block')
  })

  it('does not wait for ever', () => {
    const p = guardsPlay([guard('cut', ['output'])])
    p.begins('r1')
    p.words('r1', SENTENCE)
    expect(p.tick(15_000, true)).toContain('upstream response.cancel')
    expect(p.state.guards?.checks).toEqual([])
  })

  it('ends the session after so many blocks', () => {
    const p = guardsPlay([guard('cut', ['output'])], { maxBlocks: 2 })
    for (const id of ['r1', 'r2']) {
      p.begins(id)
      p.words(id, SENTENCE)
      const lines = p.says(BLOCK)
      expect(lines.includes('park content_blocked too_many_blocks')).toBe(id === 'r2')
      if (id === 'r1') p.ends(id, 'cancelled')
    }
  })

  it('deletes typed words that are blocked, cuts off the answer to them, and says so by an error', () => {
    const p = guardsPlay([guard('cut', ['input'])])
    expect(p.types('bad words')).toEqual(['ask cut input', 'upstream conversation.item.create'])
    p.client({ type: 'response.create', event_id: 'c2' })
    p.begins('r1')
    expect(p.says(BLOCK)).toEqual(['upstream conversation.item.delete', 'upstream response.cancel', 'never r1', 'client error', 'client relay.blocked'])
    expect(p.allTo('client').find(({ type }) => type === 'error')).toMatchObject({ error: { code: 'content_blocked', message: 'Not here.' } })
    expect(p.ends('r1', 'cancelled')).toEqual(['client response.done'])
  })

  it('cuts off the answer to blocked words that begins only after the verdict, and no other', () => {
    const p = guardsPlay([guard('cut', ['input'])])
    p.types('bad words')
    p.client({ type: 'response.create', event_id: 'c2' })
    p.says(BLOCK)
    expect(p.begins('r1')).toContain('upstream response.cancel')
    p.ends('r1', 'cancelled')
    p.client({ type: 'response.create', event_id: 'c3' })
    expect(p.begins('r2')).not.toContain('upstream response.cancel')
  })

  it('asks several guards in order, and the first that blocks decides', () => {
    const p = guardsPlay([guard('cut', ['output'], { name: 'one' }), guard('cut', ['output'], { name: 'two' })])
    p.begins('r1')
    p.words('r1', SENTENCE)
    expect(p.open.map((one) => one.guard)).toEqual(['one'])
    expect(p.says(PASS)).toEqual(['ask two output'])
    expect(p.says(BLOCK)).toContain('upstream response.cancel')
  })
})
