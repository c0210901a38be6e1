// Playbooks for the user's voice across a loss: what a new leg is let hear, and that one turn is never told as text and as sound.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../../../src/core/protocol/events.js'
import type { Action } from '../../../../src/core/session/actions.js'
import { itemsOf } from '../../../../src/core/session/kept-items.js'
import { ev, type Play, PREFIX } from '../../../support/playbook.js'
import { lose, restorable } from './lost-upstream.js'

const DETECTION = { type: 'server_vad', create_response: true }

/** In force from the start: voice detection, and transcription unless `transcription` says otherwise. */
function talk(detection: JsonObject | null = DETECTION, transcription: JsonObject | null = { model: 'whisper-1' }): Play {
  const p = restorable({ tools: [] })
  p.upstream(inForce(p, detection, transcription))
  return p
}

const inForce = (p: Play, detection: JsonObject | null = DETECTION, transcription: JsonObject | null = { model: 'whisper-1' }) => ({
  type: 'session.updated',
  event_id: 'e',
  session: { id: 'sess_2', instructions: p.state.profile.instructions, tools: [], audio: { input: { turn_detection: detection, transcription } } },
})
const buffer = (type: string, id: string, more: object = {}) => ({ type: `input_audio_buffer.${type}`, event_id: 'e', item_id: id, ...more })
const spoken = (id: string, transcript: string | null = null) => ({
  id,
  type: 'message',
  role: 'user',
  status: 'completed',
  content: [{ type: 'input_audio', transcript }],
})
const transcript = (id: string, words: string) => ({
  type: 'conversation.item.input_audio_transcription.completed',
  event_id: 'e',
  item_id: id,
  content_index: 0,
  transcript: words,
})

function hears(p: Play, totalMs: number, keptFromMs = 0): void {
  p.heard = { totalMs, keptFromMs }
}

/** A turn from 1000 to 3000 ms by the upstream's clock. */
function speak(p: Play, id: string, from = 1000, to = 3000): void {
  hears(p, from + 200)
  p.upstream(buffer('speech_started', id, { audio_start_ms: from }))
  hears(p, to + 100)
  p.upstream(buffer('speech_stopped', id, { audio_end_ms: to }))
  p.upstream(buffer('committed', id, { previous_item_id: null }))
  p.upstream(ev.added(spoken(id)))
  p.upstream({ type: 'conversation.item.done', event_id: 'e', previous_item_id: null, item: spoken(id) })
}

/** The new leg until it is told the conversation. What goes upstream, in order, as words. */
function opens(p: Play, detection: JsonObject | null = DETECTION): readonly string[] {
  p.feed({ type: 'upstream.opened', leg: p.state.upstream.leg, privateWords: [] })
  p.upstream({ type: 'session.created', event_id: 'e', session: { id: 'sess_2' } })
  return told(p.input({ type: 'upstream.event', leg: p.state.upstream.leg, event: inForce(p, detection) as never, frame: undefined }))
}

function told(actions: readonly Action[]): readonly string[] {
  return actions.flatMap((action) => {
    if (action.type === 'audio.append') return [`audio ${action.fromMs} ${action.toMs}`]
    if (action.type !== 'send') return []
    const { event, to } = action
    const item = event.item as { id?: string; role?: string; content?: readonly { text?: string }[] } | undefined
    const turns = event.type === 'session.update' ? ` ${JSON.stringify((event.session as { audio?: { input?: { turn_detection?: unknown } } }).audio?.input?.turn_detection)}` : ''
    const named = item ? ` ${item.role} ${item.role === 'system' ? '' : (item.content?.[0]?.text ?? '')}`.trimEnd() : ''
    return [`${to === 'client' ? 'client ' : ''}${event.type.replace(/^(conversation|input_audio_buffer)\./, '')}${named}${turns}`]
  })
}

/** The new leg takes everything it was told; `sounds` are its names for the turns that it heard. */
function takes(p: Play, sounds: readonly string[]): readonly string[] {
  const lines: string[] = []
  const say = (event: object) => lines.push(...told(p.input({ type: 'upstream.event', leg: p.state.upstream.leg, event: event as never, frame: undefined })))
  const events = p.allTo('upstream').slice(p.allTo('upstream').findLastIndex(({ event_id: id }) => id === `${PREFIX}replay_1`) + 1)
  const names = [...sounds]
  let updates = 0
  for (const event of events) {
    if (event.type === 'session.update' && ++updates) say(inForce(p, (event.session as { audio: { input: { turn_detection: JsonObject } } }).audio.input.turn_detection))
    else if (event.type === 'input_audio_buffer.commit') {
      const id = names.shift() ?? 'unnamed'
      say(buffer('committed', id, { previous_item_id: null }))
      say(ev.added(spoken(id)))
      say({ type: 'conversation.item.done', event_id: 'e', previous_item_id: null, item: spoken(id) })
    } else if (event.type === 'conversation.item.create') {
      say(ev.added(event.item as object))
      say({ type: 'conversation.item.done', event_id: 'e', previous_item_id: null, item: event.item })
    }
  }
  return lines
}

describe('a turn that was committed and not answered', () => {
  it('is told as sound with voice detection switched off, and then answered', () => {
    const p = talk()
    speak(p, 'turn_1')
    lose(p)
    const seen = p.allTo('client').length
    expect(opens(p)).toEqual(['session.update null', 'audio 1000 3000', 'commit', 'item.create system', `session.update ${JSON.stringify(DETECTION)}`])
    // What came after the turn is heard as well, since it may be the beginning of the next.
    expect(takes(p, ['turn_2'])).toEqual(['audio 3000 3100', 'response.create'])
    expect(p.state.upstream.phase).toBe('ready')
    expect(p.allTo('client').slice(seen)).toEqual([])
    p.upstream(transcript('turn_2', 'How is the sea?'))
    expect(p.lastTo('client')).toMatchObject({ type: 'conversation.item.input_audio_transcription.completed', item_id: 'turn_1' })
    expect(itemsOf(p.state.conversation)).toMatchObject([{ id: 'turn_1', text: 'How is the sea?' }])
  })

  it('is told as text if its words are known, and never as both', () => {
    const p = talk()
    speak(p, 'turn_1')
    p.upstream(transcript('turn_1', 'How is the sea?'))
    lose(p)
    expect(opens(p)).toEqual(['item.create user How is the sea?', 'item.create system'])
  })

  it('is not asked for again if its words come only with the new leg’s own', () => {
    const p = talk()
    speak(p, 'turn_1')
    lose(p)
    opens(p)
    takes(p, ['turn_2'])
    p.upstream(ev.created('r1'))
    p.upstream(transcript('turn_2', 'How is the sea?'))
    p.upstream(ev.done('r1', [ev.message('answer')]))
    lose(p)
    expect(opens(p).filter((line) => line.startsWith('audio'))).toEqual([])
  })

  it('keeps its place among what was said before and after', () => {
    const p = talk()
    speak(p, 'turn_1')
    p.upstream(transcript('turn_1', 'Hello'))
    speak(p, 'turn_2', 4000, 6000)
    p.client({ type: 'conversation.item.create', item: { id: 'typed', type: 'message', role: 'user', content: [{ type: 'input_text', text: 'And this' }] } })
    p.upstream(ev.added({ id: 'typed', type: 'message', role: 'user', status: 'completed', content: [{ type: 'input_text', text: 'And this' }] }))
    lose(p)
    expect(opens(p).slice(1, -2)).toEqual(['item.create user Hello', 'audio 4000 6000', 'commit', 'item.create user And this'])
  })

  it('of which nothing is kept is said to be missing', () => {
    const p = talk()
    speak(p, 'turn_1')
    hears(p, 3100, 2950)
    lose(p)
    opens(p)
    expect(JSON.stringify(p.lastTo('upstream'))).toContain('could not be heard')
  })

  it('that had ended, and was not committed yet, is shown as committed once', () => {
    const p = talk()
    hears(p, 1200)
    p.upstream(buffer('speech_started', 'turn_1', { audio_start_ms: 1000 }))
    hears(p, 3100)
    p.upstream(buffer('speech_stopped', 'turn_1', { audio_end_ms: 3000 }))
    lose(p)
    const seen = p.allTo('client').length
    expect(opens(p)).toContain('audio 1000 3000')
    expect(takes(p, ['turn_2']).filter((line) => line === 'response.create')).toHaveLength(1)
    expect(p.allTo('client').slice(seen)).toMatchObject([
      { type: 'input_audio_buffer.committed', item_id: 'turn_1' },
      { type: 'conversation.item.added', item: { id: 'turn_1' } },
      { type: 'conversation.item.done', item: { id: 'turn_1' } },
    ])
    // What is said next is news.
    p.upstream(buffer('speech_started', 'turn_3', { audio_start_ms: 3000 }))
    expect(p.lastTo('client')).toMatchObject({ type: 'input_audio_buffer.speech_started', item_id: 'turn_3' })
  })

  it('and whose answer is refused is owed none any more', () => {
    const p = talk()
    hears(p, 1200)
    p.upstream(buffer('speech_started', 'turn_1', { audio_start_ms: 1000 }))
    hears(p, 3100)
    p.upstream(buffer('speech_stopped', 'turn_1', { audio_end_ms: 3000 }))
    lose(p)
    opens(p)
    takes(p, ['turn_2'])
    p.upstream(ev.error('server_error', String(p.lastTo('upstream')?.event_id)))
    p.upstream(transcript('turn_2', 'Hello'))
    expect(p.input({ type: 'upstream.closed', leg: 2, code: 1006 })).toContainEqual({ type: 'dial', leg: 3, reason: 'lost', urgent: false })
  })

  it('and is no item yet is told as sound as well', () => {
    const p = talk()
    hears(p, 3100)
    p.upstream(buffer('speech_started', 'turn_1', { audio_start_ms: 1000 }))
    p.upstream(buffer('speech_stopped', 'turn_1', { audio_end_ms: 3000 }))
    p.upstream(buffer('committed', 'turn_1', { previous_item_id: null }))
    const before = p.state
    lose(p)
    expect(opens(p)).toContain('audio 1000 3000')
    p.state = before
    p.upstream(ev.added({ ...spoken('before'), content: [{ type: 'input_audio', transcript: 'Hello' }] }))
    hears(p, 3100, 2950)
    lose(p)
    opens(p)
    expect(JSON.stringify(p.lastTo('upstream'))).toContain('could not be heard')
  })

  it('without transcription is told as sound until it is answered, and as nothing after', () => {
    const p = talk(DETECTION, null)
    speak(p, 'turn_1')
    p.upstream(ev.created('r1'))
    p.upstream(ev.done('r1', [ev.message('answer')]))
    speak(p, 'turn_2', 5000, 6000)
    lose(p)
    expect(opens(p).filter((line) => line.startsWith('audio'))).toEqual(['audio 5000 6000'])
  })

  it('is said to be missing to a leg that would not switch its voice detection off', () => {
    const p = talk()
    speak(p, 'turn_1')
    lose(p)
    opens(p)
    const off = p.allTo('upstream').find(({ event_id: id }) => id === `${PREFIX}replay_off`)
    expect(p.upstream(ev.error('invalid_value', String(off?.event_id)))).toEqual([])
    p.tick(p.now + 1000)
    expect(opens(p).filter((line) => line.startsWith('audio') || line.startsWith('session.update'))).toEqual([])
    expect(JSON.stringify(p.lastTo('upstream'))).toContain('could not be heard')
  })

  it('that the new leg refuses is left out, and audio that is none ends no attempt', () => {
    const p = talk()
    speak(p, 'turn_1')
    lose(p)
    opens(p)
    const commit = p.allTo('upstream').findLast(({ type }) => type === 'input_audio_buffer.commit')
    expect(p.upstream(ev.error('invalid_value'))).toEqual([])
    p.upstream(ev.error('input_audio_buffer_commit_empty', String(commit?.event_id)))
    for (const event of p.allTo('upstream').slice(-2)) {
      if (event.type === 'session.update') p.upstream(inForce(p))
      else p.upstream(ev.added(event.item as object))
    }
    p.upstream(inForce(p))
    expect(p.state.upstream.phase).toBe('ready')
  })
})

describe('several turns', () => {
  /** Three of them, of which nobody knows the words. */
  const three = () => {
    const p = talk()
    for (const [n, id] of ['turn_1', 'turn_2', 'turn_3'].entries()) speak(p, id, 1000 + n * 3000, 3000 + n * 3000)
    lose(p)
    return p
  }
  const says = (p: Play, id: string, words: string) => p.upstream(transcript(id, words))
  const known = (p: Play) => itemsOf(p.state.conversation).map(({ id, text }) => [id, text])

  it('keep their names, and the client its clock', () => {
    const p = three()
    expect(opens(p).filter((line) => line.startsWith('audio'))).toEqual(['audio 1000 3000', 'audio 4000 6000', 'audio 7000 9000'])
    const replay = p.allTo('upstream').flatMap(({ event_id: id }) => (String(id).startsWith(`${PREFIX}replay_`) ? [id] : []))
    expect(new Set(replay).size).toBe(replay.length)
    takes(p, ['new_1', 'new_2', 'new_3'])
    says(p, 'new_2', 'Two')
    says(p, 'new_1', 'One')
    says(p, 'new_3', 'Three')
    expect(known(p)).toEqual([
      ['turn_1', 'One'],
      ['turn_2', 'Two'],
      ['turn_3', 'Three'],
    ])
    // The leg heard six seconds of turns, and then what came after the last one: 9000 by the client's clock.
    p.upstream(buffer('speech_started', 'next', { audio_start_ms: 6000 }))
    expect(p.lastTo('client')).toMatchObject({ audio_start_ms: 9000 })
  })

  it('of which the first is refused: the others keep their names', () => {
    const p = three()
    opens(p)
    const commits = p.allTo('upstream').filter(({ type }) => type === 'input_audio_buffer.commit')
    const refused = p.input({ type: 'upstream.event', leg: 2, event: ev.error('input_audio_buffer_commit_empty', String(commits[0]?.event_id)) as never, frame: undefined })
    expect(refused.map((action) => action.type === 'note' && action.note)).toEqual([
      { type: 'upstream_error', code: 'input_audio_buffer_commit_empty' },
      { type: 'item_not_replayed' },
    ])
    p.upstream(buffer('committed', 'new_2', { previous_item_id: null }))
    p.upstream(buffer('committed', 'new_3', { previous_item_id: null }))
    says(p, 'new_3', 'Three')
    expect(p.state.restored.aliases.get('new_2')).toBe('turn_2')
    expect(p.state.restored.aliases.get('new_3')).toBe('turn_3')
  })
})

it('voice detection is switched off and on with everything that it was set to', () => {
  const p = talk()
  speak(p, 'turn_1')
  lose(p)
  opens(p)
  const updates = p.allTo('upstream').filter(({ event_id: id }) => id === `${PREFIX}replay_off` || id === `${PREFIX}replay_on`)
  const update = (name: string, detection: JsonObject | null) => ({
    type: 'session.update',
    event_id: `${PREFIX}replay_${name}`,
    session: { type: 'realtime', audio: { input: { turn_detection: detection } } },
  })
  expect(updates).toEqual([update('off', null), update('on', DETECTION)])
})

it('a leg that would not switch its voice detection on again is given up', () => {
  const p = talk()
  speak(p, 'turn_1')
  lose(p)
  opens(p)
  p.upstream(ev.error('invalid_value', `${PREFIX}replay_on`))
  expect(p.state.upstream.phase).toBe('lost')
})

it('a session in which nobody spoke lets a new leg hear nothing', () => {
  const p = talk()
  hears(p, 0)
  lose(p)
  expect(opens(p)).toEqual([])
  expect(p.state.upstream.phase).toBe('ready')
})

describe('what the client had committed or cleared by hand, and was not answered', () => {
  /** Everything at a time of the client's audio, of which all from 1000 on is kept. */
  const byHand = (...sent: (readonly [number, object])[]) => {
    const p = talk(null)
    for (const [ms, event] of sent) {
      hears(p, ms, 1000)
      p.client(event)
    }
    hears(p, 5000, 1000)
    lose(p)
    return { p, lines: opens(p, null) }
  }
  const commit = { type: 'input_audio_buffer.commit' }
  const clear = { type: 'input_audio_buffer.clear' }
  const typed = { type: 'conversation.item.create', item: { id: 'typed', type: 'message', role: 'user', content: [{ type: 'input_text', text: 'And this' }] } }

  it('is sent again in its place: the audio before a clear is not', () => {
    const { p, lines } = byHand([2000, commit], [3000, typed], [4000, clear])
    expect(lines).toEqual(['audio 1000 2000', 'commit', 'item.create user And this', 'clear', 'audio 4000 5000'])
    p.upstream(buffer('committed', 'turn_1'))
    p.upstream(buffer('cleared', ''))
    expect(p.state.voice).toMatchObject({ openFromMs: 4000, marks: [], turns: [{ id: 'turn_1', fromMs: 0, toMs: 2000 }] })
    // It has heard a second of the first turn, and counts from there.
    p.upstream(buffer('speech_started', 'next', { audio_start_ms: 1200 }))
    expect(p.lastTo('client')).toMatchObject({ audio_start_ms: 4200 })
  })

  it('is left out if too little audio of it is kept, a tenth of a second', () => {
    expect(byHand([1100, commit]).lines).toEqual(['audio 1000 1100', 'commit', 'audio 1100 5000'])
    expect(byHand([1099, commit]).lines).toEqual(['audio 1000 5000'])
    expect(byHand([4000, commit], [4050, commit]).lines).toEqual(['audio 1000 4000', 'commit', 'audio 4000 5000'])
    expect(byHand([900, commit], [2000, commit]).p.state.voice.marks).toEqual([2000])
  })

  it('and was refused is no mark of the next one', () => {
    const p = talk(null)
    hears(p, 50)
    p.client(commit)
    p.upstream(ev.error('input_audio_buffer_commit_empty'))
    hears(p, 4000)
    p.client(commit)
    hears(p, 4500)
    p.upstream(buffer('committed', 'turn_1'))
    lose(p)
    expect(opens(p, null).slice(0, 2)).toEqual(['audio 0 4000', 'commit'])
  })

  it('counts once if the relay no longer knows where it was', () => {
    const p = talk(null)
    hears(p, 4000)
    p.client(commit)
    p.state = { ...p.state, voice: { ...p.state.voice, marks: [] } }
    hears(p, 5000)
    lose(p)
    expect(opens(p, null)).toEqual(['audio 0 5000', 'commit'])
  })
})

it('times of the audio buffer alone are put on the client’s clock', () => {
  const p = talk()
  hears(p, 5300)
  p.upstream(buffer('speech_started', 'speech_1', { audio_start_ms: 5000 }))
  p.upstream(buffer('speech_stopped', 'speech_1', { audio_end_ms: 5200 }))
  p.upstream(buffer('committed', 'speech_1', { previous_item_id: null }))
  p.upstream(ev.added({ ...spoken('speech_1'), content: [{ type: 'input_audio', transcript: 'Hello' }] }))
  hears(p, 9000)
  lose(p)
  opens(p)
  takes(p, [])
  p.upstream(buffer('timeout_triggered', 'late', { audio_start_ms: 100, audio_end_ms: 600.4 }))
  expect(p.lastTo('client')).toMatchObject({ audio_start_ms: 8100, audio_end_ms: 8600 })
  p.upstream({ type: 'conversation.item.truncated', event_id: 'e', item_id: 'other', content_index: 0, audio_end_ms: 700 })
  expect(p.lastTo('client')).toMatchObject({ audio_end_ms: 700 })
})

describe('speech that goes on', () => {
  it('is heard again from its beginning, and its second announcement is swallowed', () => {
    const p = talk()
    hears(p, 5300)
    p.upstream(buffer('speech_started', 'speech_1', { audio_start_ms: 5000 }))
    hears(p, 9000)
    lose(p)
    expect(opens(p)).toEqual(['audio 4000 9000'])
    expect(p.upstream(buffer('speech_started', 'speech_2', { audio_start_ms: 1000 }))).toEqual([])
    // Four seconds of the client's audio came before what this leg counts from.
    p.upstream(buffer('speech_stopped', 'speech_2', { audio_end_ms: 6000 }))
    expect(p.lastTo('client')).toMatchObject({ type: 'input_audio_buffer.speech_stopped', item_id: 'speech_1', audio_end_ms: 10_000 })
  })

  it('without detection waits for its commit, which is sent again with its audio', () => {
    const p = talk(null)
    hears(p, 4000)
    p.client({ type: 'input_audio_buffer.commit', event_id: 'mine' })
    hears(p, 4500)
    lose(p)
    expect(opens(p, null)).toEqual(['audio 0 4000', 'commit', 'audio 4000 4500'])
    p.upstream(buffer('committed', 'turn_1'))
    p.upstream(ev.added(spoken('turn_1')))
    p.upstream({ type: 'conversation.item.done', event_id: 'e', previous_item_id: null, item: spoken('turn_1') })
    expect(p.state.voice).toMatchObject({ openFromMs: 4000, turns: [{ id: 'turn_1', fromMs: 0, toMs: 4000 }] })
    p.client({ type: 'input_audio_buffer.clear' })
    p.upstream({ type: 'input_audio_buffer.cleared', event_id: 'e' })
    hears(p, 5000)
    lose(p)
    // The turn has no words yet.
    expect(opens(p, null).slice(0, 2)).toEqual(['audio 0 4000', 'commit'])
    expect(takes(p, ['turn_9'])).toEqual(['audio 4500 5000'])
  })
})

it('a leg of a silent session hears the last second, but nothing of a turn that is over', () => {
  const p = talk()
  speak(p, 'turn_1')
  p.upstream(transcript('turn_1', 'Hello'))
  p.upstream(ev.created('r1'))
  p.upstream(ev.done('r1', [ev.message('answer')]))
  hears(p, 3400)
  lose(p)
  opens(p)
  expect(takes(p, [])).toEqual(['audio 3000 3400'])
  hears(p, 9000)
  lose(p)
  opens(p)
  expect(takes(p, [])).toEqual(['audio 8000 9000'])
})
