// Playbooks for the keys of a telephone: which tools get them, when the model reads them, and that nobody else does.
import { describe, expect, it } from 'vitest'
import type { Action } from '../../../../src/core/session/actions.js'
import { ev, type Play } from '../../../support/playbook.js'
import { callPlay } from '../call/call-play.js'
import { answered, asked, calls, mannered, pass, SILENCE, turn } from './manners-play.js'

const press = (p: Play, keys: string) => [...keys].flatMap((key) => p.input({ type: 'key', key }))
/** What a tool called by the next response is given. */
function given(p: Play, id: string): string | undefined {
  const call = ev.call(`call_${id}`, 'get_weather')
  p.upstream(ev.created(id))
  const actions = p.input({ type: 'upstream.event', leg: 1, event: ev.itemDone(id, call) as never, frame: undefined })
  p.upstream(ev.done(id, [call]))
  p.toolFinished(`call_${id}`)
  answered(p, `${id}_answer`)
  return actions.find((action): action is Extract<Action, { type: 'tool.start' }> => action.type === 'tool.start')?.keys
}
const items = (p: Play) => p.allTo('upstream').filter((event) => event.type === 'conversation.item.create')

describe('keys for tools', () => {
  it('are those since the last turn, and those before the turn that is answered', () => {
    const p = mannered({ keys: 'tools' })
    expect(given(p, 'resp_0')).toBeUndefined()
    expect(press(p, '1234#')).toEqual([])
    expect(given(p, 'resp_1')).toBe('1234#')
    p.now = 10_000
    turn(p, 'resp_2')
    press(p, '5')
    expect(given(p, 'resp_3')).toBe('1234#5')
    p.now = 20_000
    turn(p, 'resp_4')
    expect(given(p, 'resp_5')).toBe('5')
    p.now = 30_000
    turn(p, 'resp_6')
    expect(given(p, 'resp_7')).toBeUndefined()
  })

  it('survive turns that are their own tones', () => {
    const p = mannered({ keys: 'tools' })
    for (const key of '1234') {
      p.now += 1000
      press(p, key)
      turn(p, `tone_${key}`)
    }
    expect(given(p, 'resp_1')).toBe('1234')
  })

  it('are sixty-four at most, the last ones', () => {
    const p = mannered({ keys: 'tools' })
    press(p, `${'1'.repeat(60)}23456789`)
    expect(given(p, 'resp_1')).toBe(`${'1'.repeat(56)}23456789`)
  })

  it('never reach the model, the client, or a note', () => {
    const p = mannered({ keys: 'tools' })
    expect(press(p, '4929#')).toEqual([])
    expect(pass(p, 60_000)).toEqual([])
    expect(items(p)).toEqual([])
  })

  it.each(['', '12', 'E', 'a', '１', '\n'])('are no keys if they are %j', (key) => {
    const p = mannered({ keys: 'tools' })
    p.input({ type: 'key', key })
    expect(given(p, 'resp_1')).toBeUndefined()
  })

  it('are dropped if the profile says nothing of them', () => {
    const p = mannered({ hangUp: true })
    expect(press(p, '1')).toEqual([])
    expect(given(p, 'resp_1')).toBeUndefined()
  })
})

describe('keys for the model', () => {
  it('are told after two seconds without one, as what the user says, and answered', () => {
    const p = mannered({ keys: 'model' })
    press(p, '12')
    pass(p, 1500)
    press(p, '3')
    expect(pass(p, 3499)).toEqual([])
    expect(pass(p, 3500)).toEqual(['upstream conversation.item.create', 'upstream response.create'])
    expect(items(p)[0]?.item).toMatchObject({ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Keys pressed: 1 2 3' }] })
    expect(given(p, 'resp_1')).toBe('123')
    expect(pass(p, 60_000)).toEqual([])
  })

  it('are told at once after #', () => {
    const p = mannered({ keys: 'model' })
    press(p, '42#')
    expect(items(p)[0]?.item).toMatchObject({ content: [{ text: 'Keys pressed: 4 2 #' }] })
    press(p, '1#')
    expect(items(p)[1]?.item).toMatchObject({ content: [{ text: 'Keys pressed: 1 #' }] })
  })

  it('wait for their answer while another is under way', () => {
    const p = mannered({ keys: 'model' })
    p.upstream(ev.created('resp_1'))
    press(p, '1#')
    expect(asked(p)).toEqual([])
    p.upstream(ev.done('resp_1', [ev.message('m')]))
    expect(asked(p)).toHaveLength(1)
  })

  it('are not shown to the client', () => {
    const p = mannered({ keys: 'model' })
    press(p, '7#')
    expect(p.upstream(ev.added(items(p)[0]?.item as object))).toEqual([])
  })

  it('call a hang-up off', () => {
    const p = mannered({ keys: 'model', hangUp: true })
    calls(p, 'resp_1', ev.call('call_h', 'hang_up'), true)
    press(p, '9#')
    expect(pass(p, 30_000).filter((line) => line.startsWith('close'))).toEqual([])
  })
})

it('a key is a sign of the user', () => {
  const p = mannered({ silence: SILENCE })
  pass(p, 4000)
  press(p, '1')
  expect(pass(p, 8900)).toEqual([])
  expect(pass(p, 9100)).toEqual(['upstream response.create'])
})

it('in a call keys come over the sideband, and are not shown to its client', () => {
  const p = callPlay('media-only', { manners: { keys: 'model' } })
  expect(p.upstream({ type: 'input_audio_buffer.dtmf_event_received', event: '5', received_at: 1 })).toEqual([])
  expect(p.upstream({ type: 'input_audio_buffer.dtmf_event_received', event: '#', received_at: 2 })).toEqual(['upstream conversation.item.create', 'upstream response.create'])
  const actions = p.input({ type: 'upstream.event', leg: 1, event: { type: 'input_audio_buffer.dtmf_event_received', event: '8' } as never, frame: undefined })
  expect(JSON.stringify(actions)).not.toContain('8')
})
