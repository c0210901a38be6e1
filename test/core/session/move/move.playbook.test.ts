// A session that goes on on another instance: what leaves, what arrives, who books, and what the client and the model see of it.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../../src/core/protocol/events.js'
import { packed } from '../../../../src/core/session/move/pack.js'
import { INTERRUPTED, suspended } from '../../../../src/core/session/move/suspend.js'
import { openingState } from '../../../../src/core/session/state.js'
import type { ReceivedEvent } from '../../../support/event-log.js'
import { ev, type Play, play, profile, tool, updated } from '../../../support/playbook.js'
import { orderProblems } from '../../../support/stream-order.js'
import { comesBack, lose } from '../restore/lost-upstream.js'
import { arrived, died, exportOf, movable, moved } from './moving-play.js'

const user = (id: string, text: string): JsonObject => ({ id, type: 'message', status: 'completed', role: 'user', content: [{ type: 'input_text', text }] })
const done = (item: object) => ({ type: 'conversation.item.done', event_id: 'e', previous_item_id: null, item })
const part = (type: string, more: object = {}) => ({ type, event_id: 'e', response_id: 'r1', item_id: 'item_2', output_index: 0, content_index: 0, ...more })
const opened: JsonObject = { id: 'item_2', type: 'message', status: 'in_progress', role: 'assistant', content: [] }
const whole: JsonObject = { ...opened, status: 'completed', content: [{ type: 'output_text', text: 'The sea is calm.' }] }
const call = ev.call('call_1', 'get_weather', '{"city":"Bremen"}') as unknown as JsonObject
const clients = ev.call('call_2', 'show_on_screen') as unknown as JsonObject
const turn = (p: Play) => {
  p.upstream(ev.added(user('item_1', 'How is the sea?')))
  p.upstream(done(user('item_1', 'How is the sea?')))
  p.client({ type: 'response.create', event_id: 'mine' })
}
const toolAtWork = (p: Play) => {
  turn(p)
  p.upstream(ev.created('r1'))
  p.upstream(ev.itemAdded('r1', call))
  p.upstream(ev.added(call, 'item_1'))
  p.upstream(done(call))
  p.upstream(ev.itemDone('r1', call))
  p.upstream(ev.done('r1', [call]))
}
const results = (items: readonly JsonObject[]) => items.filter(({ type }) => type === 'function_call_output').map(({ output }) => output)

/** All turns that there are, event by event. */
const TURNS: Readonly<Record<string, readonly object[]>> = {
  text: [
    ev.added(user('item_1', 'How is the sea?')),
    done(user('item_1', 'How is the sea?')),
    { client: { type: 'response.create', event_id: 'mine' } },
    ev.created('r1'),
    ev.itemAdded('r1', opened),
    ev.added(opened, 'item_1'),
    part('response.content_part.added', { part: { type: 'text', text: '' } }),
    part('response.output_text.delta', { delta: 'The sea is calm.' }),
    part('response.output_text.done', { text: 'The sea is calm.' }),
    part('response.content_part.done', { part: { type: 'text', text: 'The sea is calm.' } }),
    done(whole),
    ev.itemDone('r1', whole),
    ev.done('r1', [whole]),
  ],
  tool: [
    ev.added(user('item_1', 'How is the sea?')),
    done(user('item_1', 'How is the sea?')),
    { client: { type: 'response.create', event_id: 'mine' } },
    ev.created('r1'),
    ev.itemAdded('r1', { ...call, status: 'in_progress' }),
    ev.added({ ...call, status: 'in_progress' }, 'item_1'),
    done(call),
    ev.itemDone('r1', call),
    ev.done('r1', [call]),
    { tool: 'call_1' },
  ],
  'client tool': [
    ev.added(user('item_1', 'Show it.')),
    done(user('item_1', 'Show it.')),
    { client: { type: 'response.create', event_id: 'mine' } },
    ev.created('r1'),
    ev.itemAdded('r1', { ...clients, status: 'in_progress' }),
    ev.added({ ...clients, status: 'in_progress' }, 'item_1'),
    done(clients),
    ev.itemDone('r1', clients),
    ev.done('r1', [clients]),
  ],
  speech: [
    { type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'item_1', audio_start_ms: 1 },
    { type: 'input_audio_buffer.speech_stopped', event_id: 'e', item_id: 'item_1', audio_end_ms: 9 },
    { type: 'input_audio_buffer.committed', event_id: 'e', item_id: 'item_1', previous_item_id: null },
    ev.added({ id: 'item_1', type: 'message', status: 'completed', role: 'user', content: [{ type: 'input_audio', transcript: null }] }),
    ev.created('r1'),
    ev.itemAdded('r1', opened),
  ],
}

function run(p: Play, steps: readonly object[]): string[] {
  return steps.flatMap((one) => {
    if ('client' in one) return [...p.client(one.client as object)]
    if ('tool' in one) return [...p.toolFinished(String(one.tool))]
    return [...p.upstream(one)]
  })
}

describe.each(Object.entries(TURNS))('a session that moves in a %s turn', (_name, steps) => {
  it.each([...steps.keys(), steps.length])('before event %i: it is live elsewhere, in order, and no tool is started twice', (at) => {
    const p = movable()
    const before = run(p, steps.slice(0, at))
    moved(p)
    const { lines } = comesBack(p)
    expect(p.state.upstream.phase).toBe('ready')
    expect(p.state.restore).toBeUndefined()
    const starts = [...before, ...lines].filter((line) => line === 'start call_1')
    expect(starts.length).toBeLessThanOrEqual(1)
    // Whatever was begun and not asked for again is over for the client.
    const isAsked = p.state.responses.clientRequest !== undefined || p.state.responses.ourRequest !== undefined
    expect(orderProblems(p.allTo('client').filter(({ type }) => !type.startsWith('relay.')) as ReceivedEvent[], !isAsked)).toEqual([])
  })

  it.each([...steps.keys(), steps.length])('before event %i: what arrives is what left', (at) => {
    const p = movable()
    run(p, steps.slice(0, at))
    const { state } = suspended(p.state, [], p.now)
    const there = arrived(packed(state), p)
    const { token: _t, resume: _r, restore: _s, privateWords: _p, lastActive: _l, ...kept } = state
    const withoutBytes = JSON.parse(JSON.stringify(packed({ ...state, ...kept }))) as JsonObject
    expect(
      packed({ ...state, ...there, token: state.token, resume: state.resume, restore: state.restore, privateWords: state.privateWords, lastActive: state.lastActive }),
    ).toEqual(withoutBytes)
    expect(there?.calls.server).toEqual(state.calls.server)
    expect(there?.conversation).toEqual(state.conversation)
    expect(there?.items.hidden).toEqual(state.items.hidden)
  })
})

describe('a move', () => {
  it('ends the session here: its client is superseded, and what it used is booked here and not there', () => {
    const p = movable()
    turn(p)
    p.upstream(ev.created('r1'))
    p.upstream(ev.itemAdded('r1', opened))
    p.upstream(ev.added(opened, 'item_1'))
    p.upstream(part('response.content_part.added', { part: { type: 'text', text: '' } }))
    const here = play({ relayEvents: true })
    here.state = p.state
    const actions = here.input({ type: 'move', said: [{ itemId: 'item_2', text: 'The sea', audioMs: 0 }] })
    expect(exportOf(actions)).toMatchObject({ code: 'superseded', spared: [] })
    expect(actions.map(({ type }) => type)).toEqual(['export', 'park', 'send'])
    expect(actions.at(-1)).toMatchObject({ to: 'upstream', event: { type: 'response.cancel', response_id: 'r1' } })
    expect(here.upstream({ ...ev.done('r1', [], 'cancelled'), response: { id: 'r1', status: 'cancelled', usage: { input_tokens: 5, output_tokens: 2 } } })).toContain(
      'close client_left settled',
    )
    moved(p, [{ itemId: 'item_2', text: 'The sea', audioMs: 0 }])
    const { lines, items } = comesBack(p)
    expect(lines.filter((line) => line.startsWith('estimate'))).toEqual([])
    expect(lines).toContain('client response.done')
    expect(p.allTo('client').findLast(({ type }) => type === 'response.done')).toMatchObject({ response: { status: 'incomplete' } })
    expect(JSON.stringify(items)).toContain('The sea')
    expect(p.allTo('client').some(({ type }) => type === 'relay.resumed')).toBe(false)
  })

  it('after a death: nothing was booked, so it is estimated, and the client hears of a loss', () => {
    const p = movable()
    turn(p)
    p.upstream(ev.created('r1'))
    const ids = p.state.idsUsed
    died(p)
    expect(p.state.idsUsed).toBeGreaterThan(ids + 999)
    const { lines } = comesBack(p)
    expect(lines.some((line) => line.startsWith('estimate'))).toBe(true)
    expect(p.allTo('client').some(({ type, cause }) => type === 'relay.resumed' && cause === 'upstream')).toBe(true)
  })

  it('with a tool at work: its outcome is unknown, the client sees it finish, and another is not started', () => {
    const p = movable()
    toolAtWork(p)
    const actions = moved(p)
    expect(actions.map(({ type }) => type)).toEqual(['send', 'export', 'tool.cancel', 'close'])
    expect(actions[0]).toMatchObject({ to: 'client', event: { type: 'relay.tool.finished', ok: false } })
    const { lines } = comesBack(p)
    expect(lines.filter((line) => line.startsWith('start'))).toEqual([])
    expect(
      results(
        p
          .allTo('upstream')
          .map(({ item }) => item as JsonObject)
          .filter(Boolean),
      ),
    ).toEqual([INTERRUPTED])
    expect(lines.at(-1)).toBe('upstream response.create')
  })

  it('says how long that tool was at work, and nothing to an upstream that it leaves', () => {
    const p = movable({ limits: { reconnectMs: 0 } as never })
    p.now = 1000
    toolAtWork(p)
    p.now = 3500
    const actions = p.input({ type: 'move', said: [] })
    expect(actions.flatMap((action) => (action.type === 'send' ? [action.to] : []))).toEqual(['client'])
    expect(actions[0]).toMatchObject({ event: { type: 'relay.tool.finished', duration_ms: 2500 } })
  })

  it('is noted as one attempt before those elsewhere', () => {
    const p = movable()
    moved(p)
    p.feed({ type: 'upstream.opened', leg: p.state.upstream.leg, privateWords: [] })
    p.upstream({ type: 'session.created', event_id: 'e', session: {} })
    const live = p.input({ type: 'upstream.event', leg: p.state.upstream.leg, event: updated(p.state.profile), frame: undefined })
    expect(live).toContainEqual({ type: 'note', note: { type: 'restored', cause: 'moved', durationMs: 0, attempts: 2, cut: 'none' } })
  })

  it('lets a tool finish that was declared to, though nobody waits for it', () => {
    const p = movable({ tools: [{ ...tool('get_weather'), onCancel: 'finish' }] })
    toolAtWork(p)
    expect(exportOf(moved(p))).toMatchObject({ spared: ['call_1'] })
  })

  it('spares nothing else: a tool that could finish and does not work, nor one at work that could not', () => {
    const p = movable({
      tools: [tool('get_weather'), { ...tool('finishes'), onCancel: 'finish' }, { ...tool('reports'), background: true }, { ...tool('idles'), onCancel: 'finish' }],
    })
    turn(p)
    p.upstream(ev.created('r1'))
    const calls = ['get_weather', 'finishes', 'reports', 'idles'].map((name) => ev.call(name, name))
    for (const one of calls) p.upstream(ev.itemDone('r1', one))
    p.upstream(ev.done('r1', calls))
    p.toolFinished('idles')
    expect(exportOf(moved(p))?.spared).toEqual(['finishes', 'reports'])
  })

  it('concerns a session that drains as well', () => {
    const p = movable({ tools: [] })
    turn(p)
    p.upstream(ev.created('r1'))
    p.feed({ type: 'drain', untilMs: 60_000 })
    expect(p.state.life).toBe('draining')
    expect(exportOf(moved(p))?.code).toBe('superseded')
    expect(p.state).toMatchObject({ life: 'open', drainUntil: undefined })
  })

  it('takes along a spoken turn that waits for its quota, or for an answer under way, and asks for it there', () => {
    const spoken = { type: 'input_audio_buffer.committed', event_id: 'e', item_id: 'item_1', previous_item_id: null }
    const quota = { tools: [], quota: { rules: [{ of: 'responses', per: 'day', max: 5 }], timeZone: 'UTC', failOpen: true } as never }
    const waiting = movable(quota)
    waiting.upstream(spoken)
    expect(waiting.state.gate.waiting?.request).toBe('turn')
    const busy = movable(quota)
    busy.upstream(ev.created('r1'))
    busy.upstream(spoken)
    expect(busy.state.gate.waiting).toBeUndefined()
    for (const p of [waiting, busy]) {
      moved(p)
      expect(p.state.quota).toMatchObject({ holds: false, turnUnanswered: true })
      expect(p.state.restore?.early).toEqual([])
      p.upstream(ev.added(user('item_1', 'How is the sea?')))
      comesBack(p)
    }
    expect(waiting.state.gate.waiting?.request).toBe('turn')
  })

  it('keeps the client’s order: what waited for its quota, what came behind it, and what was read as the upstream was lost', () => {
    const p = movable({ tools: [], quota: { rules: [{ of: 'responses', per: 'day', max: 5 }], timeZone: 'UTC', failOpen: true } as never })
    p.client({ type: 'response.create', event_id: 'first' })
    p.client({ type: 'conversation.item.create', item: user('second', 'And this.') })
    lose(p)
    p.client({ type: 'conversation.item.create', item: user('third', 'And that.') })
    moved(p)
    expect(p.state.restore?.early.map(({ event_id: id, item }) => id ?? (item as JsonObject).id)).toEqual(['first', 'second', 'third'])
  })

  it('while the upstream is being restored keeps what had been said when that was lost', () => {
    const p = movable({ tools: [] })
    turn(p)
    p.upstream(ev.created('r1'))
    p.upstream(ev.itemAdded('r1', opened))
    p.upstream(ev.added(opened, 'item_1'))
    p.upstream(part('response.content_part.added', { part: { type: 'text', text: '' } }))
    p.input({ type: 'upstream.closed', leg: 1, code: 1006, said: [{ itemId: 'item_2', text: 'The sea is', audioMs: 0 }] })
    moved(p, [{ itemId: 'item_2', text: 'Nothing of this', audioMs: 0 }])
    const { items } = comesBack(p)
    expect(items[1]).toMatchObject({ id: 'item_2', content: [{ text: 'The sea is' }] })
    expect(p.allTo('client').findLast(({ type }) => type === 'response.done')).toMatchObject({ response: { output: [{ content: [{ text: 'The sea is' }] }] } })
  })

  it('goes on with the client’s clock, and what was heard before is no turn there', () => {
    const p = movable({ tools: [] })
    p.state = { ...p.state, detectsTurns: false, voice: { ...p.state.voice, transcribes: true, clockMs: 7, openFromMs: 1000 } }
    p.heard = { totalMs: 5000, keptFromMs: 0 }
    moved(p)
    expect(p.state.voice).toEqual({ clockMs: 0, openFromMs: 5000, speech: undefined, turns: [], marks: [], transcribes: true })
    expect(suspended(p.state, [], 0).state.voice.openFromMs).toBe(0)
  })

  it('that comes to nothing there is a lost upstream that could not be reached', () => {
    const p = movable({ tools: [] })
    moved(p)
    expect(p.state.resume).toEqual({ isOffered: true, awayUntil: undefined, leaving: undefined })
    expect(p.tick(10_000)).toEqual(['close upstream_lost not_reached_after_move'])
  })

  it('of which the client does not come waits for it as long as for any', () => {
    const p = movable()
    const state = exportOf(p.input({ type: 'move', said: [] }))?.state ?? {}
    expect(arrived(state, p, { now: 500 })?.resume).toEqual({ isOffered: true, awayUntil: 60_500, leaving: undefined })
    expect(arrived(state, p, { now: 500 })?.lastActive).toBe(500)
  })

  it('takes along every time of a session, and numbers that JSON has no form for', () => {
    const p = movable({
      relayEvents: true,
      tools: [tool('get_weather')],
      quota: { rules: [{ of: 'responses', per: 'session', max: 5 }], timeZone: 'UTC', failOpen: true } as never,
    })
    p.now = 5000
    lose(p)
    comesBack(p)
    p.client({ type: 'response.create' })
    p.client({ type: 'relay.quota.get' })
    p.input({ type: 'quota.reserved', answer: undefined })
    p.client({ type: 'session.update', session: {} })
    p.client({ type: 'nonsense' })
    toolAtWork(p)
    const filler = { eventId: 'line', id: 'resp_line', until: 6000, cancelled: false }
    p.state = { ...p.state, quota: { ...p.state.quota, spentUntil: Number.POSITIVE_INFINITY }, responses: { ...p.state.responses, filler, turnSince: 4000 } }
    const before = suspended(p.state, [], p.now).state
    const there = arrived(packed(before), p, { now: 1_005_000, shift: 1_000_000 })
    expect(there?.quota.spentUntil).toBe(Number.POSITIVE_INFINITY)
    expect(there?.responses).toMatchObject({ filler: { ...filler, until: 1_006_000 }, turnSince: 1_004_000 })
    expect(there?.restored.times).toEqual([1_005_000])
    const { items, ...buckets } = before.rates
    expect(Object.values(buckets).filter((one) => one !== undefined)).toHaveLength(6)
    expect(there?.rates).toEqual({ ...Object.fromEntries(Object.entries(buckets).map(([name, one]) => [name, one && { ...one, at: one.at + 1_000_000 }])), items })
    const call = [...before.calls.server.values()][0]
    expect([...(there?.calls.server.values() ?? [])][0]).toEqual({ ...call, startedAt: 1_005_000, askedAt: (call?.askedAt ?? 0) + 1_000_000 })
    p.state = { ...p.state, quota: { ...p.state.quota, spentUntil: 9000 } }
    expect(arrived(packed(suspended(p.state, [], 0).state), p, { shift: 500 })?.quota.spentUntil).toBe(9500)
  })

  it('takes along a request that waits for its quota, and what came after it', () => {
    const p = movable({ quota: { rules: [{ unit: 'responses', per: 'day', max: 5 }], timeZone: 'UTC', failOpen: true } as never })
    p.client({ type: 'response.create', event_id: 'mine' })
    p.client({ type: 'conversation.item.create', item: user('later', 'And this.') })
    expect(p.state.gate.waiting).toBeDefined()
    moved(p)
    expect(p.state.gate.waiting).toBeUndefined()
    const before = p.allTo('upstream').length
    comesBack(p)
    expect(p.state.gate.waiting?.request).toMatchObject({ type: 'response.create' })
    expect(p.state.gate.queue).toMatchObject([{ type: 'conversation.item.create' }])
    expect(
      p
        .allTo('upstream')
        .slice(before)
        .some(({ type }) => type === 'response.create'),
    ).toBe(false)
  })

  it('keeps its times: what has passed on the way has passed, on whatever clock', () => {
    const p = movable()
    p.now = 5000
    toolAtWork(p)
    const there = arrived(exportOf(p.input({ type: 'move', said: [] }))?.state ?? {}, p, { now: 1_007_000, shift: 1_000_000 })
    expect(there?.openedAt).toBe(1_000_000)
    expect([...(there?.calls.server.values() ?? [])][0]?.startedAt).toBe(1_005_000)
    expect(there?.restore).toMatchObject({ since: 1_007_000, dialAt: 1_007_000, until: 1_017_000 })
  })

  it('finds the tools of the server that are there, and the client’s own but for names that the server has', () => {
    const p = movable({ clientTools: true, tools: [tool('get_weather')] })
    const own = (name: string) => ({ type: 'function', name })
    p.client({ type: 'session.update', session: { tools: [own('mine'), own('get_time')] } })
    const state = exportOf(p.input({ type: 'move', said: [] }))?.state ?? {}
    const there = arrived(state, p, { profile: profile({ clientTools: true, tools: [tool('get_time')] }) })
    expect(there?.profile.tools.map(({ definition, owner }) => [definition.name, owner])).toEqual([
      ['get_time', 'server'],
      ['mine', 'client'],
    ])
    expect(arrived(state, p, { profile: profile({ tools: [] }) })?.profile.tools).toEqual([])
  })

  it('is refused by another version, and by what is no state', () => {
    const p = movable()
    const state = packed(suspended(p.state, [], 0).state)
    expect(arrived(state, p)).toBeDefined()
    const held = state.state as JsonObject
    for (const odd of [{ version: 2 }, { state: {} }, { state: 'x' }, { tools: 'x' }, { tools: undefined as never }]) expect(arrived({ ...state, ...odd }, p)).toBeUndefined()
    for (const field of ['restore', 'openedAt', 'relayIdPrefix']) expect(arrived({ ...state, state: { ...held, [field]: null } }, p)).toBeUndefined()
    expect(arrived({}, p)).toBeUndefined()
  })

  it('is written so that every instance of this version reads it', () => {
    const p = movable()
    p.state = { ...p.state, quota: { ...p.state.quota, spentUntil: Number.POSITIVE_INFINITY } }
    const { version, state } = packed(suspended(p.state, [], 0).state)
    expect(version).toBe(4)
    expect(state).toMatchObject({
      drainUntil: { '~': 'undefined' },
      quota: { spentUntil: { '~': 'number', value: 'Infinity' } },
      items: { hidden: { '~': 'map', value: [] } },
      restored: { replayed: { '~': 'set', value: [] } },
    })
    p.state = { ...p.state, inForce: { '~': 1 } }
    expect(packed(p.state).state).toMatchObject({ inForce: { '~': 'object', value: { '~': 1 } } })
  })

  it('carries whatever a client has set, also with names that mean something here', () => {
    const p = movable()
    const odd = JSON.parse('{"~":"map","value":[1],"__proto__":{"x":1},"n":null}') as JsonObject
    p.state = { ...p.state, inForce: { odd } }
    const there = arrived(packed(suspended(p.state, [], 0).state), p)
    expect(JSON.stringify(there?.inForce)).toBe(JSON.stringify({ odd }))
    expect(Object.getPrototypeOf(there?.inForce.odd)).toBe(Object.prototype)
  })

  it('does not concern a session that is over', () => {
    const p = movable()
    p.feed({ type: 'client.closed', code: 1000 })
    expect(p.input({ type: 'move', said: [] })).toEqual([])
  })
})

it('what a state holds has not changed since its version was given', () => {
  const seed = { profile: profile(), relayIdPrefix: 'relay_', requestedModel: undefined, now: 0, caller: { subject: 'a', issuer: undefined }, expiresAt: 1 }
  // If this fails, raise STATE_VERSION in core/session/move/pack.ts, and look at the times in it that have to be moved.
  expect(Object.keys(openingState(seed)).sort().join(' ')).toBe(
    'answersTurns call caller calls conversation conversationId detectsTurns drainUntil early gate guards idsUsed inForce items lastActive life manners model openedAt parkedUntil playing privateWords profile quota rates relayIdPrefix requestedModel responses restore restored resume rollover sessionCreated sessionId token underWay upstream voice watch',
  )
})
