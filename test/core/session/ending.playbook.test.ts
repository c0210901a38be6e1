// Playbooks for a session whose client has gone while something it used is unknown: what is still listened to, and how it ends.
import { describe, expect, it } from 'vitest'
import { ev, play } from '../../support/playbook.js'
import { lose, restorable } from './restore/lost-upstream.js'

const usage = { total_tokens: 9, input_tokens: 5, output_tokens: 4 }
const done = (id: string, status = 'cancelled', used: object | null = usage) => {
  const event = ev.done(id, [], status)
  return { ...event, response: { ...event.response, usage: used } }
}
const left = (p: ReturnType<typeof play>) => p.feed({ type: 'client.closed', code: 1000 })

describe('a parked session', () => {
  it('ends when the answer is over, with what that used', () => {
    const p = play()
    p.upstream(ev.created('r'))
    expect(left(p)).toEqual(['park client_left client_left', 'upstream response.cancel'])
    expect(p.state.life).toBe('parked')
    const actions = p.input({ type: 'upstream.event', leg: 1, event: done('r') as never, frame: undefined })
    expect(actions.map((action) => action.type)).toEqual(['note', 'record.usage', 'close'])
  })

  it('hears nothing but the upstream, and sends nothing to the client', () => {
    const p = play({ relayEvents: true })
    p.upstream(ev.created('r'))
    p.upstream(ev.itemDone('r', ev.call('c', 'get_weather')))
    expect(left(p)).toEqual(['cancel c', 'park client_left client_left', 'upstream response.cancel'])
    expect(p.client({ type: 'response.create' })).toEqual([])
    expect(p.toolFinished('c')).toEqual([])
    expect(p.feed({ type: 'drain', untilMs: 60_000 })).toEqual([])
    expect(p.upstream(ev.itemDone('r', ev.call('c2', 'get_time')))).toEqual([])
    expect(p.upstream({ type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'i', audio_start_ms: 0 })).toEqual([])
  })

  it('is ended at once by whatever ends it again', () => {
    const p = play()
    p.upstream(ev.created('r'))
    left(p)
    expect(p.feed({ type: 'end', code: 'unauthenticated', why: 'token_revoked' })).toEqual(['estimate 0+4096', 'close unauthenticated token_revoked'])
  })

  it('is none while the upstream is lost, since nobody could tell what was used', () => {
    const p = restorable()
    p.upstream(ev.created('r'))
    lose(p)
    expect(left(p)).toEqual(['estimate 0+4096', 'close client_left client_left'])
  })

  it('waits for an answer that was asked for, and cancels it when it begins', () => {
    const p = play()
    p.client({ type: 'response.create' })
    expect(left(p)).toEqual(['park client_left client_left'])
    expect(p.upstream(ev.created('late'))).toEqual(['upstream response.cancel'])
    expect(p.upstream(done('late'))).toEqual(['close client_left settled'])
  })

  it('estimates an answer that was cut off without a word about its use', () => {
    const p = play()
    p.upstream(ev.created('r'))
    left(p)
    expect(p.upstream(done('r', 'cancelled', null))).toEqual(['estimate 0+4096', 'close client_left settled'])
  })

  it('books nothing for an answer that failed', () => {
    const p = play()
    p.upstream(ev.created('r'))
    left(p)
    expect(p.upstream(done('r', 'failed', null))).toEqual(['close client_left settled'])
  })

  it.each([
    ['its time is over', (p: ReturnType<typeof play>) => p.tick(5000)],
    ['the upstream is lost', (p: ReturnType<typeof play>) => p.feed({ type: 'upstream.closed', leg: 1, code: 1006 })],
    ['the relay stops', (p: ReturnType<typeof play>) => p.feed({ type: 'end', code: 'draining', why: 'drain_deadline' })],
  ])('ends with an estimate if %s', (_name, ends) => {
    const p = play({ session: { max_output_tokens: 300 } })
    p.upstream(ev.created('first'))
    p.upstream(done('first', 'completed', { total_tokens: 900, input_tokens: 700, output_tokens: 200 }))
    p.upstream(ev.created('r'))
    left(p)
    expect(p.tick(4999)).toEqual([])
    const lines = ends(p)
    expect(lines[0]).toBe('estimate 700+300')
    expect(lines).toHaveLength(2)
    expect(p.state.life).toBe('closed')
  })
})

it('a session without an answer under way ends at once', () => {
  expect(left(play())).toEqual(['close client_left client_left'])
})
