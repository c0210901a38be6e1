// Playbooks of an answer that is held while its upstream is lost, or its session moves: the words of its closing events are held too, and go or stay by the same verdict.
import { describe, expect, it } from 'vitest'
import type { Action } from '../../../../src/core/session/actions.js'
import { died, moved } from '../move/moving-play.js'
import { comesBack } from '../restore/lost-upstream.js'
import { BLOCK, guard, guardsPlay, PASS } from './guards-play.js'

const SENTENCE = 'This is a sentence that is long enough to be asked about at once.'
const SAID = [{ itemId: 'm_r1', text: SENTENCE, audioMs: 0 }]

const ways = {
  'whose upstream is lost': (p) => void p.input({ type: 'upstream.closed', leg: p.state.upstream.leg, code: 1006, said: SAID }),
  'whose session moves': (p) => {
    moved(p, SAID)
    p.open.length = 0
  },
  'whose instance dies': (p) => {
    died(p, SAID)
    p.open.length = 0
  },
} satisfies Record<string, (p: ReturnType<typeof guardsPlay>) => void>

function held() {
  const p = guardsPlay([guard('hold', ['output'])], {}, { limits: { resumeMs: 60_000, reconnectMs: 10_000 } as never })
  p.client({ type: 'relay.resume.enable' })
  p.input({ type: 'resume.offered', token: 'id.secret' })
  p.types('hello', 'u1')
  p.client({ type: 'response.create', event_id: 'c2' })
  p.begins('r1')
  const place = { event_id: 'e', response_id: 'r1', item_id: 'm_r1', output_index: 0, content_index: 0 }
  p.upstream({ type: 'response.content_part.added', ...place, part: { type: 'audio', transcript: '' } })
  p.words('r1', SENTENCE)
  const actions: Action[] = []
  const feed = p.input
  p.input = (input) => {
    const done = feed(input)
    actions.push(...done)
    return done
  }
  return { p, actions }
}

const worded = (actions: readonly Action[]) =>
  actions.flatMap((action) => (action.type === 'send' && action.to === 'client' && JSON.stringify(action.event).includes(SENTENCE) ? [action.gate] : []))
const released = (actions: readonly Action[]) => actions.some(({ type }) => type === 'output.release')

describe.each(Object.entries(ways))('a held answer %s', (_, loses) => {
  it('is closed behind the gate, and goes once it has passed', () => {
    const { p, actions } = held()
    loses(p)
    comesBack(p)
    const gates = worded(actions)
    expect(gates.length).toBeGreaterThan(3)
    for (const gate of gates) expect(gate).toMatchObject({ responseId: 'r1', mark: 1 })
    expect(released(actions)).toBe(false)
    p.says(PASS)
    expect(actions).toContainEqual({ type: 'output.release', responseId: 'r1', mark: 1 })
  })

  it('never goes if it is blocked, and the model loses it too', () => {
    const { p, actions } = held()
    loses(p)
    comesBack(p)
    p.says(BLOCK)
    expect(released(actions)).toBe(false)
    expect(actions).toContainEqual({ type: 'output.drop', responseId: 'r1' })
    expect(p.allTo('upstream')).toContainEqual(expect.objectContaining({ type: 'conversation.item.delete', item_id: 'm_r1' }))
  })
})
