// What is known of the user's audio after each event, on the client's audio clock: the sheet of turns, speech, marks, and what of it is kept.
import { describe, expect, it } from 'vitest'
import type { JsonObject, RealtimeEvent } from '../../../src/core/protocol/events.js'
import { keptPart, marked, markRefused, noVoice, openPart, type Voice, voiceAfter, wantedFromMs } from '../../../src/core/session/voice.js'

const NEVER = Number.POSITIVE_INFINITY
const buffer = (type: string, more: JsonObject = {}): RealtimeEvent => ({ type: `input_audio_buffer.${type}`, item_id: 'turn_1', ...more })
const words = (type: string, id = 'turn_1'): RealtimeEvent => ({ type: `conversation.item.input_audio_transcription.${type}`, item_id: id })
const deleted = (id: string): RealtimeEvent => ({ type: 'conversation.item.deleted', item_id: id })
const response = (type: string, id: string): RealtimeEvent => ({ type: `response.${type}`, response: { id } })
/** Each event after so much of the client's audio. */
const following = (from: Voice, ...events: readonly (readonly [number, RealtimeEvent])[]) => events.reduce((v, [ms, event]) => voiceAfter(v, event, ms), from)
const transcribing: Voice = { ...noVoice, transcribes: true }
const turn = (id: string, fromMs: number, toMs: number, more: object = {}) => ({ id, fromMs, toMs, transcribes: true, answer: undefined, answered: false, ...more })
/** From 1000 to 3000, and committed at 3100. */
const spoken = (from: Voice, id = 'turn_1') =>
  following(
    from,
    [1200, buffer('speech_started', { item_id: id, audio_start_ms: 1000 })],
    [3050, buffer('speech_stopped', { item_id: id, audio_end_ms: 3000 })],
    [3100, buffer('committed', { item_id: id })],
  )

describe('speech', () => {
  it('has the times that voice detection gives it, the very beginning too, and otherwise those at which it is told', () => {
    expect(following(noVoice, [1200, buffer('speech_started', { audio_start_ms: 0 })]).speech).toEqual({ id: 'turn_1', fromMs: 0, toMs: undefined })
    for (const odd of [undefined, null, -1, '1'])
      expect(
        following(noVoice, [1200, buffer('speech_started', { audio_start_ms: odd as never })], [1500, buffer('speech_stopped', { audio_end_ms: odd as never })]).speech,
      ).toEqual({
        id: 'turn_1',
        fromMs: 1200,
        toMs: 1500,
      })
    expect(following(noVoice, [9, buffer('timeout_triggered', { audio_start_ms: 3, audio_end_ms: 7 })]).speech).toEqual({ id: 'turn_1', fromMs: 3, toMs: 7 })
  })

  it('is ended by its own end alone', () => {
    const begun = following(noVoice, [1200, buffer('speech_started', { audio_start_ms: 1000 })])
    expect(following(begun, [1300, buffer('speech_stopped', { item_id: 'other', audio_end_ms: 1250 })])).toBe(begun)
    expect(following(noVoice, [1300, buffer('speech_stopped', { audio_end_ms: 1250 })])).toBe(noVoice)
  })
})

describe('a turn', () => {
  it('that voice detection ends is what it heard', () => {
    expect(spoken(transcribing)).toMatchObject({ speech: undefined, openFromMs: 3000, turns: [turn('turn_1', 1000, 3000)] })
  })

  it('that is committed by hand goes from the last one to the commit, also if the upstream names it late', () => {
    const v = following(marked(transcribing, 4000), [4700, buffer('committed')])
    expect(v).toMatchObject({ openFromMs: 4000, turns: [turn('turn_1', 0, 4000)], marks: [] })
    const second = following(marked(v, 6000), [6500, buffer('committed', { item_id: 'turn_2' })])
    expect(second.turns).toEqual([turn('turn_1', 0, 4000), turn('turn_2', 4000, 6000)])
  })

  it('of another item than the speech that goes on ends that speech, and is not taken for it', () => {
    const begun = following(
      transcribing,
      [1200, buffer('speech_started', { item_id: 'speech', audio_start_ms: 1000 })],
      [1500, buffer('speech_stopped', { item_id: 'speech', audio_end_ms: 1400 })],
    )
    expect(following(marked(begun, 2000), [2500, buffer('committed', { item_id: 'other' })])).toMatchObject({
      speech: undefined,
      openFromMs: 2000,
      turns: [turn('other', 0, 2000)],
      marks: [],
    })
    // Without a commit of the client's it is all that was heard.
    expect(following(begun, [2500, buffer('committed', { item_id: 'other' })])).toMatchObject({ turns: [turn('other', 0, 2500)] })
  })

  it('that is committed by hand while the user speaks ends there, and leaves other marks alone', () => {
    const begun = following(transcribing, [1200, buffer('speech_started', { audio_start_ms: 1000 })])
    expect(following(marked(marked(begun, 1800), 2200), [2500, buffer('committed')])).toMatchObject({ openFromMs: 1800, turns: [turn('turn_1', 1000, 1800)], marks: [2200] })
    const ended = following(begun, [1700, buffer('speech_stopped', { audio_end_ms: 1600 })])
    expect(following(marked(ended, 1800), [2500, buffer('committed')])).toMatchObject({ openFromMs: 1600, turns: [turn('turn_1', 1000, 1600)], marks: [1800] })
  })

  it('never ends before it begins', () => {
    const begun = following(transcribing, [1200, buffer('speech_started', { audio_start_ms: 1000 })])
    expect(following(marked(begun, 900), [2500, buffer('committed')]).turns).toEqual([turn('turn_1', 900, 900)])
  })

  it('is one of the latest four', () => {
    const v = ['a', 'b', 'c', 'd', 'e'].reduce((before, id) => spoken(before, id), transcribing)
    expect(v.turns.map(({ id }) => id)).toEqual(['b', 'c', 'd', 'e'])
  })

  it('is done with when its words are there, or its item is gone', () => {
    for (const [event, other] of [
      [words('completed'), words('completed', 'other')],
      [deleted('turn_1'), deleted('other')],
    ] as const) {
      const v = spoken(spoken(transcribing, 'turn_0'))
      expect(following(v, [4000, event]).turns.map(({ id }) => id)).toEqual(['turn_0'])
      expect(following(v, [4000, other])).toBe(v)
    }
  })

  it('without words to come is done with when it is answered: by the response that began next', () => {
    const v = following(spoken(noVoice), [3200, response('created', 'r1')])
    expect(v.turns).toMatchObject([{ transcribes: false, answer: 'r1', answered: false }])
    expect(following(v, [3300, response('done', 'other')]).turns).toEqual(v.turns)
    expect(following(v, [3300, response('done', 'r1')]).turns).toEqual([])
    // If that is not its answer after all, the next one is.
    expect(following(v, [3300, response('created', 'r2')], [3400, response('done', 'r1')]).turns).toMatchObject([{ answer: 'r2' }])
  })

  it('with words to come waits for them after its answer, and keeps that answer; if they fail, it is done with', () => {
    const answered = following(spoken(spoken(transcribing, 'turn_0')), [3200, response('created', 'r1')], [3300, response('done', 'r1')])
    expect(following(answered, [3400, response('created', 'r2')]).turns).toMatchObject([
      { id: 'turn_0', answer: 'r1', answered: true },
      { id: 'turn_1', answer: 'r1', answered: true },
    ])
    expect(following(answered, [3400, words('failed')]).turns.map(({ id }) => id)).toEqual(['turn_0'])
    const unanswered = following(spoken(transcribing), [3400, words('failed')])
    expect(unanswered.turns).toEqual([turn('turn_1', 1000, 3000, { transcribes: false })])
  })
})

describe('marks', () => {
  it('are cleared one by one: audio up to the clear is none', () => {
    const v = following(marked(marked(spoken(transcribing), 3500), 4000), [4100, buffer('cleared')])
    expect(v).toMatchObject({ openFromMs: 3500, marks: [4000] })
    expect(following(v, [4200, buffer('cleared')])).toMatchObject({ openFromMs: 4000, marks: [] })
    expect(following(following(noVoice, [900, buffer('speech_started')]), [1000, buffer('cleared')])).toMatchObject({ speech: undefined, openFromMs: 1000 })
  })

  it('are as many as can be answered, and the oldest is the one that was refused', () => {
    expect(markRefused(noVoice)).toBe(noVoice)
    expect(markRefused(marked(marked(noVoice, 1), 2)).marks).toEqual([2])
    const many = Array.from({ length: 70 }, (_, n) => n).reduce(marked, noVoice)
    expect([many.marks.length, many.marks[0]]).toEqual([64, 6])
  })
})

it('anything else changes nothing', () => {
  const v = spoken(transcribing)
  expect(following(v, [4000, { type: 'response.output_audio.done' }])).toBe(v)
  for (const event of [response('created', 'r'), response('done', 'r'), words('failed')]) expect(following(noVoice, [0, event])).toBe(noVoice)
})

describe('the relay is to keep', () => {
  const speech = { id: 's', fromMs: 700, toMs: undefined }
  it.each<[string, Partial<Voice>, boolean, number]>([
    ['the last second while nobody speaks', {}, true, NEVER],
    ['all since the last turn if that is committed by hand', { openFromMs: 500 }, false, 500],
    ['speech from its beginning', { speech, openFromMs: 500 }, true, 700],
    ['the first turn', { turns: [turn('a', 300, 400), turn('b', 500, 600)], speech }, true, 300],
    ['speech, if it began before', { turns: [turn('a', 900, 950)], speech }, true, 700],
  ])('%s', (_what, has, detects, from) => {
    expect(wantedFromMs({ ...noVoice, ...has }, detects)).toBe(from)
  })
})

describe('a new leg is let hear', () => {
  it('what is kept of a turn, if that is a tenth of a second', () => {
    const part = { fromMs: 1000, toMs: 3000 }
    expect(keptPart(part, { keptFromMs: 0, totalMs: 9000 })).toEqual(part)
    expect(keptPart(part, { keptFromMs: 1500, totalMs: 2500 })).toEqual({ fromMs: 1500, toMs: 2500 })
    expect(keptPart(part, { keptFromMs: 2900, totalMs: 9000 })).toEqual({ fromMs: 2900, toMs: 3000 })
    expect(keptPart(part, { keptFromMs: 2901, totalMs: 9000 })).toBeUndefined()
  })

  const heard = { keptFromMs: 0, totalMs: 9000 }
  it.each<[string, Partial<Voice>, boolean, number, number]>([
    ['a second of silence', {}, true, 0, 8000],
    ['nothing of a turn that is over', { openFromMs: 8500 }, true, 0, 8500],
    ['speech, and the second before it', { speech: { id: 's', fromMs: 5000, toMs: undefined } }, true, 0, 4000],
    ['what is kept of that', { speech: { id: 's', fromMs: 5000, toMs: undefined } }, true, 4300, 4300],
    ['all that was not committed by hand', { openFromMs: 300 }, false, 0, 300],
    ['nothing, if nothing is kept', {}, true, NEVER, 9000],
  ])('%s', (_what, has, detects, keptFromMs, from) => {
    expect(openPart({ ...noVoice, ...has }, detects, { ...heard, keptFromMs })).toEqual({ fromMs: from, toMs: 9000 })
  })
})
