// Playbooks for what a loss means: what is noted of it, what had been said by then, until when another leg is dialled, and which answers wait.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../../src/core/protocol/events.js'
import type { Action } from '../../../../src/core/session/actions.js'
import type { Input } from '../../../../src/core/session/inputs.js'
import { ev, type Play, play } from '../../../support/playbook.js'
import { comesBack, echo, lose, RECONNECT_MS, restorable } from './lost-upstream.js'

const notes = (actions: readonly Action[]) =>
  actions.flatMap((action) => (action.type === 'note' && /^(upstream_lost|restore_failed|restored)$/.test(action.note.type) ? [action.note] : []))
const closed = (p: Play) => p.input({ type: 'upstream.closed', leg: p.state.upstream.leg, code: 1006 })
const fails = (p: Play, why: string, retryAfterSeconds?: number): readonly Action[] =>
  p.input({ type: 'upstream.failed', leg: p.state.upstream.leg, code: 'upstream_refused', why, retryAfterSeconds })
const at = (p: Play, now: number, more: object = {}): readonly Action[] => {
  p.now = now
  return p.input({ type: 'tick', clientActiveAt: now, ...more })
}
const user: JsonObject = { id: 'item_1', type: 'message', status: 'completed', role: 'user', content: [{ type: 'input_text', text: 'How is the sea?' }] }
const opened: JsonObject = { id: 'item_2', type: 'message', status: 'in_progress', role: 'assistant', content: [] }
const part = (type: string, more: object = {}) => ({ type: `response.${type}`, event_id: 'e', response_id: 'r1', item_id: 'item_2', output_index: 0, content_index: 0, ...more })
const answering = (kind: 'audio' | 'text'): Play => {
  const p = restorable({ tools: [] })
  p.upstream(ev.added(user))
  p.upstream({ type: 'conversation.item.done', event_id: 'e', item: user })
  p.client({ type: 'response.create' })
  p.upstream(ev.created('r1'))
  p.upstream(ev.itemAdded('r1', opened))
  p.upstream(ev.added(opened, 'item_1'))
  p.upstream(part('content_part.added', { part: { type: kind } }))
  return p
}

const FILLER = { toolNoticeMs: 1500, toolFiller: 'Say that you look it up.' }
/** A tool is at work, and the line that is said meanwhile was asked for. */
const looksUp = (): Play => {
  const p = restorable(FILLER)
  p.upstream(ev.created('r1'))
  p.upstream(ev.itemDone('r1', ev.call('c', 'get_weather')))
  p.upstream(ev.done('r1', [ev.call('c', 'get_weather')]))
  expect(p.tick(1500)).toEqual(['upstream response.create'])
  return p
}

describe('a loss is noted with what was under way', () => {
  const speech = (type: string) => ({ type: `input_audio_buffer.${type}`, event_id: 'e', item_id: 'spoken', audio_start_ms: 0, audio_end_ms: 9 })
  const detecting = () => {
    const p = restorable({ tools: [] })
    p.state = { ...p.state, answersTurns: true, detectsTurns: true }
    return p
  }
  it.each<[string, () => Play]>([
    ['idle', () => restorable()],
    ['answer', () => answering('audio')],
    ['answer', looksUp],
    [
      'asked',
      () => {
        const p = restorable()
        p.client({ type: 'response.create' })
        return p
      },
    ],
    [
      'asked',
      () => {
        const p = detecting()
        p.upstream(speech('speech_started'))
        p.upstream(speech('speech_stopped'))
        return p
      },
    ],
    [
      'speech',
      () => {
        const p = detecting()
        p.upstream(speech('speech_started'))
        return p
      },
    ],
  ])('as %s', (during, play) => {
    const p = play()
    const actions = closed(p)
    expect(notes(actions)).toEqual([{ type: 'upstream_lost', cause: 'closed', during }])
    expect(actions).toContainEqual({ type: 'dial', leg: 2, reason: 'lost', urgent: during !== 'idle' })
  })

  it.each<[string, string, Input]>([
    ['stalled', 'lost', { type: 'stalled', side: 'upstream' }],
    ['expired', 'again', { type: 'upstream.event', leg: 1, event: ev.error('session_expired') as never, frame: undefined }],
  ])('and as %s', (cause, reason, input) => {
    const actions = restorable().input(input)
    expect(notes(actions)).toEqual([{ type: 'upstream_lost', cause, during: 'idle' }])
    expect(actions).toContainEqual({ type: 'dial', leg: 2, reason, urgent: false })
  })

  it('and a restore with its attempts and its time', () => {
    const p = restorable()
    p.upstream(ev.added(user))
    p.now = 1000
    closed(p)
    fails(p, 'unreachable')
    at(p, 1900)
    p.now = 2500
    p.feed({ type: 'upstream.opened', leg: 3, privateWords: [] })
    p.upstream({ type: 'session.created', event_id: 'e', session: {} })
    const tools = p.state.profile.tools.map((one) => ({ ...one.definition }))
    p.upstream({ type: 'session.updated', event_id: 'e', session: { instructions: p.state.profile.instructions, tools } })
    const told = p.allTo('upstream').slice(-2)
    echo(p, told[0]?.item as JsonObject)
    const last = p.input({ type: 'upstream.event', leg: 3, event: ev.added(told[1]?.item as JsonObject) as never, frame: undefined })
    expect(notes(last)).toEqual([{ type: 'restored', cause: 'closed', durationMs: 1500, attempts: 2, cut: 'none' }])
  })
})

describe('a session that cannot be restored', () => {
  it.each<[string, (p: Play) => readonly Action[], string, number, number]>([
    ['when its time is over', (p) => at(p, 11_000), 'deadline', 1, 10_000],
    ['when there is none left for another dial', (p) => fails(p, 'unreachable', 10), 'unreachable', 1, 0],
    [
      'when the last dial hangs',
      (p) => {
        fails(p, 'unreachable', 5.9)
        at(p, 6900)
        return at(p, 10_900)
      },
      'too_slow',
      2,
      9900,
    ],
    [
      'when the new leg does not run what it should',
      (p) => {
        p.feed({ type: 'upstream.opened', leg: 2, privateWords: [] })
        p.upstream({ type: 'session.created', event_id: 'e', session: {} })
        p.now = 10_950
        return p.input({ type: 'upstream.event', leg: 2, event: { type: 'session.updated', event_id: 'e', session: {} }, frame: undefined })
      },
      'configuration_not_in_force',
      1,
      9950,
    ],
    [
      'when it refuses',
      (p) => {
        p.now = 10_950
        return p.input({ type: 'upstream.event', leg: 2, event: ev.error('invalid_api_key') as never, frame: undefined })
      },
      'refused',
      1,
      9950,
    ],
    [
      'when it is closed',
      (p) => {
        p.now = 10_950
        return closed(p)
      },
      'closed',
      1,
      9950,
    ],
    [
      'when it takes nothing',
      (p) => {
        p.now = 10_950
        return p.input({ type: 'stalled', side: 'upstream' })
      },
      'no_progress',
      1,
      9950,
    ],
    [
      'when it has too much to do',
      (p) => {
        p.now = 10_950
        return p.input({ type: 'upstream.event', leg: 2, event: ev.error('rate_limit_exceeded') as never, frame: undefined })
      },
      'rate_limited',
      1,
      9950,
    ],
  ])('ends %s, and that is noted', (_when, happens, why, attempts, durationMs) => {
    const p = restorable()
    p.now = 1000
    closed(p)
    const actions = happens(p)
    expect(notes(actions)).toEqual([{ type: 'restore_failed', cause: 'closed', why, attempts, durationMs }])
    expect(actions.at(-1)).toMatchObject({ type: 'close', code: 'upstream_lost', why: 'upstream_closed' })
  })

  it('ends at once if its first upstream takes nothing before it is live', () => {
    expect(play({}, 'connecting').feed({ type: 'stalled', side: 'upstream' })).toEqual(['close upstream_lost no_progress'])
  })

  it('whose upstream told that it is over ends as over', () => {
    const p = restorable({ tools: [] })
    expect(p.upstream(ev.error('session_expired'))).toEqual(['dial 2 again'])
    expect(p.tick(RECONNECT_MS)).toEqual(['close session_over upstream_session_over'])
  })

  it('ends at once if its upstream is silent', () => {
    const p = restorable({ tools: [] })
    p.upstream(ev.error('insufficient_quota'))
    p.client({ type: 'response.create' })
    for (const now of [1000, 3000]) expect(at(p, now, { upstreamHeard: 5 }).filter(({ type }) => type === 'close')).toEqual([])
    expect(at(p, 6000, { upstreamHeard: 5 }).at(-1)).toMatchObject({ type: 'close', code: 'upstream_lost', why: 'silent' })
  })

  it('ends at once, not when its answer is over', () => {
    for (const input of [
      { type: 'upstream.closed', leg: 1, code: 1006 },
      { type: 'stalled', side: 'upstream' },
    ] as const) {
      const p = answering('text')
      p.upstream(ev.error('insufficient_quota'))
      expect(p.input(input).map(({ type }) => type)).toEqual(['record.estimate', 'close'])
    }
  })

  it('is one whose account is at its end, also if that was told while an answer began again', () => {
    const p = restorable({ tools: [] })
    p.client({ type: 'response.create' })
    p.upstream(ev.created('r1'))
    lose(p)
    comesBack(p)
    p.upstream(ev.created('r2'))
    p.upstream(ev.error('insufficient_quota'))
    p.upstream(ev.done('r2'))
    expect(lose(p)).toEqual(['close upstream_lost upstream_closed'])
  })
})

describe('of an answer that broke off the model is told', () => {
  const words = (p: Play, said: object[]) => {
    lose(p, said as never)
    return (comesBack(p).items[1]?.content as { text: string }[])[0]?.text
  }
  it('nothing, if nothing of it was delivered', () => {
    expect(words(answering('text'), [])).toBe('…')
    expect(words(answering('text'), [{ itemId: 'other', text: 'Not this', audioMs: 9000 }])).toBe('…')
    const unheard = answering('audio')
    unheard.upstream(part('output_audio_transcript.done', { transcript: 'The sea is calm.' }))
    expect(words(unheard, [])).toBe('…')
  })

  it('what was written, and of what was spoken as much as was heard, by the words that were told whole', () => {
    expect(words(answering('text'), [{ itemId: 'item_2', text: 'The sea is', audioMs: 0 }])).toBe('The sea is')
    const heard = answering('audio')
    heard.upstream(part('output_audio_transcript.done', { transcript: 'The sea is calm.' }))
    expect(words(heard, [{ itemId: 'item_2', text: 'The sea', audioMs: 60_000 }])).toBe('The sea is calm.')
  })

  it('its first word, if anything of it was heard', () => {
    expect(words(answering('audio'), [{ itemId: 'item_2', text: ' Lighthouses stand', audioMs: 1 }])).toBe(' Lighthouses')
    expect(words(answering('audio'), [{ itemId: 'item_2', text: 'Lighthouses', audioMs: 1 }])).toBe('Lighthouses')
  })
})
