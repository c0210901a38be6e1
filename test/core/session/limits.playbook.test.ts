// What a session records of limits and usage: always before the client learns of it, and refusals as well as reports.
import { describe, expect, it } from 'vitest'
import type { Action } from '../../../src/core/session/state.js'
import { ev, play } from '../../support/playbook.js'

const refusal = { type: 'invalid_request_error', code: 'inference_rate_limit_exceeded', message: 'Wait.' }
const kinds = (actions: readonly Action[]) => actions.flatMap((action) => (action.do === 'note' ? [] : action.do === 'send' ? [`${action.to} ${action.event.type}`] : [action.do]))
const feed = (p: ReturnType<typeof play>, event: object) => kinds(p.input({ is: 'upstream.event', event: event as never, frame: undefined }))
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
    const actions = p.input({ is: 'upstream.event', event: { type: 'error', error: refusal } as never, frame: undefined })
    expect(kinds(actions)).toEqual(['record.limits', 'close'])
    expect(actions.at(-1)).toMatchObject({ code: 'rate_limited' })
  })
})
