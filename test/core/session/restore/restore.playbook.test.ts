// Playbooks for a session whose upstream was lost: when another is dialled, what it is told, what the client sees of all that, and when it is over.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../../src/core/protocol/events.js'
import { lanesOf } from '../../../../src/core/session/state.js'
import { ev, type Play, PREFIX, tool } from '../../../support/playbook.js'
import { comesBack, echo, lose, RECONNECT_MS, restorable, typesTo } from './lost-upstream.js'

const user = (id: string, text: string): JsonObject => ({ id, type: 'message', status: 'completed', role: 'user', content: [{ type: 'input_text', text }] })
const asked = (p: Play) => {
  p.upstream(ev.added(user('item_1', 'How is the sea today?')))
  p.upstream({ type: 'conversation.item.done', event_id: 'e', item: user('item_1', 'How is the sea today?') })
}
const part = (type: string, more: object = {}) => ({ type, event_id: 'e', response_id: 'r1', item_id: 'item_2', output_index: 0, content_index: 0, ...more })
const said = (text: string, audioMs = 0) => [{ itemId: 'item_2', text, audioMs }]
const opened: JsonObject = { id: 'item_2', type: 'message', status: 'in_progress', role: 'assistant', content: [] }
/** An answer in speech whose first words are on their way. */
const speaking = (p: Play) => {
  asked(p)
  p.client({ type: 'response.create', event_id: 'mine', response: { metadata: { turn: '7' } } })
  p.upstream(ev.created('r1', { metadata: { turn: '7' } }))
  p.upstream(ev.itemAdded('r1', opened))
  p.upstream(ev.added(opened, 'item_1'))
  p.upstream(part('response.content_part.added', { part: { type: 'audio', transcript: '' } }))
  p.upstream(part('response.output_audio_transcript.delta', { delta: 'The sea' }))
}

describe('a lost upstream', () => {
  it('is dialled again at once, and the client’s frames wait meanwhile', () => {
    const p = restorable()
    expect(lose(p)).toEqual(['dial 2 lost'])
    expect(p.state.upstream).toEqual({ phase: 'dialling', leg: 2 })
    expect(lanesOf(p.state)).toEqual({ client: 'hold', upstream: 'parse' })
  })

  it('is configured as the first was, told the conversation, and the client sees nothing of it', () => {
    const p = restorable()
    asked(p)
    const seen = p.allTo('client').length
    lose(p)
    const { lines, items } = comesBack(p)
    expect(lines).toEqual(['switch 2', 'upstream session.update', 'upstream conversation.item.create', 'upstream conversation.item.create'])
    expect(items[0]).toEqual({ id: 'item_1', type: 'message', role: 'user', content: [{ type: 'input_text', text: 'How is the sea today?' }] })
    expect(items[1]).toMatchObject({ role: 'system' })
    expect(p.state.upstream.phase).toBe('ready')
    expect(lanesOf(p.state)).toEqual({ client: 'pass', upstream: 'pass' })
    expect(p.allTo('client').slice(seen)).toEqual([])
  })

  it('links what the client puts in front of the relay’s note, and what comes behind it, as if there were no note', () => {
    const p = restorable()
    asked(p)
    lose(p)
    const { items } = comesBack(p)
    const note = items.at(-1)?.id
    p.upstream({ type: 'conversation.item.added', event_id: 'e', previous_item_id: 'item_1', item: user('item_2', 'It is on screen') })
    expect(p.lastTo('client')).toMatchObject({ previous_item_id: 'item_1', item: { id: 'item_2' } })
    p.upstream({ type: 'conversation.item.added', event_id: 'e', previous_item_id: note, item: user('item_3', 'And now?') })
    expect(p.lastTo('client')).toMatchObject({ previous_item_id: 'item_2', item: { id: 'item_3' } })
  })

  it('is not live before the last item is in, nor before its configuration is', () => {
    const p = restorable()
    asked(p)
    lose(p)
    p.feed({ type: 'upstream.opened', leg: 2, privateWords: [] })
    p.upstream({ type: 'session.created', event_id: 'e', session: { id: 'sess_2' } })
    expect(p.state.upstream.phase).toBe('configuring')
    p.upstream({ type: 'session.updated', event_id: 'e', session: { instructions: 'other', tools: [] } })
    expect(p.state.upstream.phase).toBe('lost')
    expect(p.tick(600)).toEqual(['dial 3 again'])
    const { items } = comesBack(p)
    expect(items).toHaveLength(2)
    expect(p.state.upstream.phase).toBe('ready')
  })

  it('a refused item is left out, and is no reason to wait', () => {
    const p = restorable()
    asked(p)
    lose(p)
    p.feed({ type: 'upstream.opened', leg: 2, privateWords: [] })
    p.upstream({ type: 'session.created', event_id: 'e', session: { id: 'sess_2' } })
    const before = p.allTo('upstream').length
    p.upstream({ ...(p.state.restore ? inForce(p) : {}) })
    const [first, second] = p.allTo('upstream').slice(before)
    expect(p.upstream(ev.error('item_create_duplicate_item_id', String(first?.event_id)))).toEqual([])
    expect(p.state.upstream.phase).toBe('replaying')
    echo(p, second?.item as JsonObject)
    expect(p.state.upstream.phase).toBe('ready')
  })
})

const inForce = (p: Play) => ({
  type: 'session.updated',
  event_id: 'e',
  session: { instructions: p.state.profile.instructions, tools: p.state.profile.tools.map((one) => ({ ...one.definition })) },
})

describe('attempts', () => {
  it('pause longer each time, and end the session as its end would have at the time limit', () => {
    const p = restorable()
    lose(p, [], 1001)
    const dials: number[] = []
    let last: readonly string[] = []
    for (let now = 0; now <= RECONNECT_MS && p.state.life !== 'closed'; now += 50) {
      last = p.tick(now)
      if (last.some((line) => line.startsWith('dial'))) dials.push(now)
      if (p.state.upstream.phase === 'dialling') last = p.feed({ type: 'upstream.failed', leg: p.state.upstream.leg, code: 'upstream_refused', why: 'unreachable' })
    }
    const pauses = dials.map((at, index) => at - (dials[index - 1] ?? 0))
    expect(pauses.length).toBeGreaterThanOrEqual(4)
    for (const [index, pause] of pauses.entries()) {
      expect(pause).toBeGreaterThanOrEqual(250 * 2 ** index)
      expect(pause).toBeLessThanOrEqual(500 * 2 ** index + 50)
    }
    expect(p.state.life).toBe('closed')
    expect(last).toEqual(['close session_over upstream_session_over'])
  })

  it('that hang are given up, so that there is time for another', () => {
    const p = restorable()
    lose(p)
    expect(p.tick(3999)).toEqual([])
    p.tick(4000)
    expect(p.tick(4600)).toEqual(['dial 3 again'])
    expect(p.feed({ type: 'upstream.opened', leg: 2, privateWords: [] })).toEqual([])
  })

  it('wait for as long as the upstream asks for, if there is time', () => {
    const p = restorable()
    lose(p)
    p.feed({ type: 'upstream.failed', leg: 2, code: 'rate_limited', why: 'quota', retryAfterSeconds: 3 })
    expect(p.tick(2900)).toEqual([])
    expect(p.tick(3000)).toEqual(['dial 3 again'])
    expect(p.feed({ type: 'upstream.failed', leg: 3, code: 'rate_limited', why: 'quota', retryAfterSeconds: 30 })).toEqual(['close upstream_lost upstream_closed'])
  })

  it('that wait for others have a minute, and their own time begins with the dial', () => {
    const p = restorable()
    lose(p)
    p.feed({ type: 'dial.waits', leg: 2 })
    expect(p.tick(45_000)).toEqual([])
    p.feed({ type: 'dial.begins', leg: 2 })
    expect(p.tick(48_999)).toEqual([])
    p.tick(49_000)
    expect(p.state.upstream.phase).toBe('lost')
    expect(p.tick(55_000).at(-1)).toMatch(/^close upstream_lost/)
    const other = restorable()
    lose(other)
    other.feed({ type: 'dial.waits', leg: 2 })
    expect(other.tick(59_999)).toEqual([])
    expect(other.tick(60_000)).toEqual(['close upstream_lost upstream_closed'])
  })

  it('are urgent if somebody speaks or waits for an answer', () => {
    const urgent = (p: Play) => p.input({ type: 'upstream.closed', leg: 1, code: 1006 }).find((action) => action.type === 'dial')
    expect(urgent(restorable())).toMatchObject({ urgent: false })
    const p = restorable()
    p.client({ type: 'response.create' })
    expect(urgent(p)).toMatchObject({ urgent: true })
  })

  it('are three restores a minute at most', () => {
    const p = restorable()
    for (let times = 0; times < 3; times++) {
      expect(lose(p)).toEqual([`dial ${times + 2} lost`])
      comesBack(p)
    }
    expect(lose(p)).toEqual(['close upstream_lost upstream_closed'])
  })

  it.each(['insufficient_quota', 'invalid_api_key', 'account_deactivated', 'billing_hard_limit_reached'])('are not made after %s', (code) => {
    const p = restorable()
    p.upstream(ev.error(code))
    expect(lose(p)).toEqual(['close upstream_lost upstream_closed'])
  })

  it('are not made for a session that drains, and stop for a client that leaves', () => {
    const leaving = restorable()
    lose(leaving)
    expect(leaving.feed({ type: 'client.closed', code: 1000 })).toEqual(['close client_left client_left'])
    const draining = restorable()
    draining.client({ type: 'response.create' })
    draining.feed({ type: 'drain', untilMs: 60_000 })
    expect(lose(draining).at(-1)).toBe('close upstream_lost upstream_closed')
  })

  it('follow an end of the session at its longest time, told by an error, and the client does not hear of it', () => {
    const p = restorable()
    expect(p.upstream(ev.error('session_expired'))).toEqual(['dial 2 again'])
    expect(p.upstream(ev.created('late'))).toEqual([])
  })
})

describe('what was sent and not answered', () => {
  it('is sent again once, in order, after the conversation', () => {
    const p = restorable()
    p.client({ type: 'conversation.item.create', item: user('mine', 'Hello') })
    p.client({ type: 'response.create', event_id: 'ask' })
    lose(p)
    const { lines } = comesBack(p)
    expect(lines.slice(-2)).toEqual(['upstream conversation.item.create', 'upstream response.create'])
    expect(p.lastTo('upstream')).toEqual({ type: 'response.create', event_id: 'ask' })
    expect(p.upstream(ev.added(user('mine', 'Hello')))).toEqual(['client conversation.item.added'])
    p.upstream(ev.created('r1'))
    lose(p)
    const again = comesBack(p)
    expect(again.items.map((item) => item.id)).toEqual(['mine', `${PREFIX}r3`])
  })

  it('a turn that voice detection ended is asked for by the relay, and its words are said to be missing', () => {
    const p = restorable()
    p.upstream({ ...inForce(p), session: { ...inForce(p).session, audio: { input: { turn_detection: { type: 'server_vad', create_response: true } } } } })
    p.upstream({ type: 'input_audio_buffer.committed', event_id: 'e', item_id: 'spoken', previous_item_id: null })
    p.upstream(ev.added({ id: 'spoken', type: 'message', role: 'user', status: 'completed', content: [{ type: 'input_audio', transcript: null }] }))
    lose(p)
    const seen = p.allTo('client').length
    const { items, lines } = comesBack(p)
    expect(JSON.stringify(items.at(-1))).toContain('could not be heard')
    expect(lines.slice(-2)).toEqual(['client conversation.item.done', 'upstream response.create'])
    expect(typesTo(p, 'client', seen)).toEqual(['conversation.item.done'])
    // The client waits for that answer, so a request of its own is the service's to refuse.
    expect(p.client({ type: 'response.create' })).toEqual(['upstream response.create'])
  })

  it('speech that goes on is shown under the id it began with', () => {
    const p = restorable()
    p.upstream({ type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'speech_1', audio_start_ms: 0 })
    lose(p)
    comesBack(p)
    expect(p.upstream({ type: 'input_audio_buffer.speech_started', event_id: 'e', item_id: 'speech_2', audio_start_ms: 0 })).toEqual([])
    expect(p.upstream({ type: 'input_audio_buffer.committed', event_id: 'e', item_id: 'speech_2', previous_item_id: null })).toEqual(['client input_audio_buffer.committed'])
    expect(p.lastTo('client')).toMatchObject({ item_id: 'speech_1' })
    p.client({ type: 'conversation.item.delete', item_id: 'speech_1' })
    expect(p.lastTo('upstream')).toMatchObject({ type: 'conversation.item.delete', item_id: 'speech_2' })
  })
})

describe('an answer that was under way', () => {
  it('and of which nothing was seen begins again, under the id that the client knows', () => {
    const p = restorable({ tools: [] })
    asked(p)
    p.client({ type: 'response.create', response: { metadata: { turn: '7' } } })
    p.upstream(ev.created('r1'))
    lose(p)
    comesBack(p)
    expect(p.lastTo('upstream')).toMatchObject({ type: 'response.create', response: { metadata: { turn: '7' } } })
    const seen = p.allTo('client').length
    p.upstream(ev.created('r2'))
    expect(lanesOf(p.state).upstream).toBe('parse')
    p.upstream(part('response.output_audio.delta', { response_id: 'r2', delta: 'AAAA' }))
    p.upstream(ev.done('r2'))
    expect(p.allTo('client').slice(seen)).toMatchObject([
      { type: 'response.output_audio.delta', response_id: 'r1' },
      { type: 'response.done', response: { id: 'r1', status: 'completed' } },
    ])
    expect(lanesOf(p.state).upstream).toBe('pass')
  })

  it('and heard in part is closed in the protocol’s order, and goes on in a new response', () => {
    const p = restorable({ tools: [] })
    speaking(p)
    lose(p, said('The sea is calm, and the wind', 1000))
    const seen = p.allTo('client').length
    const { items } = comesBack(p)
    expect(typesTo(p, 'client', seen)).toEqual([
      'response.output_audio.done',
      'response.output_audio_transcript.done',
      'response.content_part.done',
      'conversation.item.done',
      'response.output_item.done',
      'response.done',
    ])
    expect(p.lastTo('client')).toMatchObject({
      response: {
        id: 'r1',
        status: 'incomplete',
        metadata: { turn: '7' },
        output: [{ id: 'item_2', status: 'incomplete', content: [{ transcript: 'The sea is calm, and the wind' }] }],
      },
    })
    expect(items.map((item) => JSON.stringify(item.content)).join()).toContain('"text":"The sea is"')
    expect(JSON.stringify(items.at(-1))).toContain('broke off')
    expect(p.lastTo('upstream')).toMatchObject({ type: 'response.create', response: { metadata: { turn: '7' } } })
    expect(p.upstream(ev.created('r2'))).toEqual(['client response.created'])
  })

  it('whose part was opened by an event that had passed unread is closed as well', () => {
    const p = restorable({ tools: [] })
    asked(p)
    p.client({ type: 'response.create' })
    p.upstream(ev.created('r1'))
    p.upstream(ev.itemAdded('r1', opened))
    expect(p.feed({ type: 'upstream.passed', leg: 1, event: part('response.content_part.added', { part: { type: 'text', text: '' } }) })).toEqual([])
    lose(p, said('The sea'))
    const seen = p.allTo('client').length
    comesBack(p)
    expect(typesTo(p, 'client', seen)).toEqual(['response.output_text.done', 'response.content_part.done', 'response.output_item.done', 'response.done'])
  })

  it('is cut at the words that a voice of its speed has said by then', () => {
    const told = (speed: number | undefined) => {
      const p = restorable({ tools: [] })
      speaking(p)
      lose(p, [{ itemId: 'item_2', text: 'The sea is calm, and the wind is low tonight', audioMs: 1000, speed }])
      return comesBack(p).items[1]?.content
    }
    expect(told(undefined)).toEqual([{ type: 'output_text', text: 'The sea is' }])
    expect(told(22)).toEqual([{ type: 'output_text', text: 'The sea is calm, and' }])
    expect(told(1000)).toEqual([{ type: 'output_text', text: 'The sea is calm, and the wind' }])
  })

  it('and whose end alone was missing is completed, and nothing is asked for', () => {
    const p = restorable({ tools: [] })
    speaking(p)
    p.upstream(part('response.output_audio.done'))
    p.upstream(part('response.output_audio_transcript.done', { transcript: 'The sea is calm.' }))
    p.upstream(part('response.content_part.done', { part: { type: 'audio', transcript: 'The sea is calm.' } }))
    const done = { ...opened, status: 'completed', content: [{ type: 'output_audio', transcript: 'The sea is calm.' }] }
    p.upstream({ type: 'conversation.item.done', event_id: 'e', item: done })
    p.upstream(ev.itemDone('r1', done))
    lose(p)
    const seen = p.allTo('client').length
    const { items, lines } = comesBack(p)
    expect(p.allTo('client').slice(seen)).toMatchObject([{ type: 'response.done', response: { status: 'completed' } }])
    expect(items[1]).toMatchObject({ id: 'item_2', content: [{ text: 'The sea is calm.' }] })
    expect(lines.at(-1)).toBe('client response.done')
  })

  it('and that the client had cancelled is cancelled, and nothing follows', () => {
    const p = restorable({ tools: [] })
    speaking(p)
    p.client({ type: 'response.cancel' })
    lose(p, said('The sea', 500))
    const { lines } = comesBack(p)
    expect(p.lastTo('client')).toMatchObject({ type: 'response.done', response: { status: 'cancelled' } })
    expect(lines.filter((line) => line === 'upstream response.create')).toEqual([])
  })

  it('is booked as an estimate once, also if the session ends instead', () => {
    const p = restorable({ tools: [], session: { max_output_tokens: 300 } })
    speaking(p)
    lose(p, said('The sea', 500))
    expect(comesBack(p).lines.filter((line) => line.startsWith('estimate'))).toEqual(['estimate 0+300'])
    const other = restorable({ tools: [], session: { max_output_tokens: 300 } })
    speaking(other)
    lose(other)
    expect(other.tick(RECONNECT_MS)).toEqual(['estimate 0+300', 'close upstream_lost upstream_closed'])
  })

  it('can be truncated afterwards: the relay answers, and replaces the text', () => {
    const p = restorable({ tools: [] })
    speaking(p)
    lose(p, said('The sea is calm, and the wind', 2000))
    comesBack(p)
    const sent = p.allTo('upstream').length
    expect(p.client({ type: 'conversation.item.truncate', item_id: 'item_2', content_index: 0, audio_end_ms: 600 })).toEqual([
      'client conversation.item.truncated',
      'upstream conversation.item.delete',
      'upstream conversation.item.create',
    ])
    expect(p.allTo('upstream').slice(sent)[1]).toMatchObject({ item: { id: 'item_2', content: [{ type: 'output_text', text: 'The sea' }] } })
    expect(p.upstream({ type: 'conversation.item.deleted', event_id: 'e', item_id: 'item_2' })).toEqual([])
    expect(echo(p, { id: 'item_2', type: 'message', role: 'assistant', content: [] })).toEqual([])
    p.client({ type: 'conversation.item.delete', item_id: 'item_2' })
    expect(p.upstream({ type: 'conversation.item.deleted', event_id: 'e', item_id: 'item_2' })).toEqual(['client conversation.item.deleted'])
  })
})

describe('tools', () => {
  const called = (p: Play) => {
    asked(p)
    p.client({ type: 'response.create' })
    p.upstream(ev.created('r1'))
    p.upstream(ev.itemAdded('r1', ev.call('c', 'get_weather', '', 'in_progress')))
    p.upstream(ev.added(ev.call('c', 'get_weather', '', 'in_progress'), 'item_1'))
  }

  it('that run go on, and are answered on the new leg: none is run twice', () => {
    const p = restorable()
    called(p)
    expect(p.upstream(ev.itemDone('r1', ev.call('c', 'get_weather')))).toEqual(['start c'])
    lose(p)
    const { items, lines } = comesBack(p)
    expect(items[1]).toMatchObject({ type: 'function_call', call_id: 'c' })
    expect(lines.filter((line) => line.startsWith('start') || line.startsWith('client'))).toEqual([])
    expect(p.toolFinished('c', 'rain')).toEqual(['upstream conversation.item.create', 'upstream response.create'])
    expect(p.upstream(ev.created('r2'))).toEqual([])
    expect(p.upstream(ev.itemAdded('r2', ev.message('item_3')))).toEqual(['client response.created', 'client response.output_item.added'])
  })

  it('that end meanwhile hand their result to the new leg, and what is owed is asked for', () => {
    const p = restorable()
    called(p)
    p.upstream(ev.itemDone('r1', ev.call('c', 'get_weather')))
    p.upstream(ev.done('r1', [ev.call('c', 'get_weather')]))
    lose(p)
    expect(p.toolFinished('c', 'rain')).toEqual([])
    const { lines } = comesBack(p)
    expect(lines.slice(-2)).toEqual(['upstream conversation.item.create', 'upstream response.create'])
    expect(p.allTo('upstream').at(-2)).toMatchObject({ item: { type: 'function_call_output', call_id: 'c', output: 'rain' } })
  })

  it('of which half a call has come are forgotten, and the response is asked for again', () => {
    const p = restorable()
    called(p)
    lose(p, [{ itemId: 'item_c', text: '{"ci', audioMs: 0 }])
    const { items } = comesBack(p)
    expect(items.filter((item) => item.type === 'function_call')).toEqual([])
    expect(p.lastTo('upstream')).toMatchObject({ type: 'response.create' })
  })

  it('whose arguments are whole count, though the call was not done', () => {
    const p = restorable()
    called(p)
    p.upstream({
      type: 'response.function_call_arguments.done',
      event_id: 'e',
      response_id: 'r1',
      item_id: 'item_c',
      output_index: 0,
      call_id: 'c',
      name: 'get_weather',
      arguments: '{}',
    })
    lose(p)
    const { items, lines } = comesBack(p)
    expect(items[1]).toMatchObject({ type: 'function_call', call_id: 'c', arguments: '{}' })
    expect(lines).toContain('start c')
  })

  it('a call of the client’s is closed as completed, so that its result finds it', () => {
    const p = restorable({ tools: [tool('show_on_screen', 'client')] })
    asked(p)
    p.client({ type: 'response.create' })
    p.upstream(ev.created('r1'))
    p.upstream(ev.itemAdded('r1', ev.call('c', 'show_on_screen', '', 'in_progress')))
    p.upstream(ev.added(ev.call('c', 'show_on_screen', '', 'in_progress'), 'item_1'))
    p.upstream(ev.itemDone('r1', ev.call('c', 'show_on_screen')))
    lose(p)
    const { lines } = comesBack(p)
    expect(p.lastTo('client')).toMatchObject({ type: 'response.done', response: { status: 'completed', output: [{ call_id: 'c' }] } })
    expect(lines.filter((line) => line === 'upstream response.create')).toEqual([])
    expect(p.client({ type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'c', output: 'shown' } })).toEqual(['upstream conversation.item.create'])
  })
})

describe('an upstream that is silent while an answer is awaited', () => {
  it('is asked for a sign of life, and left without one', () => {
    const p = restorable()
    p.client({ type: 'response.create' })
    const tick = (now: number, upstreamHeard: number | undefined) => {
      p.now = now
      return p.feed({ type: 'tick', clientActiveAt: 0, upstreamHeard })
    }
    expect(tick(1000, 5)).toEqual([])
    expect(tick(3000, 5)).toEqual(['ping'])
    expect(tick(6000, 6)).toEqual([])
    expect(tick(8000, 6)).toEqual(['ping'])
    expect(tick(11_000, 6)).toEqual(['dial 2 lost'])
  })

  const looks = (p: Play, ...at: readonly number[]) =>
    at.map((now) => {
      p.now = now
      return [now, ...p.feed({ type: 'tick', clientActiveAt: now, upstreamHeard: 5 })]
    })
  it('is asked once, two seconds after it was heard, and left three seconds later', () => {
    const p = restorable()
    p.client({ type: 'response.create' })
    expect(looks(p, 999, 1000, 2999, 3000, 3500, 5999, 6000)).toEqual([[999], [1000], [2999], [3000, 'ping'], [3500], [5999], [6000, 'dial 2 lost']])
  })

  it('is asked while a turn is owed an answer, and not while nothing is', () => {
    const p = restorable()
    p.state = { ...p.state, answersTurns: true }
    expect(looks(p, 1000, 4000, 9000).flat()).toEqual([1000, 4000, 9000])
    p.upstream({ type: 'input_audio_buffer.committed', event_id: 'e', item_id: 'spoken', previous_item_id: null })
    expect(looks(p, 10_000, 12_000)).toEqual([[10_000], [12_000, 'ping']])
  })

  it('is not, while it is not read', () => {
    const p = restorable()
    p.client({ type: 'response.create' })
    for (let now = 1000; now <= 30_000; now += 1000) {
      p.now = now
      expect(p.feed({ type: 'tick', clientActiveAt: now, upstreamHeard: undefined })).toEqual([])
    }
  })
})

it('a client that asked for the relay’s events is told once', () => {
  const p = restorable({ relayEvents: true })
  asked(p)
  lose(p)
  p.now = 300
  comesBack(p)
  expect(p.lastTo('client')).toMatchObject({ type: 'relay.resumed', cause: 'upstream', gap_ms: 300, cut: 'none' })
})

it('an event that was read just before its lane closed is handled after the restore, and not lost', () => {
  const p = restorable()
  lose(p)
  expect(p.client({ type: 'conversation.item.create', item: user('mine', 'Good night') })).toEqual([])
  expect(p.client({ type: 'response.create' })).toEqual([])
  expect(comesBack(p).lines.slice(-2)).toEqual(['upstream conversation.item.create', 'upstream response.create'])
})

describe('an answer that goes on', () => {
  it('was asked for by nobody: a request that the client makes meanwhile waits for its end, and is not refused', () => {
    const p = restorable({ tools: [] })
    speaking(p)
    lose(p, said('The sea is calm', 1000))
    comesBack(p)
    const request = { type: 'response.create', event_id: 'next' }
    expect(p.client(request)).toEqual([])
    p.upstream(ev.created('r2'))
    expect(p.client(request)).toEqual([])
    expect(p.upstream(ev.done('r2'))).toEqual(['client response.done', 'upstream response.create'])
    expect(p.lastTo('upstream')).toEqual(request)
  })

  it('of which nothing was heard is not told to go on, and the item that the client knows is there', () => {
    const p = restorable({ tools: [] })
    speaking(p)
    lose(p, said('The sea', 0))
    const { items } = comesBack(p)
    expect(items[1]).toMatchObject({ id: 'item_2', content: [{ text: '…' }] })
    expect(JSON.stringify(items)).not.toContain('broke off')
  })
})
