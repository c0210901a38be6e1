// Playbooks for a client that asks for too much: responses, session updates and items, each refused with when to come back.
import { describe, expect, it } from 'vitest'
import type { RealtimeEvent } from '../../../src/core/protocol/events.js'
import { noRates, takeCall, takeViolation } from '../../../src/core/session/rates.js'
import { type Play, play, profile } from '../../support/playbook.js'

const LONG = { maxSessionMs: 1e9, idleTimeoutMs: 1e9 }
const playing = (limits: object = {}) => play({ limits: { ...LONG, ...limits } as never })
const create = { type: 'response.create', event_id: 'c1' }
const update = { type: 'session.update', event_id: 'c1', session: { type: 'realtime' } }
const item = { type: 'conversation.item.create', event_id: 'c1', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] } }

function passed(p: Play, event: object, times: number): number {
  return Array.from({ length: times }, () => p.client(event)).filter((lines) => lines[0]?.startsWith('upstream')).length
}
const error = (p: Play) => (p.lastTo('client') as RealtimeEvent).error

describe('response.create', () => {
  it('passes ten at once and one a second, by default', () => {
    const p = playing()
    expect(passed(p, create, 200)).toBe(10)
    expect(error(p)).toEqual({
      type: 'rate_limit_error',
      code: 'rate_limited',
      message: 'Too many responses were asked for. Retry after 1 s.',
      param: null,
      event_id: 'c1',
    })
    p.tick(999, true)
    expect(passed(p, create, 5)).toBe(0)
    p.tick(1000, true)
    expect(passed(p, create, 5)).toBe(1)
    p.tick(61_000, true)
    expect(passed(p, create, 200)).toBe(10)
  })

  it('says how long to wait where little is allowed', () => {
    const p = playing({ responsesPerMinute: 2 })
    expect(passed(p, create, 5)).toBe(2)
    expect(error(p)).toMatchObject({ message: 'Too many responses were asked for. Retry after 30 s.' })
    const q = playing({ responsesPerMinute: 0.5 })
    expect(passed(q, create, 5)).toBe(1)
    expect(error(q)).toMatchObject({ message: 'Too many responses were asked for. Retry after 120 s.' })
  })
})

describe('session.update', () => {
  it('passes twenty at once and one a second, by default', () => {
    const p = playing()
    expect(passed(p, update, 300)).toBe(20)
    expect(error(p)).toMatchObject({ code: 'rate_limited', message: 'The session was updated too often. Retry after 1 s.' })
    p.tick(2000, true)
    expect(passed(p, update, 300)).toBe(2)
  })
})

describe('items', () => {
  it('are counted over the whole session', () => {
    const p = playing({ maxItems: 3 })
    expect(passed(p, item, 5)).toBe(3)
    p.tick(1e8, true)
    expect(passed(p, item, 1)).toBe(0)
    expect(error(p)).toMatchObject({ code: 'rate_limited', param: 'item', message: 'This session has taken all the items it may. Start a new session.' })
  })

  it('that policy refuses are not counted', () => {
    const p = playing({ maxItems: 1, maxViolations: 100 })
    passed(p, { ...item, item: { type: 'message', role: 'system', content: [] } }, 3)
    expect(passed(p, item, 2)).toBe(1)
  })
})

describe('what is refused for its rate', () => {
  it('is no violation, and each kind has a bucket of its own', () => {
    const p = playing({ maxItems: 2 })
    expect([passed(p, create, 300), passed(p, update, 300), passed(p, item, 300)]).toEqual([10, 20, 2])
    expect(p.state).toMatchObject({ rates: { violations: undefined }, upstream: { phase: 'ready' } })
  })

  it('leaves audio alone', () => {
    const p = playing()
    passed(p, create, 300)
    expect(passed(p, { type: 'input_audio_buffer.append', audio: 'AAAA' }, 3000)).toBe(3000)
  })

  it('is counted under its own name', () => {
    const p = playing()
    passed(p, create, 10)
    const actions = p.input({ type: 'client.event', event: create })
    expect(actions).toContainEqual({ type: 'note', note: { type: 'event_refused', eventType: 'response.create', code: 'rate_limited' } })
  })
})

describe('bursts', () => {
  const limits = (change: object) => ({ ...profile().limits, ...change })
  /** How many pass at once. */
  const calls = (toolCallsPerMinute: number) => {
    let [rates, count] = [noRates, 0]
    for (;;) {
      const [after, ok] = takeCall(rates, limits({ toolCallsPerMinute }), 0)
      if (!ok) return count
      rates = after
      count++
    }
  }

  it('of tool calls are sixteen, or a quarter of a minute’s', () => {
    expect([calls(20), calls(64), calls(400)]).toEqual([16, 16, 100])
  })

  it('of violations are forgiven within five minutes, one after the other', () => {
    let rates = noRates
    const violation = (now: number) => {
      const [after, ok] = takeViolation(rates, limits({ maxViolations: 3 }), now)
      rates = after
      return ok
    }
    expect([violation(0), violation(0), violation(0), violation(99_999)]).toEqual([true, true, true, false])
    expect([violation(100_001), violation(100_001)]).toEqual([true, false])
  })

  it('that are over say when to come back, an hour at most', () => {
    const p = play({ limits: { responsesPerMinute: 0.001 } as never })
    p.client({ type: 'response.create' })
    p.client({ type: 'response.create' })
    expect(p.lastTo('client')?.error).toMatchObject({ message: 'Too many responses were asked for. Retry after 3600 s.' })
  })
})
