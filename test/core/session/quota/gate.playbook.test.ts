// Sessions under a quota: a response starts only after what is left was looked at, spoken turns are answered by us, and order is kept.
import { describe, expect, it } from 'vitest'
import { NO_AMOUNTS, type QuotaPolicy, type QuotaUsage } from '../../../../src/core/policy/quota.js'
import type { RealtimeEvent } from '../../../../src/core/protocol/events.js'
import type { Action } from '../../../../src/core/session/actions.js'
import { dueAt } from '../../../../src/core/session/budget.js'
import type { QuotaCause } from '../../../../src/core/session/quota/state.js'
import { lanesOf } from '../../../../src/core/session/state.js'
import { ev, type Play, play, profile, updated } from '../../../support/playbook.js'

const POLICY: QuotaPolicy = {
  rules: [
    { of: 'responses', per: 'minute', max: 2 },
    { of: 'money', per: 'day', max: 1 },
  ],
  failOpen: true,
  currency: 'USD',
}
const under = (change: Partial<QuotaPolicy> = {}, rest = {}) => play({ tools: [], relayEvents: true, ...rest, quota: { ...POLICY, ...change } })
const usage = (responses: number, money = 0): QuotaUsage => ({
  minute: { counters: { responses }, endsAt: 60_000 },
  day: { counters: { cost_usd: money }, endsAt: 86_400_000 },
})
const seen = (actions: readonly Action[]) =>
  actions.flatMap((action) =>
    action.type === 'send'
      ? [`${action.to} ${action.event.type}`]
      : action.type === 'quota.ask'
        ? ['ask']
        : action.type === 'quota.reserve'
          ? ['reserve']
          : action.type === 'quota.release'
            ? ['release']
            : [],
  )
const client = (p: Play, event: object) => seen(p.input({ type: 'client.event', event: event as never }))
const upstream = (p: Play, event: object) => seen(p.input({ type: 'upstream.event', leg: 1, event: event as never, frame: undefined }))
const known = (p: Play, left: QuotaUsage | undefined, { held = 0, granted = true } = {}) =>
  seen(p.input({ type: 'quota.reserved', answer: left && { usage: left, held: { ...NO_AMOUNTS, responses: held }, granted } }))
const told = (p: Play, left: QuotaUsage | undefined, cause: QuotaCause = 'response') => seen(p.input({ type: 'quota.left', usage: left, cause }))
const create = { type: 'response.create', event_id: 'mine' }
const item = (id: string) => ({ type: 'conversation.item.create', item: { id, type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] } })
const committed = { type: 'input_audio_buffer.committed', event_id: 'e', item_id: 'item_1', previous_item_id: null }
const finish = (p: Play, id: string) => [...upstream(p, ev.created(id)), ...upstream(p, ev.done(id))]

describe('the client’s response.create', () => {
  it('goes at once where there is no quota', () => {
    expect(client(play({ tools: [] }), create)).toEqual(['upstream response.create'])
  })

  it('waits until it is known what is left, then goes as it came', () => {
    const p = under()
    expect(client(p, create)).toEqual(['reserve'])
    expect(known(p, usage(1))).toEqual(['upstream response.create'])
    expect(p.lastTo('upstream')).toEqual(create)
  })

  it('keeps what the client sends after it behind it, in order', () => {
    const p = under()
    client(p, create)
    expect(client(p, item('a'))).toEqual([])
    expect(client(p, { type: 'response.cancel' })).toEqual([])
    expect(known(p, usage(0))).toEqual(['upstream response.create', 'upstream conversation.item.create', 'upstream response.cancel'])
    expect(client(p, item('b'))).toEqual(['upstream conversation.item.create'])
  })

  it('asks again for a second one among what waited, and what follows that waits too', () => {
    const p = under()
    client(p, create)
    client(p, item('a'))
    client(p, create)
    client(p, item('b'))
    expect(known(p, usage(0))).toEqual(['upstream response.create', 'upstream conversation.item.create', 'reserve'])
    expect(known(p, usage(1))).toEqual(['upstream response.create', 'upstream conversation.item.create'])
  })

  it('is refused for a minute, with the time to come back, and what follows goes on', () => {
    const p = under()
    p.tick(20_500)
    client(p, create)
    client(p, item('a'))
    expect(known(p, usage(2))).toEqual(['client error', 'upstream conversation.item.create', 'release'])
    const error = p.allTo('client').find((event) => event.type === 'error')
    expect(error?.error).toEqual({
      type: 'rate_limit_error',
      code: 'rate_limited',
      message: 'The quota of responses per minute is used up. Retry after 40 s.',
      param: null,
      event_id: 'mine',
    })
  })

  it('is refused for the day when the money is spent, however often it asks', () => {
    const p = under()
    for (let i = 0; i < 8; i++) {
      client(p, create)
      expect(known(p, usage(0, 1.01))).toEqual(['client error', 'release'])
    }
    expect(p.lastTo('client')?.error).toMatchObject({ code: 'budget_spent', message: expect.stringContaining('The quota of money per day is used up. Retry after') })
    expect(p.state.upstream.phase).toBe('ready')
  })

  it('goes while nobody can tell what is left, or is refused, as the operator wants', () => {
    const open = under()
    client(open, create)
    expect(known(open, undefined)).toEqual(['upstream response.create'])
    const closed = under({ failOpen: false })
    client(closed, create)
    expect(known(closed, undefined)).toEqual(['client error', 'release'])
    expect(closed.lastTo('client')?.error).toMatchObject({ code: 'rate_limited', message: 'The quota cannot be checked now. Retry after 5 s.' })
  })

  it('does not let a client fill the memory while it waits', () => {
    const p = under()
    client(p, create)
    for (let i = 0; i < 64; i++) expect(client(p, { type: 'input_audio_buffer.clear' })).toEqual([])
    expect(client(p, { type: 'input_audio_buffer.clear' })).toEqual(['client error'])
    expect(known(p, usage(0))).toHaveLength(65)
  })

  it('an answer nobody waits for changes nothing', () => {
    const p = under()
    expect(known(p, usage(9))).toEqual([])
    expect(client(p, create)).toEqual(['reserve'])
  })
})

describe('spoken turns', () => {
  const turnsOf = (event: RealtimeEvent | undefined) => (event?.session as { audio?: { input?: { turn_detection?: unknown } } } | undefined)?.audio?.input?.turn_detection

  it('are taken from the upstream with the very first update, and the client does not notice', () => {
    const p = play({ tools: [], quota: POLICY }, 'connecting')
    p.upstream({ type: 'session.created', event_id: 'e', session: {} })
    expect(turnsOf(p.lastTo('upstream'))).toEqual({ type: 'server_vad', create_response: false })
    const now = updated(profile({ tools: [] }))
    p.upstream({ ...now, session: { ...(now.session as object), audio: { input: { turn_detection: { type: 'server_vad', threshold: 0.5, create_response: false } } } } })
    expect(turnsOf(p.lastTo('client'))).toEqual({ type: 'server_vad', threshold: 0.5, create_response: true })
  })

  it('keep what the server or the client says of them', () => {
    const semantic = { type: 'semantic_vad', eagerness: 'low' }
    const p = play({ tools: [], quota: POLICY, session: { audio: { input: { turn_detection: semantic } } } }, 'connecting')
    p.upstream({ type: 'session.created', event_id: 'e', session: {} })
    expect(turnsOf(p.lastTo('upstream'))).toEqual({ ...semantic, create_response: false })
    const live = under()
    const wish = (turns: unknown) => {
      client(live, { type: 'session.update', session: { type: 'realtime', audio: { input: { turn_detection: turns } } } })
      return turnsOf(live.lastTo('upstream'))
    }
    expect(wish({ type: 'server_vad', silence_duration_ms: 300 })).toEqual({ type: 'server_vad', silence_duration_ms: 300, create_response: false })
    expect(wish(null)).toBeNull()
    client(live, { type: 'session.update', session: { type: 'realtime', output_modalities: ['text'] } })
    expect(turnsOf(live.lastTo('upstream'))).toBeUndefined()
  })

  it('are answered by us, after a look at what is left', () => {
    const p = under()
    expect(upstream(p, committed)).toEqual([`client ${committed.type}`, 'reserve'])
    expect(known(p, usage(1))).toEqual(['upstream response.create'])
    expect(p.lastTo('upstream')).toEqual({ type: 'response.create', event_id: 'relay_0123456789_2' })
    expect(finish(p, 'r')).toEqual(['client response.created', 'client response.done', 'ask', 'release'])
  })

  it('are not answered when the quota is used up: the client is told why', () => {
    const p = under()
    upstream(p, committed)
    expect(known(p, usage(2))).toEqual(['client error', 'release'])
    expect(p.lastTo('client')?.error).toMatchObject({ code: 'rate_limited', event_id: null })
  })

  it('wait for an active response, and are answered once after it', () => {
    const p = under({}, { relayEvents: false })
    client(p, create)
    known(p, usage(0))
    upstream(p, ev.created('r1'))
    expect(upstream(p, committed)).toEqual([`client ${committed.type}`])
    expect(upstream(p, committed)).toEqual([`client ${committed.type}`])
    expect(upstream(p, ev.done('r1'))).toEqual(['client response.done', 'ask', 'release', 'reserve'])
    expect(known(p, usage(1))).toEqual(['upstream response.create'])
    expect(finish(p, 'r2')).toEqual(['client response.created', 'client response.done', 'ask', 'release'])
  })

  it('that the client committed itself are its own to answer', () => {
    const p = under({}, { relayEvents: false })
    client(p, { type: 'input_audio_buffer.commit' })
    expect(upstream(p, committed)).toEqual([`client ${committed.type}`])
    client(p, { type: 'input_audio_buffer.commit' })
    upstream(p, ev.error('input_audio_buffer_commit_empty'))
    expect(upstream(p, committed), 'this one is voice detection’s').toEqual([`client ${committed.type}`, 'reserve'])
  })

  it('and one of two commits that comes to nothing is that one alone', () => {
    const p = under({}, { relayEvents: false })
    for (let n = 0; n < 2; n++) client(p, { type: 'input_audio_buffer.commit' })
    upstream(p, ev.error('input_audio_buffer_commit_empty'))
    expect(upstream(p, committed)).toEqual([`client ${committed.type}`])
    expect(upstream(p, committed)).toEqual([`client ${committed.type}`, 'reserve'])
  })

  it('are left alone where the client wants no answers', () => {
    const p = under()
    client(p, { type: 'session.update', session: { type: 'realtime', audio: { input: { turn_detection: { type: 'server_vad', create_response: false } } } } })
    expect(upstream(p, committed)).toEqual([`client ${committed.type}`])
  })

  it('are none of ours without a quota', () => {
    expect(upstream(play({ tools: [] }), committed)).toEqual([`client ${committed.type}`])
  })
})

describe('what is left', () => {
  it('is told to a client that asked for relay events, after each response it sees', () => {
    const p = under()
    client(p, create)
    known(p, usage(0))
    expect(finish(p, 'r')).toEqual(['client response.created', 'client response.done', 'ask', 'release'])
    expect(told(p, usage(1, 0.9))).toEqual(['client relay.quota'])
    expect(p.lastTo('client')).toEqual({
      type: 'relay.quota',
      event_id: expect.stringMatching(/^event_relay_/),
      quota: [
        { of: 'responses', per: 'minute', max: 2, used: 1, remaining: 1, resets_at: 60, low: false },
        { of: 'money', per: 'day', max: 1, used: 0.9, remaining: 0.1, resets_at: 86_400, low: true },
      ],
    })
  })

  it('is told to nobody else, nor when it is not known', () => {
    const quiet = under({}, { relayEvents: false })
    client(quiet, create)
    known(quiet, usage(0))
    expect(finish(quiet, 'r')).toEqual(['client response.created', 'client response.done', 'ask', 'release'])
    expect(told(quiet, usage(1)), 'asked, but not told').toEqual([])
    const p = under()
    client(p, create)
    known(p, usage(0))
    finish(p, 'r')
    expect(told(p, undefined)).toEqual([])
  })

  it('is told on request, also while a response waits, and where there is no quota', () => {
    const p = under()
    expect(client(p, { type: 'relay.quota.get', event_id: 'g' })).toEqual(['ask'])
    expect(client(p, create)).toEqual(['reserve'])
    expect(client(p, { type: 'relay.quota.get' })).toEqual(['ask'])
    expect(told(p, usage(1), { eventId: 'g' }), 'the response still waits for its own answer').toEqual(['client relay.quota'])
    expect(known(p, usage(1))).toEqual(['upstream response.create'])
    const free = play({ tools: [], relayEvents: true })
    expect(client(free, { type: 'relay.quota.get' })).toEqual(['client relay.quota'])
    expect(free.lastTo('client')).toMatchObject({ quota: [] })
  })

  it('is refused when nobody can tell, when asked for too often, and to a client that did not ask for relay events', () => {
    const p = under()
    client(p, { type: 'relay.quota.get', event_id: 'g' })
    expect(told(p, undefined, { eventId: 'g' })).toEqual(['client error'])
    expect(p.lastTo('client')?.error).toMatchObject({ code: 'rate_limited', message: 'The quota cannot be checked now. Retry after 5 s.', event_id: 'g' })
    for (let i = 0; i < 4; i++) expect(client(p, { type: 'relay.quota.get' })).toEqual(['ask'])
    expect(client(p, { type: 'relay.quota.get', event_id: 'h' })).toEqual(['client error'])
    expect(p.lastTo('client')?.error).toMatchObject({ code: 'rate_limited', message: 'The quota was asked for too often. Retry after 2 s.', event_id: 'h' })
    p.tick(2_000)
    expect(client(p, { type: 'relay.quota.get' })).toEqual(['ask'])
    const quiet = under({}, { relayEvents: false })
    expect(client(quiet, { type: 'relay.quota.get', event_id: 'g' })).toEqual(['client error'])
    expect(quiet.lastTo('client')?.error).toMatchObject({ code: 'event_not_allowed' })
  })

  it('is low from where the rule says', () => {
    const p = under({ rules: [{ of: 'responses', per: 'minute', max: 10, warnAt: 0.5 }] })
    told(p, usage(4))
    expect(p.lastTo('client')).toMatchObject({ quota: [{ remaining: 6, low: false }] })
    told(p, usage(5))
    expect(p.lastTo('client')).toMatchObject({ quota: [{ remaining: 5, low: true }] })
  })
})

describe('what a response holds', () => {
  const reserved = (p: Play, event: object) => p.input({ type: 'client.event', event: event as never }).find((action) => action.type === 'quota.reserve')

  it('is what the last one read, and at most what it may say', () => {
    const p = under({}, { relayEvents: false, clientMaySet: new Set(['max_output_tokens']) })
    expect(reserved(p, create)).toEqual({ type: 'quota.reserve', input: 0, output: 4096 })
    known(p, usage(0))
    upstream(p, ev.created('r'))
    const done = ev.done('r')
    upstream(p, { ...done, response: { ...done.response, usage: { input_tokens: 700, output_tokens: 5, total_tokens: 705 } } })
    expect(reserved(p, { type: 'response.create', response: { max_output_tokens: 50 } })).toEqual({ type: 'quota.reserve', input: 700, output: 50 })
  })

  it('is the server’s cap, where the client cannot lift it', () => {
    const capped = { relayEvents: false, session: { max_output_tokens: 300 } }
    expect(reserved(under({}, capped), create)).toMatchObject({ output: 300 })
    expect(reserved(under({}, { ...capped, clientMaySet: new Set(['max_output_tokens']) }), create)).toMatchObject({ output: 4096 })
    expect(reserved(under({}, { ...capped, session: { max_output_tokens: 'inf' } }), create)).toMatchObject({ output: 4096 })
  })

  it('keeps another one from starting, which is told to come back soon', () => {
    const p = under()
    client(p, create)
    expect(known(p, usage(1), { held: 1, granted: false })).toEqual(['client error', 'release'])
    expect(p.lastTo('client')?.error).toMatchObject({
      code: 'rate_limited',
      event_id: 'mine',
      message: 'What is left of the quota of responses per minute is held by answers under way. Retry after 3 s.',
    })
  })

  it('is let go when the upstream refuses the response, and kept while another one runs', () => {
    const p = under({}, { relayEvents: false })
    client(p, create)
    known(p, usage(0))
    expect(upstream(p, ev.error('some_code', 'mine'))).toEqual(['client error', 'release'])
    client(p, create)
    known(p, usage(0))
    upstream(p, ev.created('r'))
    client(p, create)
    expect(known(p, usage(1), { held: 1, granted: false })).toEqual(['client error'])
    expect(upstream(p, ev.done('r'))).toEqual(['client response.done', 'ask', 'release'])
  })
})

describe('the running answer finishes', () => {
  it('with its tools: our follow-up needs no look at the quota', () => {
    const p = play({ quota: POLICY })
    client(p, create)
    known(p, usage(0))
    upstream(p, ev.created('r1'))
    upstream(p, ev.done('r1', [ev.call('c', 'get_weather')]))
    expect(p.toolFinished('c')).toContain('upstream response.create')
    upstream(p, ev.created('r2'))
    expect(upstream(p, ev.done('r2')), 'held until then').toContain('release')
  })

  it('and with a call of the client’s beside them holds nothing any longer', () => {
    const p = play({ quota: POLICY })
    client(p, create)
    known(p, usage(0))
    upstream(p, ev.created('r1'))
    expect(upstream(p, ev.done('r1', [ev.call('c', 'get_weather'), ev.call('d', 'show_on_screen')]))).toContain('release')
  })

  it('and a drain is over when a response.create that was looked at is refused', () => {
    const p = under({}, { relayEvents: false })
    client(p, create)
    expect(p.feed({ type: 'drain', untilMs: 30_000 })).toEqual([])
    expect(p.feed({ type: 'quota.reserved', answer: { usage: usage(2), held: NO_AMOUNTS, granted: true } })).toEqual(['client error', 'close draining drained'])
  })

  it('and a drain waits for a response.create that is being looked at', () => {
    const p = under({}, { relayEvents: false })
    client(p, create)
    expect(p.feed({ type: 'drain', untilMs: 30_000 })).toEqual([])
    expect(known(p, usage(0))).toEqual(['upstream response.create'])
    upstream(p, ev.created('r'))
    expect(p.upstream(ev.done('r'))).toEqual(['client response.done', 'close draining drained'])
  })
})

describe('once the quota is used up', () => {
  const append = { type: 'input_audio_buffer.append', audio: 'AAAA' }
  const spoken = { type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_audio', audio: 'AAAA' }] } }
  const transcript = {
    type: 'conversation.item.input_audio_transcription.completed',
    event_id: 'e',
    item_id: 'i',
    content_index: 0,
    transcript: 'x',
    usage: { type: 'duration', seconds: 3 },
  }
  const reasonOf = (p: Play) => (p.lastTo('client')?.error as { code?: string } | undefined)?.code

  it('audio passes while something is left, and each transcript asks anew', () => {
    const p = under()
    expect(lanesOf(p.state).client).toBe('pass')
    expect(upstream(p, transcript)).toContain('ask')
    expect(told(p, usage(0, 0.5), 'transcript')).toEqual([])
    expect(lanesOf(p.state).client).toBe('pass')
    expect(client(p, append)).toEqual(['upstream input_audio_buffer.append'])
  })

  it('no audio goes upstream: an append is refused once and then dropped, an item each time', () => {
    const p = under()
    expect(told(p, usage(0, 1.4), 'transcript')).toEqual([])
    expect(lanesOf(p.state).client).toBe('parse')
    expect(client(p, append)).toEqual(['client error'])
    expect(reasonOf(p)).toBe('budget_spent')
    expect(client(p, append)).toEqual([])
    for (let n = 0; n < 2; n++) expect(client(p, spoken)).toEqual(['client error'])
    expect(client(p, item('text')), 'text costs nothing by itself').toEqual(['upstream conversation.item.create'])
    expect(p.state.rates.violations, 'and none of this is a violation').toBeUndefined()
  })

  it('audio passes again when the period is over', () => {
    const p = under()
    told(p, usage(2), 'response')
    expect(p.state.quota.spentUntil).toBe(60_000)
    expect(dueAt(p.state)).toBe(60_000)
    p.tick(59_999, true)
    expect(client(p, append)).toEqual(['client error'])
    p.tick(60_000, true)
    expect(lanesOf(p.state).client).toBe('pass')
    expect(client(p, append)).toEqual(['upstream input_audio_buffer.append'])
  })

  it('is learned from a response that is refused as well', () => {
    const p = under()
    client(p, create)
    known(p, usage(0, 1.01))
    expect(lanesOf(p.state).client).toBe('parse')
  })
})

it('no timeout has the service answer a silent user by itself', () => {
  const p = under({}, { clientMaySet: new Set(['audio.input.turn_detection']), session: { audio: { input: { turn_detection: { type: 'server_vad', idle_timeout_ms: 6000 } } } } })
  const sentTurns = () =>
    p
      .allTo('upstream')
      .filter((event) => event.type === 'session.update')
      .map((event) => (event.session as { audio?: { input?: { turn_detection?: object } } }).audio?.input?.turn_detection)
  expect(sentTurns()).toEqual([{ type: 'server_vad', idle_timeout_ms: null, create_response: false }])
  client(p, { type: 'session.update', session: { type: 'realtime', audio: { input: { turn_detection: { type: 'server_vad', idle_timeout_ms: 5000 } } } } })
  expect(sentTurns().at(-1)).toEqual({ type: 'server_vad', idle_timeout_ms: null, create_response: false })
})

describe('the client’s own commits', () => {
  const commit = { type: 'input_audio_buffer.commit' }
  it('are answered by its own request, one turn each, and the next turn by the relay', () => {
    const p = under()
    for (let n = 0; n < 2; n++) client(p, commit)
    for (let n = 0; n < 2; n++) expect(upstream(p, committed)).toEqual(['client input_audio_buffer.committed'])
    expect(upstream(p, committed)).toEqual(['client input_audio_buffer.committed', 'reserve'])
  })

  it('that came to nothing leave the next turn to the relay', () => {
    const p = under()
    client(p, commit)
    expect(upstream(p, ev.error('input_audio_buffer_commit_empty'))).toEqual(['client error'])
    expect(upstream(p, committed)).toEqual(['client input_audio_buffer.committed', 'reserve'])
  })
})

describe('what a client sees under a quota', () => {
  it('is its session, with turns answered as it asked', () => {
    const p = under()
    const session = {
      ...(updated(p.state.profile).session as object),
      output_modalities: ['text'],
      audio: { input: { turn_detection: { type: 'server_vad', create_response: false } }, output: { voice: 'cedar' } },
    }
    upstream(p, { type: 'session.updated', event_id: 'e', session })
    expect(p.lastTo('client')?.session).toMatchObject({
      id: 'sess_1',
      output_modalities: ['text'],
      audio: { input: { turn_detection: { type: 'server_vad', create_response: true } }, output: { voice: 'cedar' } },
    })
  })

  it('is how many minutes are left, under their own name', () => {
    const p = under({ rules: [{ of: 'audioMinutes', per: 'day', max: 3 }] })
    told(p, { day: { counters: { input_audio_seconds: 90 }, endsAt: 1500 } })
    expect(p.lastTo('client')?.quota).toEqual([{ of: 'audio_minutes', per: 'day', max: 3, used: 1.5, remaining: 1.5, resets_at: 2, low: false }])
  })

  it('is that its audio is refused, anew for each period', () => {
    const p = under()
    const append = { type: 'input_audio_buffer.append', audio: 'AAAA' }
    told(p, usage(2))
    expect([client(p, append), client(p, append)]).toEqual([['client error'], []])
    p.tick(60_000, true)
    told(p, { minute: { counters: { responses: 2 }, endsAt: 120_000 } })
    expect(client(p, append)).toEqual(['client error'])
  })
})
