// Playbooks for a token that runs out: the notice, and the new token that carries the session on or does not.
import { describe, expect, it } from 'vitest'
import { MAX_TOKEN_BYTES } from '../../../src/core/protocol/credentials.js'
import type { TokenOutcome } from '../../../src/core/session/token-term.js'
import { termFrom } from '../../../src/core/session/token-term.js'
import { ev, type Play, play } from '../../support/playbook.js'

const MINUTE = 60_000
const END = 10 * MINUTE
const LONG = { maxSessionMs: 1e9, idleTimeoutMs: 1e9 } as never
const refresh = (token: unknown = 'new.token', extra: object = {}) => ({ type: 'relay.token.refresh', event_id: 'c1', token, ...extra })
const opted = (expiresAt = END, phase: 'live' | 'connecting' = 'live') => play({ relayEvents: true, limits: LONG }, phase, expiresAt)
const valid = (expiresAt: number, subject = 'alice', issuer?: string): TokenOutcome => ({ ok: true, caller: { subject, issuer }, expiresAt, tokenId: 'token-2' })
const verified = (p: Play, outcome: TokenOutcome) => p.feed({ type: 'token.verified', outcome })

describe('the notice', () => {
  it('comes once, a minute before the end', () => {
    const p = opted()
    expect(p.tick(END - MINUTE - 1, true)).toEqual([])
    expect(p.tick(END - MINUTE, true)).toEqual(['client relay.token.expiring'])
    expect(p.lastTo('client')).toMatchObject({ type: 'relay.token.expiring', expires_at: END / 1000, event_id: expect.stringMatching(/^event_relay_/) })
    expect(p.tick(END - 1, true)).toEqual([])
    expect(p.tick(END, true)).toEqual(['close unauthenticated token_expired'])
  })

  it('comes half-way where the token lives less than two minutes', () => {
    const p = opted(40_000)
    expect(p.tick(19_999, true)).toEqual([])
    expect(p.tick(20_000, true)).toEqual(['client relay.token.expiring'])
  })

  it('is not sent to a client that did not ask for such events', () => {
    const p = play({ limits: LONG }, 'live', END)
    expect(p.tick(END - 1, true)).toEqual([])
    expect(p.tick(END, true)).toEqual(['close unauthenticated token_expired'])
  })

  it('waits for the session to be live, and comes in a drain too', () => {
    const p = opted(20_000, 'connecting')
    expect(p.tick(11_000)).toEqual(['close upstream_timeout still_connecting'])
    const q = opted()
    q.upstream(ev.created('r'))
    q.feed({ type: 'drain', untilMs: 1e9 })
    expect(q.tick(END - MINUTE)).toEqual(['client relay.token.expiring'])
  })
})

describe('a new token', () => {
  it('of the same caller carries the session on, and is followed by its own notice', () => {
    const p = opted()
    p.tick(END - MINUTE, true)
    expect(p.client(refresh())).toEqual(['verify new.token'])
    expect(verified(p, valid(2 * END))).toEqual(['use token-2', 'client relay.token.refreshed'])
    expect(p.lastTo('client')).toMatchObject({ type: 'relay.token.refreshed', expires_at: (2 * END) / 1000 })
    expect(p.tick(END, true)).toEqual([])
    expect(p.tick(2 * END - MINUTE - 1, true)).toEqual([])
    expect(p.tick(2 * END - MINUTE, true)).toEqual(['client relay.token.expiring'])
    expect(p.tick(2 * END, true)).toEqual(['close unauthenticated token_expired'])
  })

  it('never goes upstream', () => {
    const p = opted()
    const before = p.allTo('upstream').length
    p.client(refresh())
    verified(p, valid(2 * END))
    expect(p.allTo('upstream')).toHaveLength(before)
  })

  it('that lives shorter than the one before ends the session sooner: the session rests on it alone', () => {
    const p = opted()
    p.client(refresh())
    verified(p, valid(5 * MINUTE))
    expect(p.tick(5 * MINUTE, true)).toEqual(['close unauthenticated token_expired'])
  })

  it.each([
    ['of another subject', valid(2 * END, 'mallory'), 'forbidden', 'The token belongs to somebody else.'],
    ['of another issuer', valid(2 * END, 'alice', 'https://other.example'), 'forbidden', 'The token belongs to somebody else.'],
    ['that is not valid', { ok: false, code: 'unauthenticated' } as const, 'unauthenticated', 'The token is not valid.'],
    ['that could not be checked', { ok: false, code: 'internal' } as const, 'internal', 'The token could not be checked.'],
  ])('%s is refused and changes nothing', (_, outcome, code, message) => {
    const p = opted()
    p.client(refresh())
    expect(verified(p, outcome)).toEqual(['client error'])
    expect(p.lastTo('client')).toMatchObject({ error: { code, message, param: 'token', event_id: 'c1' } })
    expect(p.state.token.expiresAt).toBe(END)
    expect(p.client(refresh())).toEqual(['verify new.token'])
    expect(p.tick(END, true)).toEqual(['close unauthenticated token_expired'])
  })

  it.each([[7], [''], [{}], [null], ['x'.repeat(MAX_TOKEN_BYTES + 1)]])('must be a string of sane length: %#', (token) => {
    const p = opted()
    expect(p.client(refresh(token))).toEqual(['client error'])
    expect(p.lastTo('client')).toMatchObject({ error: { code: 'bad_event', param: 'token', event_id: 'c1' } })
    expect(p.client(refresh('x'.repeat(MAX_TOKEN_BYTES)))).toEqual([`verify ${'x'.repeat(MAX_TOKEN_BYTES)}`])
  })

  it('must be there', () => {
    const p = opted()
    expect(p.client({ type: 'relay.token.refresh' })).toEqual(['client error'])
    expect(p.lastTo('client')).toMatchObject({ error: { code: 'bad_event', param: 'token', event_id: null } })
  })

  it('comes one at a time', () => {
    const p = opted()
    p.client(refresh('one'))
    expect(p.client(refresh('two', { event_id: 'c2' }))).toEqual(['client error'])
    expect(p.lastTo('client')).toMatchObject({ error: { code: 'rate_limited', event_id: 'c2', message: 'Another token is being checked. Retry after 1 s.' } })
    verified(p, valid(2 * END))
    expect(p.state.token.expiresAt).toBe(2 * END)
    expect(verified(p, valid(9 * END))).toEqual([])
    expect(p.state.token.expiresAt).toBe(2 * END)
  })

  it('comes three at once and one every ten seconds', () => {
    const p = opted()
    const attempt = () => {
      const lines = p.client(refresh())
      verified(p, { ok: false, code: 'internal' })
      return lines[0]
    }
    expect([attempt(), attempt(), attempt(), attempt()]).toEqual(['verify new.token', 'verify new.token', 'verify new.token', 'client error'])
    expect(p.lastTo('client')).toMatchObject({ error: { code: 'rate_limited', message: 'Too many tokens were sent. Retry after 10 s.' } })
    p.tick(10_000, true)
    expect(attempt()).toBe('verify new.token')
  })

  it('is an unknown event for a client that did not ask for the relay’s own', () => {
    const p = play()
    expect(p.client(refresh())).toEqual(['client error'])
    expect(p.lastTo('client')).toMatchObject({ error: { code: 'event_not_allowed', param: 'type' } })
  })

  it('that is guessed too often ends the session', () => {
    const p = play({ relayEvents: true, limits: { maxViolations: 2, maxSessionMs: 1e9, idleTimeoutMs: 1e9 } as never })
    const guess = (at: number) => {
      p.tick(at, true)
      p.client(refresh())
      return verified(p, { ok: false, code: 'unauthenticated' })
    }
    expect(guess(10_000)).toEqual(['client error'])
    expect(guess(20_000)).toEqual(['client error'])
    expect(guess(30_000)).toEqual(['client error', 'close bad_event too_many_violations'])
  })

  it('that is found valid after the session has ended does nothing', () => {
    const p = opted()
    p.client(refresh())
    p.tick(END, true)
    expect(verified(p, valid(2 * END))).toEqual([])
  })
})

it('the end of a token is announced a minute before, after half of what is left if that is sooner, or at once', () => {
  const noticeAt = (now: number, expiresAt: number) => termFrom(now, expiresAt).noticeAt
  expect(noticeAt(1_000_000, 2_000_000)).toBe(1_940_000)
  expect(noticeAt(1_000_000, 1_030_000)).toBe(1_015_000)
  expect(noticeAt(1_000_000, 999_000)).toBe(999_000)
})
