// Playbooks for what a session notes: an operator reads from it why an event was not passed on, what was refused, and how responses went.
import { describe, expect, it } from 'vitest'
import { NO_AMOUNTS, type QuotaPolicy, type QuotaUsage } from '../../../src/core/policy/quota.js'
import type { Input } from '../../../src/core/session/inputs.js'
import { ev, type Play, play } from '../../support/playbook.js'
import { comesBack, lose, restorable } from './restore/lost-upstream.js'

const noted = (p: Play, input: Input) => p.input(input).flatMap((action) => (action.type === 'note' ? [action.note] : []))
const upstream = (p: Play, event: object) => noted(p, { type: 'upstream.event', leg: 1, event: event as never, frame: undefined })
const client = (p: Play, event: object) => noted(p, { type: 'client.event', event: event as never })
const dropped = (side: 'client' | 'upstream', why: string) => ({ type: 'event_dropped', side, why })
const create = { type: 'response.create', event_id: 'mine' }
const [mine, theirs] = [ev.call('c1', 'get_weather'), ev.call('c2', 'show_on_screen')]
const output = { type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'c2', output: 'x' } }

/** A response that called a tool of the relay's and one of the client's is done. */
function mixed(): Play {
  const p = play()
  p.upstream(ev.created('r1'))
  for (const item of [mine, theirs]) p.upstream(ev.itemDone('r1', item))
  p.upstream(ev.done('r1', [mine, theirs]))
  return p
}

describe('an event that is not passed on', () => {
  it('of a client, before the session is live', () => {
    expect(client(play({}, 'connecting'), create)).toEqual([dropped('client', 'too_early')])
  })

  it('of the upstream, beyond sixteen while it is configured', () => {
    const p = play({}, 'connecting')
    upstream(p, { type: 'session.created', event_id: 'e', session: {} })
    for (let n = 0; n < 16; n++) expect(upstream(p, { type: 'rate_limits.updated', event_id: 'e', rate_limits: [] })).toEqual([])
    expect(upstream(p, { type: 'rate_limits.updated', event_id: 'e', rate_limits: [] })).toEqual([dropped('upstream', 'too_early')])
  })

  it('is a second session.created', () => {
    expect(upstream(play(), { type: 'session.created', event_id: 'e', session: {} })).toEqual([dropped('upstream', 'second_session_created')])
  })

  it('is a response.create that waits for tools, or has been asked for already', () => {
    const p = mixed()
    expect(client(p, create)).toEqual([dropped('client', 'waits_for_tools')])
    const q = mixed()
    q.toolFinished('c1')
    q.client(output)
    expect(client(q, create)).toEqual([dropped('client', 'response_already_created')])
  })

  it('is a response.create while an answer that was cut goes on', () => {
    const p = restorable({ tools: [] })
    p.client({ type: 'response.create' })
    p.upstream(ev.created('r1'))
    p.upstream(ev.itemAdded('r1', ev.message('item_1')))
    lose(p, [{ itemId: 'item_1', text: 'The sea', audioMs: 0 }])
    comesBack(p)
    expect(client(p, create)).toEqual([dropped('client', 'waits_for_answer')])
  })

  it('is an event that nobody knows', () => {
    expect(upstream(play(), { type: 'of.next_year', event_id: 'e' })).toEqual([dropped('upstream', expect.any(String) as never)])
  })

  it('is the end of a response that only called tools, and its tools when there were too many rounds', () => {
    const p = play({ limits: { toolMaxRounds: 1 } as never })
    const kinds: unknown[] = []
    for (let n = 0; n < 3; n++) {
      const call = ev.call(`call_${n}`, 'get_weather')
      p.upstream(ev.created(`r${n}`))
      p.upstream(ev.itemDone(`r${n}`, call))
      kinds.push(...upstream(p, ev.done(`r${n}`, [call])).filter(({ type }) => type === 'event_dropped'))
      kinds.push(...noted(p, { type: 'tool.finished', callId: `call_${n}`, output: 'x', ok: true, durationMs: 1 }).filter(({ type }) => type === 'event_dropped'))
    }
    expect(kinds).toEqual([...Array.from({ length: 3 }, () => dropped('upstream', 'hidden_response')), dropped('upstream', 'too_many_tool_rounds')])
  })
})

describe('a response', () => {
  it('has a beginning and an end, with its status and what it used', () => {
    const p = play({ tools: [] })
    expect(upstream(p, ev.created('r1'))).toEqual([{ type: 'response_started', responseId: 'r1' }])
    const done = ev.done('r1')
    expect(upstream(p, { ...done, response: { ...done.response, usage: { total_tokens: 5 } } })).toEqual([
      { type: 'response_done', responseId: 'r1', model: 'gpt-realtime', status: 'completed', usage: { total_tokens: 5 } },
    ])
  })

  it.each([
    ['completed', 'completed'],
    ['cancelled', 'cancelled'],
    ['incomplete', 'incomplete'],
    ['failed', 'failed'],
    ['of_next_year', 'unknown'],
    ['', 'unknown'],
  ])('that ended as %j is counted as %s', (status, label) => {
    expect(upstream(play({ tools: [] }), ev.done('r1', [], status))).toContainEqual(expect.objectContaining({ type: 'response_done', status: label }))
  })

  it('without a status is counted as unknown', () => {
    expect(upstream(play({ tools: [] }), { type: 'response.done', event_id: 'e', response: { id: 'r1', output: [] } })).toContainEqual(
      expect.objectContaining({ type: 'response_done', responseId: 'r1', status: 'unknown' }),
    )
  })
})

describe('a frame that is no event', () => {
  it('is counted as an unknown one', () => {
    expect(noted(play(), { type: 'frame.refused', code: 'bad_event', message: 'no' })).toEqual([{ type: 'event_refused', eventType: 'unknown', code: 'bad_event' }])
  })
})

describe('an error of the upstream', () => {
  it('is counted by its code, whatever becomes of it', () => {
    expect(upstream(play(), ev.error('invalid_value'))).toContainEqual({ type: 'upstream_error', code: 'invalid_value' })
    expect(upstream(play(), { type: 'error', event_id: 'e', error: { message: 'x' } })).toContainEqual({ type: 'upstream_error', code: 'none' })
    const p = play({}, 'connecting')
    expect(upstream(p, { type: 'error', event_id: 'e', error: { message: 'x' } })).toContainEqual({ type: 'upstream_error', code: 'none' })
  })
})

describe('under a quota', () => {
  const policy = (change: Partial<QuotaPolicy>): QuotaPolicy => ({ rules: [], failOpen: true, currency: 'USD', ...change })
  const spent = (unit: 'responses' | 'audioMinutes' | 'tokens' | 'money', per: 'minute' | 'day'): [QuotaPolicy, QuotaUsage] => {
    const counters = { responses: 9, input_audio_seconds: 600, input_tokens: 9, cost_usd: 9 }
    return [policy({ rules: [{ of: unit, per, max: 1 }] }), { [per]: { counters, endsAt: 60_000 } }]
  }
  const reserved = (p: Play, usage: QuotaUsage | undefined, granted = true, responses = 0) =>
    noted(p, { type: 'quota.reserved', answer: usage && { usage, held: { ...NO_AMOUNTS, responses }, granted } })

  it.each([
    ['responses', 'minute', 'responses_per_minute'],
    ['audioMinutes', 'day', 'audio_minutes_per_day'],
    ['tokens', 'day', 'tokens_per_day'],
    ['money', 'day', 'money_per_day'],
  ] as const)('a response refused for %s per %s is counted as %s', (unit, per, rule) => {
    const [quota, usage] = spent(unit, per)
    const p = play({ tools: [], quota })
    client(p, create)
    expect(reserved(p, usage)).toEqual([
      { type: 'quota_refused', rule },
      { type: 'event_refused', eventType: 'response.create', code: per === 'minute' ? 'rate_limited' : 'budget_spent' },
    ])
  })

  it('a response refused because nobody can tell, or for what others hold, is counted', () => {
    const p = play({ tools: [], quota: policy({ failOpen: false }) })
    client(p, create)
    expect(reserved(p, undefined)).toContainEqual({ type: 'quota_refused', rule: 'unknown' })
    const q = play({ tools: [], quota: policy({ rules: [{ of: 'responses', per: 'minute', max: 2 }] }) })
    client(q, create)
    expect(reserved(q, { minute: { counters: { responses: 1 }, endsAt: 60_000 } }, false, 1)).toContainEqual({ type: 'quota_refused', rule: 'responses_per_minute' })
    client(q, create)
    // The store has refused, but by what is known here there is room: nobody can tell.
    expect(reserved(q, { minute: { counters: { responses: 0 }, endsAt: 60_000 } }, false)).toContainEqual({ type: 'quota_refused', rule: 'unknown' })
    expect(q.lastTo('client')?.error).toMatchObject({ message: 'The quota cannot be checked now. Retry after 5 s.' })
  })

  it('audio after the quota is refused once with the time to come back, then dropped, and both are noted', () => {
    const [quota, usage] = spent('audioMinutes', 'day')
    const p = play({ tools: [], quota })
    p.now = 1500
    noted(p, { type: 'quota.left', usage, cause: 'transcript' })
    const append = { type: 'input_audio_buffer.append', event_id: 'a1', audio: 'AAAA' }
    expect(client(p, append)).toEqual([
      { type: 'quota_refused', rule: 'audio' },
      { type: 'event_refused', eventType: 'input_audio_buffer.append', code: 'budget_spent' },
    ])
    expect(p.lastTo('client')?.error).toMatchObject({ code: 'budget_spent', event_id: 'a1', message: 'The quota is used up, so no audio is taken. Retry after 59 s.' })
    expect(client(p, append)).toEqual([dropped('client', 'quota_spent')])
  })

  it('audio after what a session may use is refused for good', () => {
    const p = play({ tools: [], quota: policy({ rules: [{ of: 'money', per: 'session', max: 1 }] }) })
    noted(p, { type: 'quota.left', usage: { session: { counters: { cost_usd: 2 }, endsAt: undefined } }, cause: 'transcript' })
    p.client({ type: 'input_audio_buffer.append', audio: 'AAAA' })
    expect(p.lastTo('client')?.error).toMatchObject({ message: 'The quota is used up, so no audio is taken.' })
  })

  it('a refusal just before the end of a minute says a second, not none', () => {
    const [quota, usage] = spent('responses', 'minute')
    const p = play({ tools: [], quota })
    p.now = 59_999.5
    client(p, create)
    reserved(p, usage)
    expect(p.lastTo('client')?.error).toMatchObject({ message: 'The quota of responses per minute is used up. Retry after 1 s.' })
  })

  it('an event that finds no more place behind a request is refused, and an unanswered question too', () => {
    const [quota] = spent('responses', 'minute')
    const p = play({ tools: [], quota, relayEvents: true })
    client(p, { type: 'relay.quota.get', event_id: 'g' })
    expect(noted(p, { type: 'quota.left', usage: undefined, cause: { eventId: 'g' } })).toEqual([{ type: 'event_refused', eventType: 'relay.quota.get', code: 'rate_limited' }])
    client(p, create)
    for (let n = 0; n < 64; n++) client(p, { type: 'input_audio_buffer.clear' })
    expect(client(p, { type: 'input_audio_buffer.clear', event_id: 'late' })).toEqual([{ type: 'event_refused', eventType: 'unknown', code: 'rate_limited' }])
    expect(p.lastTo('client')?.error).toMatchObject({ event_id: 'late', message: 'Too many events at once. Retry after 1 s.' })
  })

  it('the time to come back is whole seconds, also of a whole day', () => {
    const [quota] = spent('audioMinutes', 'day')
    const usage: QuotaUsage = { day: { counters: { input_audio_seconds: 600 }, endsAt: 86_400_000 } }
    const p = play({ tools: [], quota })
    client(p, create)
    reserved(p, usage)
    expect(p.lastTo('client')?.error).toMatchObject({ message: 'The quota of audio minutes per day is used up. Retry after 86400 s.' })
    p.client({ type: 'input_audio_buffer.append', audio: 'AAAA' })
    expect(p.lastTo('client')?.error).toMatchObject({ message: 'The quota is used up, so no audio is taken. Retry after 86400 s.' })
  })

  it('a spoken turn that is refused names no event of the client’s', () => {
    const [quota, usage] = spent('tokens', 'day')
    const p = play({ tools: [], quota })
    upstream(p, { type: 'input_audio_buffer.committed', event_id: 'e', item_id: 'i', previous_item_id: null })
    expect(reserved(p, usage)).toContainEqual({ type: 'event_refused', eventType: 'response.create', code: 'budget_spent' })
    expect(p.lastTo('client')?.error).toMatchObject({ event_id: null, message: expect.stringContaining('The quota of tokens per day') })
  })
})

describe('for spans, a session notes', () => {
  it('when the user speaks', () => {
    const p = play()
    expect(upstream(p, { type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'i', audio_start_ms: 0 })).toEqual([{ type: 'speech_started' }])
    expect(upstream(p, { type: 'input_audio_buffer.speech_stopped', event_id: 'e', item_id: 'i', audio_end_ms: 10 })).toEqual([{ type: 'speech_stopped' }])
  })

  it('what the upstream calls its session, and which model runs in it', () => {
    const p = play({}, 'connecting')
    upstream(p, { type: 'session.created', event_id: 'e', session: {} })
    const { instructions, tools } = p.state.profile
    const session = { type: 'realtime', id: 'sess_1', model: 'gpt-realtime', instructions, tools: tools.map((tool) => tool.definition) }
    expect(upstream(p, { type: 'session.updated', event_id: 'e', session })).toContainEqual({ type: 'upstream_session', sessionId: 'sess_1', model: 'gpt-realtime' })
  })

  it.each<[string, object, object]>([
    ['why it ended early', { status: 'cancelled', status_details: { type: 'cancelled', reason: 'turn_detected' } }, { status: 'cancelled', reason: 'turn_detected' }],
    ['nothing that is no known reason', { status: 'failed', status_details: { reason: 'I said something' } }, { status: 'failed', reason: undefined }],
    ['that tools are to answer first', { status: 'completed', output: [theirs, { type: 'message' }, theirs] }, { status: 'completed', calls: 2 }],
    ['nothing of tools if there are none', { status: 'completed', output: [{ type: 'message' }] }, { calls: undefined }],
  ])('of a response %s', (_what, response, right) => {
    const p = play({ tools: [] })
    p.upstream(ev.created('r1'))
    const notes = upstream(p, { type: 'response.done', event_id: 'e', response: { object: 'realtime.response', id: 'r1', output: [], ...response } })
    expect(notes.find(({ type }) => type === 'response_done')).toMatchObject({ type: 'response_done', responseId: 'r1', ...right })
  })
})
