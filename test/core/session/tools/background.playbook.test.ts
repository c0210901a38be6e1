// Playbooks for background tools: told at once, answered late, spoken about when the floor is free.
import { describe, expect, it } from 'vitest'
import { ev, type Play, PREFIX, play, tool } from '../../../support/playbook.js'

const report = ev.call('call_1', 'make_report')

/** The tool runs, the model has said so, and the floor is free. */
function inBackground(change: Parameters<typeof play>[0] = {}): Play {
  const p = play({ tools: [{ ...tool('make_report'), background: true }, tool('get_weather')], ...change })
  p.upstream(ev.created('resp_1'))
  expect(p.upstream(ev.itemDone('resp_1', report))).toEqual(['start call_1', 'upstream conversation.item.create'])
  expect(p.lastTo('upstream')?.item).toMatchObject({ type: 'function_call_output', call_id: 'call_1', output: 'The tool is running; its result will follow.' })
  expect(p.upstream(ev.done('resp_1', [report]))).toEqual(['upstream response.create'])
  p.upstream(ev.created('resp_2'))
  p.upstream(ev.done('resp_2', [ev.message('m')]))
  return p
}

const creates = (p: Play) => p.allTo('upstream').filter((event) => event.type === 'response.create').length

/** The result as the upstream confirms it. */
const confirmed = (p: Play) => ev.added(p.allTo('upstream').findLast((event) => event.type === 'conversation.item.create')?.item as object, 'm')

describe('the result', () => {
  it('comes as a hidden item of the system, and a response follows', () => {
    const p = inBackground()
    expect(p.toolFinished('call_1', '42 pages')).toEqual(['upstream conversation.item.create', 'upstream response.create'])
    const item = p.allTo('upstream').at(-2)?.item
    expect(item).toEqual({
      id: expect.stringContaining(PREFIX),
      type: 'message',
      role: 'system',
      content: [{ type: 'input_text', text: 'Result of the tool make_report (call call_1):\n42 pages' }],
    })
    expect(p.upstream(confirmed(p))).toEqual([])
    p.upstream(ev.created('resp_3'))
    expect(p.upstream(ev.done('resp_3', [ev.message('m3')]))).toEqual(['client response.created', 'client response.done'])
    expect(p.toolFinished('call_1', 'again')).toEqual([])
  })

  it('during a response waits for its end', () => {
    const p = inBackground()
    p.upstream(ev.created('resp_vad'))
    expect(p.toolFinished('call_1')).toEqual(['upstream conversation.item.create'])
    p.upstream(confirmed(p))
    expect(p.upstream(ev.done('resp_vad', [ev.message('v')]))).toContain('upstream response.create')
  })

  it('while the user speaks waits for the answer to the user, which has it in view', () => {
    const p = inBackground()
    p.upstream({ type: 'input_audio_buffer.speech_started', item_id: 'u', audio_start_ms: 1 })
    expect(p.toolFinished('call_1')).toEqual(['upstream conversation.item.create'])
    p.upstream(confirmed(p))
    p.upstream({ type: 'input_audio_buffer.speech_stopped', item_id: 'u', audio_end_ms: 2 })
    p.upstream({ type: 'input_audio_buffer.committed', item_id: 'u', previous_item_id: 'm' })
    p.upstream(ev.created('resp_vad'))
    const before = creates(p)
    expect(p.upstream(ev.done('resp_vad', [ev.message('v')]))).toEqual(['client response.created', 'client response.done'])
    expect(creates(p)).toBe(before)
    expect(p.state.responses.unanswered.size).toBe(0)
  })

  it('is spoken about, and a request that the client makes meanwhile is its own: it goes after that', () => {
    const p = inBackground()
    expect(p.toolFinished('call_1')).toEqual(['upstream conversation.item.create', 'upstream response.create'])
    expect(p.client({ type: 'response.create', event_id: 'mine' })).toEqual([])
    p.upstream(ev.created('resp_3'))
    expect(p.upstream(ev.done('resp_3', [ev.message('m3')])).at(-1)).toBe('upstream response.create')
    expect(p.lastTo('upstream')).toEqual({ type: 'response.create', event_id: 'mine' })
  })

  it('while the user speaks, who then takes it back, is spoken about', () => {
    const p = inBackground()
    p.upstream({ type: 'input_audio_buffer.speech_started', item_id: 'u', audio_start_ms: 1 })
    p.toolFinished('call_1')
    expect(p.upstream({ type: 'input_audio_buffer.cleared' })).toEqual(['client input_audio_buffer.cleared', 'upstream response.create'])
  })

  it('that a response did not have in view is spoken about after it', () => {
    const p = inBackground()
    p.upstream({ type: 'input_audio_buffer.speech_started', item_id: 'u', audio_start_ms: 1 })
    p.toolFinished('call_1')
    p.upstream({ type: 'input_audio_buffer.committed', item_id: 'u', previous_item_id: 'm' })
    p.upstream(ev.created('resp_vad'))
    expect(p.upstream(ev.done('resp_vad', [ev.message('v')]))).toContain('upstream response.create')
  })
})

it('a cancelled response does not concern it', () => {
  const p = play({ tools: [{ ...tool('make_report'), background: true }] })
  p.upstream(ev.created('resp_1'))
  p.upstream(ev.itemDone('resp_1', report))
  expect(p.upstream(ev.done('resp_1', [report], 'cancelled'))).not.toContain('cancel call_1')
  expect(p.toolFinished('call_1')).toEqual(['upstream conversation.item.create', 'upstream response.create'])
})

it('it counts among the tools at work, keeps the session from idling, and ends with it', () => {
  const p = inBackground({ limits: { toolMaxConcurrent: 1, idleTimeoutMs: 1000 } as never })
  p.upstream(ev.created('resp_3'))
  expect(p.upstream(ev.itemDone('resp_3', ev.call('call_2', 'get_weather')))).toEqual([])
  p.upstream(ev.done('resp_3', [], 'cancelled'))
  expect(p.tick(5000)).toEqual([])
  expect(p.feed({ type: 'upstream.closed', leg: 1, code: 1006 })).toEqual(['cancel call_1', 'close upstream_lost upstream_closed'])
})

it('a drain waits for it, and for what the model says about it', () => {
  const p = inBackground()
  expect(p.feed({ type: 'drain', untilMs: 60_000 })).toEqual([])
  expect(p.toolFinished('call_1')).toEqual(['upstream conversation.item.create', 'upstream response.create'])
  p.upstream(ev.created('resp_3'))
  expect(p.upstream(ev.done('resp_3', [ev.message('m3')]))).toEqual(['client response.created', 'client response.done', 'close draining drained'])
})

it('results that call the tool again end at the limit of rounds', () => {
  const p = play({ tools: [{ ...tool('make_report'), background: true }], limits: { toolMaxRounds: 2 } as never })
  for (let round = 0; round < 3; round++) {
    const call = ev.call(`call_${round}`, 'make_report')
    p.upstream(ev.created(`resp_${round}`))
    p.upstream(ev.itemDone(`resp_${round}`, call))
    p.toolFinished(`call_${round}`)
    p.upstream(ev.done(`resp_${round}`, [call]))
  }
  expect(p.lastTo('upstream')).toMatchObject({ type: 'response.create', response: { tool_choice: 'none' } })
})
