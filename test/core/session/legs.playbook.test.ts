// Playbooks for a session's legs: when the upstream is dialled, when it is switched to, whose words count, and what each end of a side means.
import { describe, expect, it } from 'vitest'
import type { Input } from '../../../src/core/session/inputs.js'
import { lanesFor } from '../../../src/core/session/lanes.js'
import { lanesOf, openingState } from '../../../src/core/session/state.js'
import { step } from '../../../src/core/session/step.js'
import { ev, PREFIX, play, profile, updated } from '../../support/playbook.js'

const seed = { profile: profile(), relayIdPrefix: PREFIX, requestedModel: undefined, now: 0, caller: { subject: 'alice', issuer: undefined }, expiresAt: 1e12 }

describe('the first leg', () => {
  it('is dialled when the client is attached, and switched to when it is open', () => {
    const [attached, dial] = step(openingState(seed), { type: 'client.attached' }, 0)
    expect(dial).toEqual([{ type: 'dial', leg: 1, reason: 'first', urgent: true }])
    expect(attached.upstream).toEqual({ phase: 'dialling', leg: 1 })
    const [opened, actions] = step(attached, { type: 'upstream.opened', leg: 1, privateWords: ['deployment'] }, 0)
    expect(actions).toEqual([{ type: 'switch', leg: 1 }])
    expect(opened.privateWords).toEqual(['deployment'])
  })

  it('that cannot be dialled ends the session with what the dial was told', () => {
    const [attached] = step(openingState(seed), { type: 'client.attached' }, 0)
    const [ended, actions] = step(attached, { type: 'upstream.failed', leg: 1, code: 'rate_limited', why: 'http_429', retryAfterSeconds: 7 }, 5)
    expect(actions).toEqual([{ type: 'close', code: 'rate_limited', why: 'http_429', retryAfterSeconds: 7 }])
    expect(ended.life).toBe('closed')
  })
})

describe('a leg that the session has left, or never had', () => {
  it.each<Input>([
    { type: 'upstream.opened', leg: 2, privateWords: ['other'] },
    { type: 'upstream.failed', leg: 0, code: 'upstream_refused', why: 'unreachable' },
    { type: 'upstream.event', leg: 2, event: ev.created('r'), frame: undefined } as unknown as Input,
    { type: 'upstream.event', leg: 0, event: updated(profile()), frame: undefined },
    { type: 'upstream.closed', leg: 2, code: 1001 },
  ])('changes nothing: $type of leg $leg', (input) => {
    const p = play()
    const before = p.state
    expect(p.input(input)).toEqual([])
    expect(p.state).toBe(before)
  })
})

describe('the end of a side', () => {
  it.each([
    [{ type: 'client.closed', code: 1006 }, 'close client_left client_left'],
    [{ type: 'stalled', side: 'client' }, 'close slow_client no_progress'],
    [{ type: 'stalled', side: 'upstream' }, 'close upstream_lost no_progress'],
    [{ type: 'upstream.closed', leg: 1, code: 1001 }, 'close session_over upstream_session_over'],
    [{ type: 'upstream.closed', leg: 1, code: 1006 }, 'close upstream_lost upstream_closed'],
    [{ type: 'end', code: 'unauthenticated', why: 'token_revoked' }, 'close unauthenticated token_revoked'],
  ] satisfies readonly (readonly [Input, string])[])('%o ends the session once', (input, line) => {
    const p = play()
    expect(p.feed(input)).toEqual([line])
    expect(p.state.life).toBe('closed')
    expect(lanesOf(p.state)).toEqual({ client: 'drop', upstream: 'drop' })
    for (const again of [input, { type: 'client.closed', code: 1000 } as const, { type: 'tick', clientActiveAt: 0 } as const]) expect(p.feed(again)).toEqual([])
  })

  it('stops the tools that are at work', () => {
    const p = play()
    p.upstream(ev.created('r'))
    p.upstream(ev.itemDone('r', ev.call('c', 'get_weather')))
    p.upstream(ev.done('r', [ev.call('c', 'get_weather')]))
    expect(p.feed({ type: 'client.closed', code: 1001 })).toEqual(['cancel c', 'close client_left client_left'])
  })
})

describe('lanes', () => {
  it.each([
    ['open', 'dialling', 'hold', 'parse'],
    ['open', 'configuring', 'hold', 'parse'],
    ['open', 'ready', 'pass', 'pass'],
    ['open', 'lost', 'hold', 'drop'],
    ['draining', 'ready', 'pass', 'pass'],
    ['closed', 'ready', 'drop', 'drop'],
    ['closed', 'dialling', 'drop', 'drop'],
    ['parked', 'ready', 'drop', 'parse'],
  ] as const)('%s, upstream %s: client %s, upstream %s', (life, phase, client, upstream) => {
    expect(lanesFor(life, phase, false)).toEqual({ client, upstream })
  })

  it('let no audio of the client pass unseen once the quota is used up', () => {
    expect(lanesFor('open', 'ready', true)).toEqual({ client: 'parse', upstream: 'pass' })
    expect(lanesFor('open', 'configuring', true)).toEqual({ client: 'hold', upstream: 'parse' })
    expect(lanesFor('closed', 'ready', true)).toEqual({ client: 'drop', upstream: 'drop' })
  })
})
