// Playbooks for a planned move: when the next leg is made ready, what it waits for, and what becomes of it if something comes between.
import { expect, it } from 'vitest'
import { itemsOf } from '../../../../src/core/session/kept-items.js'
import { rolloverFor } from '../../../../src/core/session/restore/state.js'
import { ev, type Play, play, updated } from '../../../support/playbook.js'
import { comesBack, echo, lose, RECONNECT_MS } from './lost-upstream.js'

const CAP_MS = 600_000
const AHEAD_MS = CAP_MS / 6

const lasting = (change: Parameters<typeof play>[0] = {}) => {
  const p = play({ ...change, limits: { ...change.limits, reconnectMs: RECONNECT_MS, upstreamSessionMs: CAP_MS, idleTimeoutMs: 3_600_000 } as never })
  const inForce = updated(p.state.profile)
  p.upstream({ ...inForce, session: { ...(inForce.session as object), audio: { input: { turn_detection: { type: 'server_vad' }, transcription: { model: 'whisper-1' } } } } })
  return p
}
/** The time at which the next leg is dialled. */
const dials = (p: Play): number => {
  const { at } = p.state.rollover ?? { at: 0 }
  expect(at).toBeGreaterThanOrEqual(CAP_MS - AHEAD_MS)
  expect(at).toBeLessThanOrEqual(CAP_MS - AHEAD_MS / 2)
  expect(p.tick(at - 1)).toEqual([])
  expect(p.tick(at)).toEqual(['dial 2 rollover'])
  return at
}
const fromNext = (p: Play, event: object, leg = 2) => p.feed({ type: 'upstream.event', leg, event: event as never, frame: undefined })
const prepares = (p: Play, leg = 2) => {
  expect(p.feed({ type: 'upstream.opened', leg, privateWords: [] })).toEqual([])
  expect(fromNext(p, { type: 'session.created', event_id: 'e', session: { id: 'sess_2' } }, leg)).toEqual(['upstream session.update'])
  expect(fromNext(p, updated(p.state.profile), leg)).toEqual([])
}
const user = { id: 'item_1', type: 'message', status: 'completed', role: 'user', content: [{ type: 'input_text', text: 'Hello' }] }

it('the next leg is ready first, and the move waits until nothing is under way', () => {
  const p = lasting()
  p.upstream(ev.added(user))
  p.upstream({ type: 'conversation.item.done', event_id: 'e', item: user })
  p.upstream(ev.created('r1'))
  const at = dials(p)
  prepares(p)
  expect(p.state.upstream).toMatchObject({ phase: 'ready', leg: 1 })
  expect(p.tick(at + 1000)).toEqual([])
  expect(p.upstream(ev.done('r1'))).toEqual(['client response.created', 'client response.done'])
  const sent = p.allTo('upstream').length
  expect(p.tick(at + 2000)).toEqual(['switch 2', 'upstream conversation.item.create', 'upstream conversation.item.create'])
  const seen = p.allTo('client').length
  for (const event of p.allTo('upstream').slice(sent)) echo(p, event.item as never)
  expect(p.state.upstream).toMatchObject({ phase: 'ready', leg: 2 })
  expect(p.allTo('client').slice(seen)).toEqual([])
  expect(p.state.rollover?.phase).toBe('waiting')
  expect(p.state.rollover?.at).toBeGreaterThan(at + CAP_MS / 2)
})

it.each<[string, (p: Play) => void]>([
  ['the user speaks', (p) => p.upstream({ type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'i', audio_start_ms: 0 })],
  ['an event of the client is not answered yet', (p) => p.client({ type: 'conversation.item.create', item: user })],
  ['an item is not done', (p) => p.upstream(ev.added(user))],
  [
    'the words of a spoken turn are not known',
    (p) => {
      const spoken = { ...user, content: [{ type: 'input_audio', transcript: null }] }
      p.upstream(ev.added(spoken))
      p.upstream({ type: 'conversation.item.done', event_id: 'e', item: spoken })
    },
  ],
])('it waits while %s', (_what, happens) => {
  const p = lasting()
  const at = dials(p)
  prepares(p)
  happens(p)
  for (let now = at + 1000; now < at + 20_000; now += 1000) expect(p.tick(now)).not.toContain('switch 2')
})

it('it never comes for a session that ends before its upstream, nor without a longest time', () => {
  expect(play({ limits: { reconnectMs: 1, upstreamSessionMs: CAP_MS, maxSessionMs: CAP_MS } as never }).state.rollover).toBeUndefined()
  expect(play({ limits: { reconnectMs: 1 } as never }).state.rollover).toBeUndefined()
})

it('what the upstream says of its end counts, if that is a minute to a day ahead', () => {
  const limits = { ...lasting().state.profile.limits, upstreamSessionMs: CAP_MS }
  const at = (expiresAt: unknown) => rolloverFor(limits, expiresAt, 0, 1e12, 'x')?.at ?? 0
  const within = (time: number, lasts: number) => time >= (lasts * 5) / 6 && time <= (lasts * 11) / 12
  expect(within(at(300), 300_000)).toBe(true)
  expect(at(7200)).toBeGreaterThanOrEqual(7_200_000 - 600_000)
  for (const other of [undefined, 'soon', 0, 59, 86_401]) expect(within(at(other), CAP_MS)).toBe(true)
})

it('a next leg that fails is no loss, and another is dialled later, while there is time, under a number of its own', () => {
  const p = lasting()
  const at = dials(p)
  expect(p.feed({ type: 'upstream.failed', leg: 2, code: 'upstream_refused', why: 'unreachable' })).toEqual(['drop'])
  expect(p.state.upstream).toMatchObject({ phase: 'ready', leg: 1 })
  const next = p.state.rollover?.at ?? 0
  expect(next).toBeLessThan(at + (CAP_MS - at) / 2)
  expect(p.tick(next - 1)).toEqual([])
  expect(p.tick(next)).toEqual(['dial 3 rollover'])
  expect(fromNext(p, { type: 'session.created', event_id: 'e', session: {} }, 2)).toEqual([])
})

it('what the client sets meanwhile is not lost: the next leg is made ready again', () => {
  const p = lasting()
  const at = dials(p)
  prepares(p)
  const inForce = updated(p.state.profile)
  p.upstream({ ...inForce, session: { ...(inForce.session as object), output_modalities: ['text'], audio: { input: { turn_detection: { type: 'server_vad' } } } } })
  expect(p.tick(at + 1000)).toEqual(['drop'])
  expect(p.tick(at + 1000)).toEqual(['dial 3 rollover'])
})

it('a loss in between is a loss like any other', () => {
  const p = lasting()
  dials(p)
  prepares(p)
  expect(lose(p)).toEqual(['dial 3 lost'])
  comesBack(p)
  expect(p.state.upstream).toMatchObject({ phase: 'ready', leg: 3 })
})

/** An answer in speech, half said, as late as the next leg is ready. */
const speaking = (p: Play) => {
  p.upstream(ev.added(user))
  p.upstream({ type: 'conversation.item.done', event_id: 'e', item: user })
  const opened = { id: 'item_2', type: 'message', status: 'in_progress', role: 'assistant', content: [] }
  p.upstream(ev.created('r1'))
  p.upstream(ev.itemAdded('r1', opened))
  p.upstream(ev.added(opened, 'item_1'))
  p.upstream({
    type: 'response.content_part.added',
    event_id: 'e',
    response_id: 'r1',
    item_id: 'item_2',
    output_index: 0,
    content_index: 0,
    part: { type: 'audio', transcript: '' },
  })
}
const said = [{ itemId: 'item_2', text: 'The sea is calm', audioMs: 2000 }]
const tick = (p: Play, now: number) => {
  p.now = now
  return p.feed({ type: 'tick', clientActiveAt: now, upstreamHeard: now, said })
}

it('an answer that does not end is cut ten seconds before the end, and goes on in the next upstream', () => {
  const p = lasting({ tools: [] })
  speaking(p)
  const at = dials(p)
  prepares(p)
  for (let now = at + 1000; now < CAP_MS - 10_000; now += 1000) expect(tick(p, now)).toEqual([])
  const sent = p.allTo('upstream').length
  expect(tick(p, CAP_MS - 10_000)).toContain('switch 2')
  for (const event of p.allTo('upstream').slice(sent)) echo(p, event.item as never)
  expect(p.lastTo('upstream')?.type).toBe('response.create')
  expect(p.lastTo('client')).toMatchObject({ type: 'response.done', response: { status: 'incomplete' } })
  // What is still said by the leg that was cut must not be heard.
  expect(p.feed({ type: 'upstream.event', leg: 1, event: ev.done('r1') as never, frame: undefined })).toEqual([])
})

it('half a minute before the end the end of an answer is quiet enough, though the user speaks', () => {
  const p = lasting({ tools: [] })
  const at = dials(p)
  prepares(p)
  p.heard = { totalMs: 9000, keptFromMs: 0 }
  p.upstream({ type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'i', audio_start_ms: 8500 })
  for (let now = at + 1000; now < CAP_MS - 30_000; now += 1000) expect(tick(p, now)).toEqual([])
  expect(tick(p, CAP_MS - 30_000)).toContain('switch 2')
})

it('the leg that was left is heard for five seconds more: late words reach client and memory', () => {
  const p = lasting({ tools: [] })
  const spoken = { ...user, content: [{ type: 'input_audio', transcript: null }] }
  p.upstream(ev.added(spoken))
  p.upstream({ type: 'conversation.item.done', event_id: 'e', item: spoken })
  const at = dials(p)
  prepares(p)
  for (let now = at; now < CAP_MS - 30_000; now += 1000) p.tick(now)
  p.tick(CAP_MS - 30_000)
  expect(p.state.upstream.leg).toBe(2)
  const late = { type: 'conversation.item.input_audio_transcription.completed', event_id: 'e', item_id: 'item_1', content_index: 0, transcript: 'Hello' }
  const former = () => p.feed({ type: 'upstream.event', leg: 1, event: late as never, frame: undefined })
  expect(former()).toEqual(['client conversation.item.input_audio_transcription.completed'])
  expect(itemsOf(p.state.conversation)[0]?.text).toBe('Hello')
  expect(p.feed({ type: 'upstream.closed', leg: 1, code: 1001 })).toEqual([])
  p.now += 5000
  expect(former()).toEqual([])
})

it('while others move it looks again a second later, and that is no failure', () => {
  const p = lasting()
  const at = dials(p)
  expect(p.feed({ type: 'upstream.failed', leg: 2, code: 'rate_limited', why: 'others_move' })).toEqual(['drop'])
  expect(p.tick(at + 1000)).toEqual(['dial 3 rollover'])
})

/** As the input is answered, with what is noted of it. */
const acts = (p: Play, input: Parameters<Play['input']>[0]) => p.input(input).map((action) => (action.type === 'note' ? action.note : action))
const failedWith = (why: string) => ({ type: 'rollover_failed', why })
const redial = (p: Play) => (p.state.rollover?.at ?? 0) - p.now

it.each<[string, (p: Play, at: number) => ReturnType<typeof acts>, string]>([
  ['cannot be reached', (p) => acts(p, { type: 'upstream.failed', leg: 2, code: 'upstream_refused', why: 'unreachable' }), 'unreachable'],
  ['is closed', (p) => acts(p, { type: 'upstream.closed', leg: 2, code: 1006 }), 'closed'],
  ['refuses', (p) => acts(p, { type: 'upstream.event', leg: 2, event: ev.error('invalid_value') as never, frame: undefined }), 'refused'],
  [
    'is not ready by the time of the next dial',
    (p) => {
      p.now = p.state.rollover?.at ?? 0
      return acts(p, { type: 'tick', clientActiveAt: p.now })
    },
    'too_slow',
  ],
  [
    'does not run what it should',
    (p) => {
      fromNext(p, { type: 'session.created', event_id: 'e', session: {} })
      return acts(p, { type: 'upstream.event', leg: 2, event: { type: 'session.updated', event_id: 'e', session: {} }, frame: undefined })
    },
    'configuration_not_in_force',
  ],
])('a next leg that %s is dropped, noted, and dialled again in half of the time that is left', (_how, happens, why) => {
  const p = lasting()
  const at = dials(p)
  const done = happens(p, at)
  expect(done.filter((one) => 'type' in one && (one.type === 'rollover_failed' || one.type === 'drop'))).toEqual([failedWith(why), { type: 'drop' }])
  expect(redial(p)).toBeCloseTo((CAP_MS - 10_000 - p.now) / 2)
  expect(p.state.upstream).toMatchObject({ phase: 'ready', leg: 1 })
})

it('the next dial is a minute after the one before at most, and two seconds at least', () => {
  const redialAfter = (capMs: number, now: number) => {
    const p = play({ limits: { reconnectMs: RECONNECT_MS, upstreamSessionMs: capMs, idleTimeoutMs: 1e9, maxSessionMs: 1e9 } as never })
    p.tick(p.state.rollover?.at ?? 0)
    p.now = Math.max(p.now, now)
    p.feed({ type: 'upstream.closed', leg: 2, code: 1006 })
    return redial(p)
  }
  expect(redialAfter(3_600_000, 0)).toBe(60_000)
  expect(redialAfter(CAP_MS, CAP_MS - 10_001)).toBe(2000)
})

it('a dial is urgent once the end of an answer is quiet enough', () => {
  for (const [now, urgent] of [
    [CAP_MS - 30_001, false],
    [CAP_MS - 30_000, true],
  ] as const) {
    const p = lasting()
    p.now = now
    expect(p.input({ type: 'tick', clientActiveAt: now })).toContainEqual({ type: 'dial', leg: 2, reason: 'rollover', urgent })
  }
})

it('the next leg is configured once, by what it says in that order, and everything else that it says is not heard', () => {
  const p = lasting()
  const at = dials(p)
  expect(fromNext(p, updated(p.state.profile))).toEqual([])
  expect(fromNext(p, { type: 'rate_limits.updated', event_id: 'e', rate_limits: [] })).toEqual([])
  expect(fromNext(p, { type: 'session.created', event_id: 'e', session: { id: 'sess_2' } })).toEqual(['upstream session.update'])
  expect(fromNext(p, { type: 'session.created', event_id: 'e', session: { id: 'sess_2' } })).toEqual([])
  expect(fromNext(p, { type: 'rate_limits.updated', event_id: 'e', rate_limits: [] })).toEqual([])
  expect(p.tick(at + 500)).toEqual([])
  expect(fromNext(p, updated(p.state.profile))).toEqual([])
  expect(fromNext(p, { type: 'session.created', event_id: 'e', session: { id: 'sess_2' } })).toEqual([])
  expect(p.tick(at + 500)).toContain('switch 2')
})

it('under a quota the next leg is told to leave the answering of turns to the relay from the start', () => {
  const quota = { rules: [{ of: 'responses', per: 'day', max: 5 }], failOpen: true, currency: 'USD' }
  const p = play({ quota: quota as never, limits: { reconnectMs: RECONNECT_MS, upstreamSessionMs: CAP_MS, idleTimeoutMs: 3_600_000 } as never })
  dials(p)
  fromNext(p, { type: 'session.created', event_id: 'e', session: {} })
  expect(p.lastTo('upstream')).toMatchObject({ type: 'session.update', session: { audio: { input: { turn_detection: { type: 'server_vad', create_response: false } } } } })
})

it('looks for a quiet point are a second apart, and come as soon as less is quiet enough', () => {
  const p = lasting({ tools: [] })
  p.upstream(ev.created('r1'))
  const at = dials(p)
  prepares(p)
  expect(p.tick(at)).toEqual([])
  p.upstream(ev.done('r1'))
  expect(p.tick(at + 999)).toEqual([])
  expect(p.tick(at + 1000)).toContain('switch 2')

  const late = lasting({ tools: [] })
  late.upstream(ev.created('r1'))
  dials(late)
  prepares(late)
  late.tick(CAP_MS - 30_500)
  late.upstream({ type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'i', audio_start_ms: 0 })
  expect(late.tick(CAP_MS - 30_000)).toEqual([])
  late.upstream(ev.done('r1'))
  expect(late.tick(CAP_MS - 29_999)).toEqual([])
  expect(late.tick(CAP_MS - 29_000)).toContain('switch 2')
})

it.each([
  [50, true],
  [51, false],
])('%i ms of audio that wait for a commit by hand: moves is %s', (openMs, moves) => {
  const p = lasting()
  p.upstream({ ...updated(p.state.profile), session: { ...(updated(p.state.profile).session as object), audio: { input: { turn_detection: null } } } } as never)
  p.state = { ...p.state, detectsTurns: false, voice: { ...p.state.voice, openFromMs: 4000 } }
  p.heard = { totalMs: 4000 + openMs, keptFromMs: 0 }
  const at = dials(p)
  prepares(p)
  expect(p.tick(at).includes('switch 2')).toBe(moves)
})

it('and audio that voice detection listens to is not waited for', () => {
  const p = lasting()
  p.heard = { totalMs: 9000, keptFromMs: 0 }
  const at = dials(p)
  prepares(p)
  expect(p.tick(at)).toContain('switch 2')
})

it('a session that drains stays where it is, and so does one whose upstream is being restored', () => {
  const draining = lasting({ tools: [] })
  draining.upstream(ev.created('r1'))
  draining.feed({ type: 'drain', untilMs: CAP_MS * 2 })
  expect(draining.tick(CAP_MS - 20_000)).toEqual([])
  const p = play({ limits: { reconnectMs: 200_000, upstreamSessionMs: 60_000, idleTimeoutMs: 1e9 } as never })
  p.upstream(ev.added(user))
  lose(p)
  p.feed({ type: 'upstream.opened', leg: 2, privateWords: [] })
  p.upstream({ type: 'session.created', event_id: 'e', session: {} })
  p.upstream(updated(p.state.profile))
  expect(p.state.upstream.phase).toBe('replaying')
  expect(p.tick(58_000)).toEqual([])
})

it('the leg that was left still tells its limits, and nothing else is taken of it', () => {
  const p = lasting({ tools: [] })
  const at = dials(p)
  prepares(p)
  p.tick(at)
  const limits = { type: 'rate_limits.updated', event_id: 'e', rate_limits: [{ name: 'tokens', limit: 100, remaining: 7, reset_seconds: 1 }] }
  const former = (event: object) => p.input({ type: 'upstream.event', leg: 1, event: event as never, frame: undefined })
  expect(former(limits)).toMatchObject([{ type: 'record.limits', limits: [{ remaining: 7 }] }])
  expect(former(ev.added(user))).toEqual([])
})

it('a client that asked for the relay’s events hears nothing of it', () => {
  for (const cut of [false, true]) {
    const p = lasting({ tools: [], relayEvents: true })
    if (cut) speaking(p)
    else p.upstream(ev.added(user))
    if (!cut) p.upstream({ type: 'conversation.item.done', event_id: 'e', item: user })
    const at = dials(p)
    prepares(p)
    const sent = p.allTo('upstream').length
    const now = cut ? CAP_MS - 10_000 : at
    expect(tick(p, now)).toContain('switch 2')
    const actions = p
      .allTo('upstream')
      .slice(sent)
      .flatMap(({ item }) => p.input({ type: 'upstream.event', leg: 2, event: ev.added(item as object) as never, frame: undefined }))
    expect(p.state.upstream).toMatchObject({ phase: 'ready', leg: 2 })
    const [cause, became] = cut ? ['forced', 'broken'] : ['rollover', 'none']
    expect(actions).toContainEqual({ type: 'note', note: { type: 'restored', cause, durationMs: 0, attempts: 1, cut: became } })
    expect(p.allTo('client').map(({ type }) => type)).not.toContain('relay.resumed')
  }
})

it('a next leg that does not take the conversation is a lost one: another is dialled, and then the session ends', () => {
  const p = lasting({ tools: [] })
  p.upstream(ev.added(user))
  p.upstream({ type: 'conversation.item.done', event_id: 'e', item: user })
  const at = dials(p)
  prepares(p)
  expect(p.tick(at)).toContain('switch 2')
  expect(p.tick(at + RECONNECT_MS - 1)).toEqual([])
  expect(p.tick(at + RECONNECT_MS)).toEqual(['close upstream_lost rollover_failed'])
})
