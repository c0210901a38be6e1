// Playbooks for what a new leg settles: what is sent again and what is not, what half done things become, and what had waited for it.
import { describe, expect, it } from 'vitest'
import type { JsonObject, RealtimeEvent } from '../../../../src/core/protocol/events.js'
import type { Action } from '../../../../src/core/session/actions.js'
import { itemsOf } from '../../../../src/core/session/kept-items.js'
import { nothingUnderWay } from '../../../../src/core/session/restore/under-way.js'
import { ev, type Play, PREFIX, tool, updated } from '../../../support/playbook.js'
import { comesBack, echo, lose, restorable, typesTo } from './lost-upstream.js'

const user = (id: string, words: string): JsonObject => ({ id, type: 'message', status: 'completed', role: 'user', content: [{ type: 'input_text', text: words }] })
const open = (id: string): JsonObject => ({ id, type: 'message', status: 'in_progress', role: 'assistant', content: [] })
const done = (item: object) => ({ type: 'conversation.item.done', event_id: 'e', item })
const turn = (p: Play) => {
  p.upstream(ev.added(user('item_1', 'How is the sea?')))
  p.upstream(done(user('item_1', 'How is the sea?')))
}
/** An answer that is being written. */
const answers = (p: Play, id = 'r1') => {
  p.upstream(ev.created(id))
  p.upstream(ev.itemAdded(id, open('item_2')))
  p.upstream(ev.added(open('item_2'), 'item_1'))
}
const written = [{ itemId: 'item_2', text: 'The sea is calm, and the wind is low', audioMs: 0 }]
const answering = (change: Parameters<typeof restorable>[0] = { tools: [] }) => {
  const p = restorable(change)
  turn(p)
  p.client({ type: 'response.create', event_id: 'mine' })
  answers(p)
  return p
}
const endOf = (p: Play) => (p.allTo('client').findLast(({ type }) => type === 'response.done')?.response as JsonObject | undefined)?.status
const from = (p: Play, leg: number, event: object): readonly Action[] => p.input({ type: 'upstream.event', leg, event: event as never, frame: undefined })
/** The new leg is configured: what it is told. */
const opens = (p: Play, session: object = {}): readonly RealtimeEvent[] => {
  p.feed({ type: 'upstream.opened', leg: p.state.upstream.leg, privateWords: [] })
  p.upstream({ type: 'session.created', event_id: 'e', session: {} })
  const before = p.allTo('upstream').length
  p.upstream({ ...updated(p.state.profile), session: { ...(updated(p.state.profile).session as object), ...session } })
  return p.allTo('upstream').slice(before)
}

describe('an answer that was under way', () => {
  it.each([
    ['response.cancel', {}, 'cancelled'],
    ['response.cancel', { response_id: 'r1' }, 'cancelled'],
    ['response.cancel', { response_id: 'other' }, 'incomplete'],
    ['conversation.item.delete', { item_id: 'item_1' }, 'incomplete'],
  ])('when %s %j was sent and not answered is %s', (type, fields, status) => {
    const p = answering()
    p.client({ type, ...fields })
    lose(p, written)
    const { lines } = comesBack(p)
    expect(endOf(p)).toBe(status)
    expect(lines).not.toContain('upstream response.cancel')
  })

  it('into which the user had cut is cancelled', () => {
    const p = answering()
    p.upstream({ type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'speech', audio_start_ms: 0 })
    lose(p, written)
    comesBack(p)
    expect(endOf(p)).toBe('cancelled')
  })

  it('has the client’s truncation done by the relay, since its end is text now', () => {
    const p = answering()
    p.upstream({ type: 'response.content_part.added', event_id: 'e', response_id: 'r1', item_id: 'item_2', output_index: 0, content_index: 0, part: { type: 'audio' } })
    const whole = { ...open('item_2'), status: 'completed', content: [{ type: 'output_audio', transcript: 'The sea is calm, and the wind is low' }] }
    p.upstream(done(whole))
    p.upstream(ev.itemDone('r1', whole))
    p.upstream(ev.done('r1', [whole]))
    p.client({ type: 'conversation.item.truncate', item_id: 'item_2', content_index: 0, audio_end_ms: 1000 })
    p.client({ type: 'conversation.item.truncate', item_id: 'item_1', content_index: 0, audio_end_ms: 1000 })
    lose(p)
    const { lines } = comesBack(p)
    expect(lines.slice(-4)).toEqual([
      'client conversation.item.truncated',
      'upstream conversation.item.delete',
      'upstream conversation.item.create',
      'upstream conversation.item.truncate',
    ])
    expect(p.lastTo('upstream')).toMatchObject({ item_id: 'item_1' })
  })

  it('and had called a tool in half as well goes on, and the half call is nowhere', () => {
    const p = restorable({ tools: [tool('show_on_screen', 'client')] })
    turn(p)
    p.client({ type: 'response.create' })
    answers(p)
    const said = { ...open('item_2'), status: 'completed', content: [{ type: 'output_text', text: 'Look.' }] }
    p.upstream(done(said))
    p.upstream(ev.itemDone('r1', said))
    const half = ev.call('c', 'show_on_screen', '', 'in_progress')
    p.upstream(ev.itemAdded('r1', half))
    p.upstream(ev.added(half, 'item_2'))
    lose(p, [{ itemId: 'item_c', text: '{"wh', audioMs: 0 }])
    comesBack(p)
    expect(endOf(p)).toBe('incomplete')
    expect(itemsOf(p.state.conversation).map(({ id }) => id)).toEqual(['item_1', 'item_2'])
  })

  it('of which nobody saw anything leaves nothing behind: what follows has its place after the turn', () => {
    const p = restorable()
    turn(p)
    p.client({ type: 'response.create' })
    p.upstream(ev.created('r1'))
    const half = ev.call('c', 'get_weather', '', 'in_progress')
    p.upstream(ev.itemAdded('r1', half))
    p.upstream(ev.added(half, 'item_1'))
    lose(p)
    const note = String(comesBack(p).items.at(-1)?.id)
    p.upstream(ev.created('r2'))
    const answer = { ...ev.message('item_3', 'The sea is calm, and the wind is low') }
    p.upstream(ev.itemAdded('r2', answer))
    p.upstream(ev.added(answer, note))
    p.upstream(done(answer))
    p.upstream(ev.itemDone('r2', answer))
    p.upstream(ev.done('r2', [answer]))
    expect(p.state.underWay).toBe(nothingUnderWay)
    lose(p)
    comesBack(p)
    p.client({ type: 'conversation.item.truncate', item_id: 'item_3', content_index: 0, audio_end_ms: 1000 })
    expect(p.lastTo('upstream')).toMatchObject({ type: 'conversation.item.create', previous_item_id: 'item_1' })
  })

  it('that nobody asked for is begun again without wishes', () => {
    const p = restorable({ tools: [] })
    turn(p)
    p.upstream(ev.created('r1'))
    lose(p)
    comesBack(p)
    expect(Object.keys(p.lastTo('upstream') ?? {})).toEqual(['type', 'event_id'])
  })
})

describe('an answer that is asked for again and refused', () => {
  it('is seen to fail by a client that has seen it begin, and what comes next is news', () => {
    const p = restorable({ tools: [] })
    turn(p)
    p.client({ type: 'response.create' })
    p.upstream(ev.created('r1'))
    lose(p)
    comesBack(p)
    expect(p.upstream(ev.error('server_error', String(p.lastTo('upstream')?.event_id)))).toEqual(['client response.done'])
    expect(p.lastTo('client')).toMatchObject({
      response: { id: 'r1', object: 'realtime.response', status: 'failed', status_details: { type: 'failed' }, output: [], usage: null },
    })
    p.client({ type: 'response.create' })
    expect(p.upstream(ev.created('r2'))).toEqual(['client response.created'])
    expect(p.lastTo('client')).toMatchObject({ response: { id: 'r2' } })
  })

  it('and goes on where it was cut is not missed, and a request that waited for it goes', () => {
    const p = answering()
    lose(p, written)
    comesBack(p)
    const again = String(p.lastTo('upstream')?.event_id)
    expect(p.client({ type: 'response.create', event_id: 'next' })).toEqual([])
    expect(p.upstream(ev.error('server_error', `${PREFIX}other`))).toEqual([])
    expect(p.upstream(ev.error('server_error', again))).toEqual(['upstream response.create'])
    expect(p.lastTo('upstream')).toEqual({ type: 'response.create', event_id: 'next' })
  })
})

describe('that the user could not be heard', () => {
  const spoken = { id: 'spoken', type: 'message', role: 'user', status: 'completed', content: [{ type: 'input_audio', transcript: null }] }
  const greeting = ev.message('greeting', 'Hello')
  const asks = (p: Play) => p.client({ type: 'response.create' })
  it.each<[string, boolean, object[], (p: Play) => void]>([
    ['if an answer to it was asked for', true, [spoken], asks],
    [
      'if that had begun, and nothing of it was seen',
      true,
      [spoken],
      (p) => {
        asks(p)
        p.upstream(ev.created('r1'))
      },
    ],
    ['if it was answered', false, [spoken, greeting], () => undefined],
    ['if it has been put into words', false, [{ ...spoken, content: [{ type: 'input_audio', transcript: 'Hello' }] }], asks],
    ['if something was said since', false, [spoken, user('item_1', 'Hello')], asks],
    ['if the user has not said anything', false, [greeting], asks],
  ])('%s, is told the model: %s', (_when, isTold, items, happens) => {
    const p = restorable({ tools: [] })
    for (const item of items) {
      p.upstream(ev.added(item))
      p.upstream(done(item))
    }
    happens(p)
    lose(p)
    expect(JSON.stringify(comesBack(p).items).includes('could not be heard')).toBe(isTold)
  })
})

it('speech that a new leg does not hear again keeps nothing waiting', () => {
  const p = restorable({ tools: [{ ...tool('make_report'), background: true }] })
  turn(p)
  p.upstream(ev.created('r1'))
  const call = ev.call('c', 'make_report')
  p.upstream(ev.itemDone('r1', call))
  p.upstream(ev.done('r1', [call]))
  const placeholder = p.allTo('upstream').at(-2)?.item as JsonObject
  echo(p, placeholder)
  p.upstream(ev.created('r2'))
  p.upstream(ev.done('r2'))
  p.upstream({ type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'speech', audio_start_ms: 0 })
  lose(p)
  comesBack(p)
  expect(p.toolFinished('c', 'the report')).toEqual(['upstream conversation.item.create', 'upstream response.create'])
})

describe('the line that is said while a tool takes long', () => {
  const FILLER = { toolNoticeMs: 1500, toolFiller: 'Say that you look it up.' }
  const looksUp = () => {
    const p = restorable(FILLER)
    turn(p)
    p.client({ type: 'response.create' })
    p.upstream(ev.created('r1'))
    p.upstream(ev.itemDone('r1', ev.call('c', 'get_weather')))
    p.upstream(ev.done('r1', [ev.call('c', 'get_weather')]))
    expect(p.tick(1500)).toEqual(['upstream response.create'])
    return p
  }
  const markOf = (p: Play) => (p.lastTo('upstream')?.response as JsonObject).metadata

  it('is ended for a client that heard its beginning, and not said again', () => {
    const p = looksUp()
    const metadata = markOf(p) as JsonObject
    p.upstream(ev.created('line', { metadata }))
    p.upstream(ev.itemAdded('line', open('item_line')))
    lose(p, [{ itemId: 'item_line', text: 'One moment', audioMs: 0 }])
    const seen = p.allTo('client').length
    const { lines } = comesBack(p)
    expect(typesTo(p, 'client', seen)).toEqual(['response.output_item.done', 'response.done'])
    expect(p.lastTo('client')).toMatchObject({ response: { id: 'line', status: 'cancelled', metadata: null, output: [{ id: 'item_line' }] } })
    expect(lines).not.toContain('upstream response.create')
    // Nothing waits for it any more.
    expect(p.toolFinished('c', 'rain')).toEqual(['upstream conversation.item.create', 'upstream response.create'])
    p.upstream(ev.added(p.allTo('upstream').at(-2)?.item as JsonObject))
    p.upstream(done(p.allTo('upstream').at(-2)?.item as JsonObject))
    p.upstream(ev.created('r2'))
    p.upstream(ev.done('r2'))
    expect(p.state.underWay).toBe(nothingUnderWay)
  })

  it('that had not begun is not heard of', () => {
    const p = looksUp()
    lose(p)
    const seen = p.allTo('client').length
    expect(comesBack(p).lines).not.toContain('upstream response.create')
    expect(typesTo(p, 'client', seen)).toEqual([])
    expect(p.toolFinished('c', 'rain')).toContain('upstream response.create')
  })
})

describe('under a quota', () => {
  const QUOTA = { quota: { rules: [{ of: 'responses', per: 'minute', max: 2 }], failOpen: false, currency: 'USD' } } as never as Parameters<typeof restorable>[0]
  const left = (responses: number) =>
    ({ usage: { minute: { counters: { responses }, endsAt: 60_000 } }, held: { responses: 0, tokens: 0, audioMinutes: 0, money: 0 }, granted: true }) as never
  const reserves = (actions: readonly Action[]) => actions.filter(({ type }) => type === 'quota.reserve').length
  const item = { type: 'conversation.item.create', item: user('later', 'And this') }

  it('an answer of the store that comes meanwhile counts once the session is live, and what waited behind it follows', () => {
    const p = restorable({ tools: [], ...QUOTA })
    p.client({ type: 'response.create', event_id: 'mine' })
    p.client(item)
    lose(p)
    expect(p.input({ type: 'quota.reserved', answer: left(1) })).toEqual([])
    const { lines } = comesBack(p)
    expect(lines.slice(-2)).toEqual(['upstream response.create', 'upstream conversation.item.create'])
  })

  it('a refusal that comes meanwhile is one', () => {
    const p = restorable({ tools: [], ...QUOTA })
    p.client({ type: 'response.create', event_id: 'mine' })
    lose(p)
    p.input({ type: 'quota.reserved', answer: undefined })
    expect(comesBack(p).lines.slice(-1)).toEqual(['client error'])
    expect(p.lastTo('client')).toMatchObject({ error: { code: 'rate_limited', event_id: 'mine' } })
  })

  it('a turn that was spoken during an answer is asked for after it', () => {
    const p = restorable({ tools: [], onCutAnswer: 'leave', ...QUOTA })
    turn(p)
    p.client({ type: 'response.create', event_id: 'mine' })
    p.input({ type: 'quota.reserved', answer: left(0) })
    answers(p)
    p.upstream({ type: 'input_audio_buffer.committed', event_id: 'e', item_id: 'turn_2', previous_item_id: 'item_2' })
    lose(p, written)
    const actions = opens(p).flatMap((one) => from(p, 2, ev.added(one.item as JsonObject)))
    expect(p.state.upstream.phase).toBe('ready')
    expect(reserves(actions)).toBe(1)
  })

  it('a new leg leaves the answering of turns to the relay from the start', () => {
    const p = restorable({ tools: [], ...QUOTA })
    lose(p)
    p.feed({ type: 'upstream.opened', leg: 2, privateWords: [] })
    p.upstream({ type: 'session.created', event_id: 'e', session: {} })
    expect(p.lastTo('upstream')).toMatchObject({ type: 'session.update', session: { audio: { input: { turn_detection: { type: 'server_vad', create_response: false } } } } })
  })
})

describe('while a new leg is told the conversation', () => {
  it('what it says of itself counts from then on', () => {
    const p = restorable({ tools: [] })
    turn(p)
    lose(p)
    p.feed({ type: 'upstream.opened', leg: 2, privateWords: [] })
    p.upstream({ type: 'session.created', event_id: 'e', session: {} })
    const session = { ...(updated(p.state.profile).session as object), model: 'gpt-realtime-2', audio: { output: { format: { type: 'audio/pcmu' } } } }
    const actions = from(p, 2, { type: 'session.updated', event_id: 'e', session })
    expect(actions).toContainEqual({ type: 'media', media: expect.objectContaining({ outputBytesPerSecond: 8000 }) })
    for (const event of p.allTo('upstream').slice(-2)) echo(p, event.item as JsonObject)
    expect(from(p, 2, ev.done('r1'))).toContainEqual({ type: 'note', note: expect.objectContaining({ type: 'response_done', model: 'gpt-realtime-2' }) })
  })

  it('what the user says is told once the session is live, and nothing that nobody asked for', () => {
    const p = restorable({ tools: [] })
    turn(p)
    lose(p)
    const [first, second] = opens(p)
    const speaks = (n: number) => ({ type: 'input_audio_buffer.speech_started', event_id: `e${n}`, item_id: `speech_${n}`, audio_start_ms: n })
    for (const event of [ev.created('stray'), { type: 'response.output_text.delta', event_id: 'e', response_id: 'stray', item_id: 'i', delta: 'x' }])
      expect(p.upstream(event)).toEqual([])
    expect(from(p, 2, { type: 'rate_limits.updated', event_id: 'e', rate_limits: [{ name: 'tokens', limit: 100, remaining: 7, reset_seconds: 1 }] })).toMatchObject([
      { type: 'record.limits' },
    ])
    for (let n = 0; n < 65; n++) expect(p.upstream(speaks(n))).toEqual([])
    const seen = p.allTo('client').length
    echo(p, first?.item as JsonObject)
    echo(p, second?.item as JsonObject)
    expect(p.state.upstream.phase).toBe('ready')
    expect(typesTo(p, 'client', seen)).toEqual(Array.from({ length: 64 }, () => 'input_audio_buffer.speech_started'))
    expect(p.lastTo('client')).toMatchObject({ item_id: 'speech_63' })
  })

  it('an error about nothing that it was told ends the attempt, and its errors after that are none of ours', () => {
    const p = restorable({ tools: [] })
    turn(p)
    lose(p)
    opens(p)
    expect(from(p, 2, ev.error('server_error', `${PREFIX}replay_99`))).toEqual([{ type: 'note', note: { type: 'upstream_error', code: expect.any(String) } }])
    expect(p.state.upstream.phase).toBe('lost')
    const { dialAt } = p.state.restore ?? {}
    p.now = 200
    expect(from(p, 2, ev.error('server_error'))).toEqual([])
    expect(p.state.restore?.dialAt).toBe(dialAt)
    expect(p.tick(dialAt ?? 0)).toEqual(['dial 3 again'])
  })

  it('an item that it refuses is noted', () => {
    const p = restorable({ tools: [] })
    turn(p)
    lose(p)
    const [first] = opens(p)
    expect(from(p, 2, ev.error('item_create_invalid', String(first?.event_id)))).toContainEqual({ type: 'note', note: { type: 'item_not_replayed' } })
  })
})
