// Playbooks for the moments of a turn: what core tells of is what a user waits for, and nothing that is hidden from the wait.
import { describe, expect, it } from 'vitest'
import type { QuotaPolicy } from '../../../src/core/policy/quota.js'
import { NO_AMOUNTS } from '../../../src/core/policy/quota.js'
import type { Input } from '../../../src/core/session/inputs.js'
import { ev, type Play, play, tool } from '../../support/playbook.js'
import { callPlay } from './call/call-play.js'

const told = (p: Play, input: Input) => p.input(input).flatMap((action) => (action.type === 'moment' ? [(({ type: _, ...moment }) => moment)(action)] : []))
const upstream = (p: Play, event: object) => told(p, { type: 'upstream.event', leg: p.state.upstream.leg, event: event as never, frame: undefined })
const client = (p: Play, event: object) => told(p, { type: 'client.event', event: event as never })
const finished = (p: Play, callId: string) => told(p, { type: 'tool.finished', callId, output: 'x', ok: true, durationMs: 5 })
const heard = (type: string, itemId = 'u1') => ({ type: `input_audio_buffer.${type}`, event_id: 'e', item_id: itemId, audio_start_ms: 0, audio_end_ms: 900 })
/** The session in force detects turns, and answers them or leaves that to the client. */
function detecting(p: Play, answers: boolean): void {
  const session = { instructions: p.state.profile.instructions, tools: p.state.profile.tools.map((one) => one.definition) }
  upstream(p, { type: 'session.updated', event_id: 'e', session: { ...session, audio: { input: { turn_detection: { type: 'server_vad', create_response: answers } } } } })
}
const create = { type: 'response.create', event_id: 'mine' }
const done = (id: string, status: string, reason?: string) => ({
  ...ev.done(id),
  response: { ...ev.done(id).response, status, ...(reason && { status_details: { type: status, reason } }) },
})
const doneMoment = (responseId: string, end: string, goesOn = false) => ({ what: 'response_done', responseId, end, goesOn })

describe('a spoken turn', () => {
  it('is told from its speech to its answer', () => {
    const p = play()
    detecting(p, true)
    expect(upstream(p, heard('speech_started'))).toEqual([{ what: 'speech_started' }])
    expect(upstream(p, heard('speech_stopped'))).toEqual([{ what: 'speech_stopped', itemId: 'u1', answered: true }])
    expect(upstream(p, heard('committed'))).toEqual([{ what: 'committed', itemId: 'u1' }])
    expect(upstream(p, ev.created('r1'))).toEqual([{ what: 'response_created', responseId: 'r1' }])
    expect(upstream(p, { type: 'conversation.item.input_audio_transcription.completed', event_id: 'e', item_id: 'u1', content_index: 0, transcript: 'Hello' })).toEqual([
      { what: 'transcribed', itemId: 'u1' },
    ])
    expect(upstream(p, done('r1', 'completed'))).toEqual([doneMoment('r1', 'completed')])
  })

  it('that the client has to ask an answer for is told as such', () => {
    const p = play()
    detecting(p, false)
    expect(upstream(p, heard('speech_stopped'))).toEqual([{ what: 'speech_stopped', itemId: 'u1', answered: false }])
    expect(client(p, { type: 'input_audio_buffer.commit' })).toEqual([{ what: 'committed', itemId: undefined }])
    expect(client(p, create)).toEqual([{ what: 'response_asked' }])
  })

  it.each([
    ['cancelled', undefined, 'interrupted'],
    ['failed', undefined, 'failed'],
    ['of_next_year', undefined, 'failed'],
    ['incomplete', 'max_output_tokens', 'completed'],
    ['incomplete', 'content_filter', 'filtered'],
  ])('whose response is %s (%s) is %s', (status, reason, end) => {
    const p = play()
    upstream(p, ev.created('r1'))
    expect(upstream(p, done('r1', status, reason))).toEqual([doneMoment('r1', end)])
  })

  it('hears of a truncation that the client sends, and not of one that is refused', () => {
    const p = play()
    expect(client(p, { type: 'conversation.item.truncate', item_id: 'm', content_index: 0, audio_end_ms: 100 })).toEqual([{ what: 'truncated' }])
    expect(client(p, { type: 'conversation.item.truncate', item_id: 5 })).toEqual([])
  })
})

describe('a request', () => {
  it('is told if it is taken, and its refusal too', () => {
    const p = play()
    expect(client(p, create)).toEqual([{ what: 'response_asked' }])
    expect(upstream(p, ev.error('rate_limit_exceeded', 'mine'))).toEqual([{ what: 'response_refused' }])
    expect(client(p, { ...create, response: { conversation: 'none' } })).toEqual([])
  })

  it('is not refused by an error about something else', () => {
    const p = play()
    client(p, create)
    expect(upstream(p, ev.error('item_delete_invalid_item_id', 'other'))).toEqual([])
  })

  it('that waits for the quota is told once, and so is the quota that refuses it', () => {
    const quota: QuotaPolicy = { rules: [{ of: 'responses', per: 'day', max: 1 }], failOpen: false, currency: undefined }
    const p = play({ quota })
    const reserved = (responses: number, granted: boolean) =>
      told(p, { type: 'quota.reserved', answer: { granted, held: NO_AMOUNTS, usage: { day: { counters: { responses }, endsAt: 9e9 } } } })
    expect(client(p, create)).toEqual([{ what: 'response_asked' }])
    expect(reserved(0, true)).toEqual([])
    upstream(p, ev.created('r1'))
    upstream(p, done('r1', 'completed'))
    expect(client(p, create)).toEqual([{ what: 'response_asked' }])
    expect(reserved(1, false)).toEqual([{ what: 'response_refused' }])
  })
})

describe('tools', () => {
  const call = ev.call('c1', 'get_weather')

  it('of the relay: the turn goes on until the response that answers their results', () => {
    const p = play()
    upstream(p, ev.created('r1'))
    expect(upstream(p, ev.itemDone('r1', call))).toEqual([{ what: 'tool_started', by: 'relay' }])
    expect(upstream(p, ev.done('r1', [call]))).toEqual([doneMoment('r1', 'completed', true)])
    expect(finished(p, 'c1')).toEqual([{ what: 'tool_finished', by: 'relay' }])
    expect(upstream(p, ev.created('r2'))).toEqual([{ what: 'response_created', responseId: 'r2' }])
    expect(upstream(p, ev.done('r2'))).toEqual([doneMoment('r2', 'completed')])
  })

  it('of the client: its request goes on with the turn', () => {
    const p = play()
    const theirs = ev.call('c2', 'show_on_screen')
    upstream(p, ev.created('r1'))
    expect(upstream(p, ev.itemDone('r1', theirs))).toEqual([{ what: 'tool_started', by: 'client' }])
    expect(upstream(p, ev.done('r1', [theirs]))).toEqual([doneMoment('r1', 'completed', true)])
    expect(client(p, { type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'c2', output: 'x' } })).toEqual([{ what: 'tool_finished', by: 'client' }])
    expect(client(p, create)).toEqual([{ what: 'response_asked' }])
  })

  it('in the background are nothing that a user waits for', () => {
    const p = play({ tools: [{ ...tool('get_weather'), background: true }] })
    upstream(p, ev.created('r1'))
    expect(upstream(p, ev.itemDone('r1', call))).toEqual([])
    upstream(p, ev.done('r1', [call]))
    upstream(p, ev.created('r2'))
    expect(finished(p, 'c1')).toEqual([])
    expect(upstream(p, ev.done('r2'))).toEqual([doneMoment('r2', 'completed')])
  })

  it('that still run do not carry on a response that was broken off', () => {
    const p = play()
    upstream(p, ev.created('r1'))
    upstream(p, ev.itemDone('r1', call))
    upstream(p, ev.done('r1', [call]))
    upstream(p, ev.created('r2'))
    expect(upstream(p, done('r2', 'cancelled'))).toEqual([doneMoment('r2', 'interrupted')])
  })

  it('that take long: the line that is said meanwhile is no answer', () => {
    const p = play({ toolNoticeMs: 100, toolFiller: 'Say that you are looking.' })
    upstream(p, ev.created('r1'))
    upstream(p, ev.itemDone('r1', call))
    upstream(p, ev.done('r1', [call]))
    p.tick(200)
    const mark = (p.lastTo('upstream') as unknown as { response: { metadata: object } }).response.metadata
    expect(upstream(p, ev.created('f1', { metadata: mark }))).toEqual([])
    expect(upstream(p, { ...ev.done('f1'), response: { ...ev.done('f1').response, metadata: mark } })).toEqual([])
  })
})

describe('a WebRTC call', () => {
  it('is answered by the relay, and heard when the service begins to send', () => {
    const p = callPlay()
    expect(upstream(p, heard('speech_stopped'))).toEqual([{ what: 'speech_stopped', itemId: 'u1', answered: true }])
    upstream(p, heard('committed'))
    p.begins('r1')
    expect(upstream(p, { type: 'output_audio_buffer.started', event_id: 'e', response_id: 'r1' })).toEqual([{ what: 'playback_started', responseId: 'r1' }])
  })

  it('alone is heard so', () => {
    const p = play()
    upstream(p, ev.created('r1'))
    expect(upstream(p, { type: 'output_audio_buffer.started', event_id: 'e', response_id: 'r1' })).toEqual([])
  })
})

describe('nothing is told', () => {
  it('of a session whose client has gone', () => {
    const p = play()
    upstream(p, ev.created('r1'))
    p.input({ type: 'client.closed', code: 1000 })
    expect(p.state.life).toBe('parked')
    expect(upstream(p, done('r1', 'cancelled'))).toEqual([])
  })

  it('of a leg that is being told the conversation', () => {
    const p = play({ limits: { reconnectMs: 10_000 } as never })
    upstream(p, ev.created('r1'))
    p.input({ type: 'upstream.closed', leg: 1, code: 1006 })
    p.input({ type: 'upstream.opened', leg: 2, privateWords: [] })
    expect([p.state.restore === undefined, p.state.upstream.leg]).toEqual([false, 2])
    expect(upstream(p, heard('speech_started'))).toEqual([])
  })

  it('of a leg that is not the present one, nor of words', () => {
    const p = play()
    expect(told(p, { type: 'upstream.event', leg: 7, event: ev.created('r9') as never, frame: undefined })).toEqual([])
    upstream(p, ev.created('r1'))
    upstream(p, ev.itemAdded('r1', ev.message('m')))
    expect(upstream(p, { type: 'response.output_audio_transcript.delta', event_id: 'e', response_id: 'r1', item_id: 'm', output_index: 0, content_index: 0, delta: 'hi' })).toEqual(
      [],
    )
  })
})
