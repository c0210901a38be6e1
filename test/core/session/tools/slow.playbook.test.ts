// Playbooks for tools that take long: when the client is told, when the model says its line, and what happens to everything else meanwhile.
import { describe, expect, it } from 'vitest'
import type { Action } from '../../../../src/core/session/actions.js'
import { dueAt } from '../../../../src/core/session/budget.js'
import { slowToolsDueAt } from '../../../../src/core/session/tools/slow.js'
import { ev, PREFIX, play } from '../../../support/playbook.js'

const SLOW = { toolNoticeMs: 1500, toolFiller: 'Say in a few words that you are looking it up.' }
const call = ev.call('call_1', 'get_weather')

/** A response that called one tool is over, and the tool has been at work since time 1000. */
function waiting(own: Parameters<typeof play>[0] = SLOW): ReturnType<typeof play> {
  const p = play(own)
  p.tick(1000)
  p.upstream(ev.created('resp_1'))
  p.upstream(ev.itemDone('resp_1', call))
  p.upstream(ev.done('resp_1', [call]))
  return p
}

/** The line has begun as `resp_line`. */
function speaking(own?: Parameters<typeof play>[0]): ReturnType<typeof play> {
  const p = waiting(own)
  p.tick(2500)
  p.upstream(lineCreated(p))
  return p
}

const lastUp = (p: ReturnType<typeof play>, type: string) => p.allTo('upstream').findLast((event) => event.type === type)
const markOf = (p: ReturnType<typeof play>) => p.allTo('upstream').findLast((event) => event.type === 'response.create' && markIn(event))
const markIn = (event: object) => (event as { response?: { metadata?: object } }).response?.metadata
const lineEvent = (p: ReturnType<typeof play>, type: string, status: string) => ({
  type,
  response: { id: 'resp_line', status, output: [], metadata: markIn(markOf(p) ?? {}), ...(type === 'response.done' ? { usage: { total_tokens: 7 } } : {}) },
})
const lineCreated = (p: ReturnType<typeof play>) => lineEvent(p, 'response.created', 'in_progress')
const lineDone = (p: ReturnType<typeof play>, status = 'completed') => lineEvent(p, 'response.done', status)

describe('the line', () => {
  it('is asked for out of band once the tool has been at work for that long, without tools and with the profile’s words', () => {
    const p = waiting()
    expect(p.tick(2499)).toEqual([])
    expect(p.tick(2500)).toEqual(['upstream response.create'])
    expect(p.lastTo('upstream')).toMatchObject({ response: { conversation: 'none', tools: [], tool_choice: 'none', instructions: SLOW.toolFiller } })
    expect(p.tick(60_000)).not.toContain('upstream response.create')
  })

  it('is shown as a response of its own, without the relay’s mark, and its usage is counted', () => {
    const p = speaking()
    expect(p.lastTo('client')).toMatchObject({ type: 'response.created', response: { id: 'resp_line', metadata: null } })
    expect(p.upstream({ type: 'response.output_audio.delta', response_id: 'resp_line', item_id: 'item_line', delta: 'AAAA' })).toEqual(['client response.output_audio.delta'])
    const done = p.input({ type: 'upstream.event', leg: 1, event: lineDone(p) as never, frame: undefined })
    expect(done).toContainEqual({ type: 'record.usage', responseId: 'resp_line', usage: { total_tokens: 7 } })
    expect(p.lastTo('client')).toMatchObject({ type: 'response.done', response: { metadata: null } })
    expect(JSON.stringify(p.allTo('client'))).not.toMatch(new RegExp(`relay_filler|${PREFIX}`))
  })

  it('holds the answer back until it is over', () => {
    const p = speaking()
    expect(p.toolFinished('call_1', 'sunny')).toEqual(['upstream conversation.item.create'])
    expect(p.upstream(lineDone(p))).toEqual(['client response.done', 'upstream response.create'])
    expect(p.lastTo('upstream')).not.toHaveProperty('response.conversation')
  })

  it('that never ends is cancelled after eight seconds, and the answer comes', () => {
    const p = speaking()
    p.toolFinished('call_1', 'sunny')
    expect(p.tick(10_499)).toEqual([])
    expect(p.tick(10_500)).toEqual(['upstream response.cancel', 'upstream response.create'])
  })

  it('that the upstream refuses is not heard of, and the answer comes', () => {
    const p = waiting()
    p.tick(2500)
    p.toolFinished('call_1', 'sunny')
    expect(p.upstream({ type: 'error', error: { type: 'invalid_request_error', code: 'x', message: 'no', event_id: lastUp(p, 'response.create')?.event_id } })).toEqual([
      'upstream response.create',
    ])
  })

  it('is not asked for when the tool was quick, while the user speaks, or while a response is under way', () => {
    const quick = waiting()
    quick.toolFinished('call_1', 'sunny')
    expect(quick.tick(2500)).toEqual([])
    const heard = waiting()
    heard.upstream({ type: 'input_audio_buffer.speech_started' })
    expect(heard.tick(2500)).toEqual([])
    const busy = waiting()
    busy.upstream(ev.created('resp_2'))
    expect(busy.tick(2500)).toEqual([])
  })

  it('is not asked for by a profile without one', () => {
    expect(waiting({ toolNoticeMs: 1500 }).tick(2500)).toEqual([])
    expect(waiting({}).tick(60_000)).toEqual([])
  })

  it.each([
    ['speech', (p: ReturnType<typeof play>) => p.upstream({ type: 'input_audio_buffer.speech_started' }), ['upstream response.cancel', 'client input_audio_buffer.speech_started']],
    ['a create of the client', (p: ReturnType<typeof play>) => p.client({ type: 'response.create' }), ['upstream response.cancel', 'upstream response.create']],
  ] as const)('is cut off by %s', (_what, by, seen) => {
    const p = speaking()
    expect(by(p)).toEqual(seen)
    expect(lastUp(p, 'response.cancel')).toMatchObject({ response_id: 'resp_line' })
    expect(p.upstream(lineDone(p, 'cancelled'))).toEqual(['client response.done'])
  })

  it('cut off before it began is cancelled as soon as it begins', () => {
    const p = waiting()
    p.tick(2500)
    expect(p.upstream({ type: 'input_audio_buffer.speech_started' })).toEqual(['client input_audio_buffer.speech_started'])
    expect(p.upstream(lineCreated(p))).toEqual(['client response.created', 'upstream response.cancel'])
  })

  it('is cancelled alone by a client that names it', () => {
    const p = speaking()
    expect(p.client({ type: 'response.cancel', response_id: 'resp_line' })).toEqual(['upstream response.cancel'])
    expect(p.lastTo('upstream')).toMatchObject({ response_id: 'resp_line' })
    expect(p.client({ type: 'response.cancel', response_id: 'resp_line' })).toEqual([])
    p.upstream(lineDone(p, 'cancelled'))
    expect(p.toolFinished('call_1', 'sunny')).toContain('upstream response.create')
  })

  it('is in the modalities that the answer was asked for in', () => {
    const asked = (response?: object) => {
      const p = play(SLOW)
      p.tick(1000)
      p.client({ type: 'response.create', ...(response && { response }) })
      p.upstream(ev.created('resp_1'))
      p.upstream(ev.itemDone('resp_1', call))
      p.upstream(ev.done('resp_1', [call]))
      p.tick(2500)
      return p.lastTo('upstream')?.response
    }
    expect(asked({ output_modalities: ['text'] })).toMatchObject({ conversation: 'none', output_modalities: ['text'] })
    expect(asked()).not.toHaveProperty('output_modalities')
  })

  it('is noted like any response', () => {
    const notes = (actions: readonly Action[]) => actions.flatMap((action) => (action.type === 'note' ? [action.note] : []))
    const p = waiting()
    p.tick(2500)
    const told = (event: object) => notes(p.input({ type: 'upstream.event', leg: 1, event: event as never, frame: undefined }))
    expect(told(lineCreated(p))).toEqual([{ type: 'response_started', responseId: 'resp_line' }])
    expect(told(lineDone(p))).toEqual([{ type: 'response_done', responseId: 'resp_line', model: 'gpt-realtime', status: 'completed', usage: { total_tokens: 7 } }])
  })

  it('that begins after its time is cancelled, and shown without the relay’s mark', () => {
    const p = waiting()
    p.tick(2500)
    const late = lineCreated(p)
    p.tick(10_500)
    expect(p.upstream(late)).toEqual(['client response.created', 'upstream response.cancel'])
    expect(p.upstream({ ...late, type: 'response.done', response: { ...late.response, status: 'cancelled' } })).toEqual(['client response.done'])
  })

  it('is due, with its end, when time says so', () => {
    const p = waiting()
    expect(dueAt(p.state)).toBe(2500)
    p.tick(2500)
    expect(slowToolsDueAt(p.state)).toBe(10_500)
    p.toolFinished('call_1')
    expect(slowToolsDueAt(p.state)).toBe(10_500)
    p.upstream(lineCreated(p))
    p.upstream(lineDone(p))
    expect(slowToolsDueAt(p.state)).toBe(Number.POSITIVE_INFINITY)
    expect(slowToolsDueAt(waiting({ toolNoticeMs: 1500 }).state)).toBe(Number.POSITIVE_INFINITY)
    expect(slowToolsDueAt(waiting({ toolNoticeMs: 1500, relayEvents: true }).state)).toBe(2500)
  })

  it('is cancelled, and its use still booked, when the client leaves', () => {
    const p = speaking()
    expect(p.feed({ type: 'client.closed', code: 1000 })).toEqual(['cancel call_1', 'park client_left client_left', 'upstream response.cancel'])
    expect(p.lastTo('upstream')).toMatchObject({ response_id: 'resp_line' })
    expect(p.input({ type: 'upstream.event', leg: 1, event: lineDone(p, 'cancelled') as never, frame: undefined }).map(({ type }) => type)).toEqual([
      'note',
      'record.usage',
      'close',
    ])
    const asked = waiting()
    asked.tick(2500)
    expect(asked.feed({ type: 'client.closed', code: 1000 })).toEqual(['cancel call_1', 'park client_left client_left'])
    expect(asked.upstream(lineCreated(asked))).toEqual(['upstream response.cancel'])
    expect(asked.upstream(lineDone(asked, 'cancelled'))).toEqual(['close client_left settled'])
  })

  it('and the tools are cancelled by the client’s cancel', () => {
    const p = speaking()
    expect(p.client({ type: 'response.cancel' })).toEqual(expect.arrayContaining(['upstream response.cancel', 'cancel call_1']))
    expect(p.allTo('upstream').filter((event) => event.type === 'response.cancel')).toHaveLength(1)
    // Nothing is left that another could be about.
    expect(p.client({ type: 'response.cancel' })).toEqual([])
  })
})

describe('the client', () => {
  it('is told of a tool only once it takes long', () => {
    const p = waiting({ toolNoticeMs: 1500, relayEvents: true })
    expect(p.allTo('client').filter((event) => event.type.startsWith('relay.'))).toEqual([])
    expect(p.tick(2500)).toEqual(['client relay.tool.started'])
    expect(p.tick(5000)).toEqual([])
    expect(p.toolFinished('call_1')).toContain('client relay.tool.finished')
  })

  it('hears nothing of a quick one', () => {
    const p = waiting({ toolNoticeMs: 1500, relayEvents: true })
    expect(p.toolFinished('call_1').filter((one) => one.includes('relay.tool'))).toEqual([])
    expect(p.tick(2500)).toEqual([])
  })
})
