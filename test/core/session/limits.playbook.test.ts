// What a session records of limits and usage: always before the client learns of it, and refusals as well as reports.
import { describe, expect, it } from 'vitest'
import type { Action } from '../../../src/core/session/actions.js'
import { ev, play, profile, updated } from '../../support/playbook.js'

const refusal = { type: 'invalid_request_error', code: 'inference_rate_limit_exceeded', message: 'Wait.' }
const kinds = (actions: readonly Action[]) =>
  actions.flatMap((action) => (action.type === 'note' || action.type === 'moment' ? [] : action.type === 'send' ? [`${action.to} ${action.event.type}`] : [action.type]))
const feed = (p: ReturnType<typeof play>, event: object) => kinds(p.input({ type: 'upstream.event', leg: 1, event: event as never, frame: undefined }))
const done = (status: string, rest: object) => {
  const made = ev.done('r', [], status)
  return { ...made, response: { ...made.response, ...rest } }
}

describe('recording comes before the client sees response.done', () => {
  it('for usage', () => {
    const p = play({ tools: [] })
    feed(p, ev.created('r'))
    expect(feed(p, done('completed', { usage: { total_tokens: 5 } }))).toEqual(['record.usage', 'client response.done'])
  })

  it('for a response of server-run tools, which the client never sees', () => {
    const p = play()
    feed(p, ev.created('r'))
    const made = ev.done('r', [ev.call('c', 'get_weather')])
    expect(feed(p, { ...made, response: { ...made.response, usage: { total_tokens: 5 } } })).toEqual(['record.usage', 'tool.start'])
  })

  it('for a response that failed at a limit', () => {
    const p = play({ tools: [] })
    feed(p, ev.created('r'))
    expect(feed(p, done('failed', { status_details: { type: 'failed', error: refusal }, usage: { total_tokens: 5 } }))).toEqual([
      'record.usage',
      'record.limits',
      'client response.done',
    ])
    expect(feed(p, done('failed', { status_details: { type: 'failed', error: { code: 'server_error' } } }))).toEqual(['client response.done'])
  })
})

describe('a refusal by a limit is recorded', () => {
  it('as an error of a live session, also where the error is about our own event', () => {
    const p = play()
    const error = { ...ev.error('rate_limit_exceeded'), error: { ...refusal, code: 'rate_limit_exceeded' } }
    expect(feed(p, error)).toEqual(['record.limits', 'client error'])
    const own = { ...error, error: { ...error.error, event_id: 'relay_0123456789_7' } }
    expect(feed(p, own)).toEqual(['record.limits'])
    expect(feed(p, ev.error('invalid_value'))).toEqual(['client error'])
  })

  it('as the answer to the opening, and the client is told to come back later', () => {
    const p = play({}, 'connecting')
    const actions = p.input({ type: 'upstream.event', leg: 1, event: { type: 'error', error: refusal } as never, frame: undefined })
    expect(kinds(actions)).toEqual(['record.limits', 'close'])
    expect(actions.at(-1)).toMatchObject({ code: 'rate_limited' })
  })
})

describe('transcripts', () => {
  const completed = { type: 'conversation.item.input_audio_transcription.completed', event_id: 'e', item_id: 'item_1', content_index: 0, transcript: 'hello' }

  it('are booked before the client sees them, under item and part', () => {
    const p = play()
    const usage = { type: 'duration', seconds: 3 }
    const actions = p.input({ type: 'upstream.event', leg: 1, event: { ...completed, usage } as never, frame: undefined })
    expect(kinds(actions)).toEqual(['record.transcription', `client ${completed.type}`])
    expect(actions[0]).toEqual({ type: 'record.transcription', itemId: 'item_1', contentIndex: 0, usage })
  })

  it('without usage are passed on', () => {
    expect(feed(play(), completed)).toEqual([`client ${completed.type}`])
    expect(feed(play(), { ...completed, usage: null })).toEqual([`client ${completed.type}`])
  })
})

describe('the audio of the session in force', () => {
  const session = (audio: object) => {
    const event = updated(profile())
    return { ...event, session: { ...(event.session as object), audio } }
  }
  const media = (p: ReturnType<typeof play>, audio: object) =>
    p.input({ type: 'upstream.event', leg: 1, event: session(audio) as never, frame: undefined }).flatMap((action) => (action.type === 'media' ? [action.media] : []))

  it('is told whenever it may have changed', () => {
    const p = play()
    expect(media(p, {})).toEqual([{ inputBytesPerSecond: 48_000, outputBytesPerSecond: 48_000, transcriptionModel: undefined }])
    const input = { format: { type: 'audio/pcmu' }, transcription: { model: 'whisper-1' } }
    expect(media(p, { input, output: { format: { type: 'audio/pcm', rate: 16_000 } } })).toEqual([
      { inputBytesPerSecond: 8_000, outputBytesPerSecond: 32_000, transcriptionModel: 'whisper-1', inputLaw: 'pcmu' },
    ])
    expect(media(p, { input: { transcription: null }, output: { format: { type: 'audio/pcm', rate: -1 } } })).toEqual([
      { inputBytesPerSecond: 48_000, outputBytesPerSecond: 48_000, transcriptionModel: undefined },
    ])
  })

  it('is told at the start', () => {
    const p = play({}, 'connecting')
    p.upstream({ type: 'session.created', event_id: 'e', session: {} })
    const actions = p.input({ type: 'upstream.event', leg: 1, event: session({ input: { format: { type: 'audio/pcma' } } }) as never, frame: undefined })
    expect(actions).toContainEqual({ type: 'media', media: { inputBytesPerSecond: 8_000, outputBytesPerSecond: 48_000, transcriptionModel: undefined, inputLaw: 'pcma' } })
  })
})
