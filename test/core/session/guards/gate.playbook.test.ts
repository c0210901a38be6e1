// Playbooks of guards at the gate of input: the relay asks for the answer once the user's words have passed.
import { describe, expect, it } from 'vitest'
import { updated } from '../../../support/playbook.js'
import { BLOCK, guard, guardsPlay, PASS } from './guards-play.js'

function gated() {
  const p = guardsPlay([guard('gate', ['input'])], { blockedLine: 'Say no.' })
  p.upstream(updated(p.state.profile))
  return p
}

describe('a spoken turn at the gate', () => {
  it('is answered by the relay, after the verdict', () => {
    const p = gated()
    expect(p.turn('u1')).toEqual(['client input_audio_buffer.committed'])
    expect(p.heardAs('u1', 'good words')).toContain('ask gate input')
    expect(p.says(PASS)).toEqual(['upstream response.create'])
    expect(p.begins('r1')).toContain('client response.created')
  })

  it('that is blocked is not answered: it goes, and a line is said', () => {
    const p = gated()
    p.turn('u1')
    p.heardAs('u1', 'bad words')
    expect(p.says(BLOCK)).toEqual(['upstream conversation.item.delete', 'client relay.blocked', 'upstream response.create'])
    expect(p.lastTo('upstream')).toMatchObject({ response: { conversation: 'none', instructions: 'Say no.' } })
  })

  it('that the client commits and wants answered waits for the same', () => {
    const p = gated()
    p.client({ type: 'input_audio_buffer.commit', event_id: 'c1' })
    expect(p.client({ type: 'response.create', event_id: 'c2' })).toEqual([])
    p.turn('u1')
    p.heardAs('u1', 'good words')
    expect(p.says(PASS)).toEqual(['upstream response.create'])
  })

  it('and that is blocked leaves the client with an error for its request', () => {
    const p = gated()
    p.client({ type: 'input_audio_buffer.commit', event_id: 'c1' })
    p.client({ type: 'response.create', event_id: 'c2' })
    p.turn('u1')
    p.heardAs('u1', 'bad words')
    expect(p.says(BLOCK)).toEqual(['upstream conversation.item.delete', 'client relay.blocked', 'client error', 'upstream response.create'])
    expect(p.allTo('client').at(-1)).toMatchObject({ error: { code: 'content_blocked', event_id: 'c2' } })
  })

  it('is never left waiting', () => {
    const p = gated()
    p.turn('u1')
    expect(p.tick(10_000, true)).toContain('upstream conversation.item.delete')
    expect(p.state.guards?.turns).toEqual([])
  })
})
