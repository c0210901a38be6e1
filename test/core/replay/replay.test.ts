// A recorded session through two configurations: what is told as different, and that everything else is not.
import { describe, expect, it } from 'vitest'
import type { ProfileGuard } from '../../../src/core/policy/guards.js'
import type { SessionProfile } from '../../../src/core/policy/profile.js'
import type { DialectName } from '../../../src/core/protocol/dialect.js'
import type { JsonObject, RealtimeEvent } from '../../../src/core/protocol/events.js'
import { type Difference, differences } from '../../../src/core/replay/differences.js'
import { parseRecording, type RecordedEvent } from '../../../src/core/replay/recorded.js'
import { type AskGuard, decide } from '../../../src/core/replay/run.js'
import { profileOf, recordings } from '../../recordings/recording.js'
import { ev, profile, tool } from '../../support/playbook.js'
import { fc } from '../../support/property.js'
import { neededShared } from '../../support/shared.js'

type Line = readonly [at: number, from: 'client' | 'server', event: object]

function recorded(...lines: readonly Line[]): readonly RecordedEvent[] {
  return lines.map(([at, from, event], index) => ({ line: index + 1, at, from, event: event as RealtimeEvent }))
}

function compared(lines: readonly RecordedEvent[], before: Partial<SessionProfile>, after: Partial<SessionProfile>, dialect: DialectName = 'ga'): readonly Difference[] {
  return differences(decide(lines, dialect, profile(before), undefined), decide(lines, dialect, profile(after), undefined))
}

const words = (decisions: Difference['before']) => decisions.map(({ what }) => what)
const at = (found: readonly Difference[], line: number) => found.find((one) => one.line === line)
const created: Line = [0, 'server', { type: 'session.created', event_id: 'e0', session: { type: 'realtime', id: 'sess_1' } }]
const audio = (ms: number) => Buffer.alloc(ms * 48).toString('base64')

describe('what is different', () => {
  it('a field that a client may not set any more, by kind', () => {
    const update = { type: 'session.update', session: { type: 'realtime', audio: { output: { voice: 'marin' } } } }
    const found = compared(recorded(created, [10, 'client', update]), {}, { clientMaySet: new Set() })
    expect(found.map(({ line }) => line)).toEqual([2])
    expect(words(found[0]?.after ?? [])).toEqual(['fields of session.update are dropped: settings'])
    expect(found[0]?.changed[0]).toMatchObject({ what: 'service is told session.update', fields: [{ path: 'session.audio', after: undefined }] })
    expect(found[0]?.toldOtherwise).toBe(false)
  })

  it('the same of a recording in the preview spelling', () => {
    const preview: Line = [0, 'server', { type: 'session.created', event_id: 'e0', session: { id: 'sess_1', modalities: ['text', 'audio'], voice: 'alloy' } }]
    const update = { type: 'session.update', session: { voice: 'marin' } }
    const found = compared(recorded(preview, [10, 'client', update]), {}, { clientMaySet: new Set() }, 'preview')
    expect(found.map(({ line }) => line)).toEqual([2])
    expect(words(found[0]?.after ?? [])).toEqual(['fields of session.update are dropped: settings'])
  })

  it('an event that is refused by a lower limit, at the time it came', () => {
    const limits = profile().limits
    const lines = recorded(created, ...Array.from({ length: 4 }, (_, index): Line => [1000 * index, 'client', { type: 'conversation.item.create', item: message(`i${index}`) }]))
    const found = compared(lines, {}, { limits: { ...limits, maxItems: 3 } })
    expect(found.map(({ line }) => line)).toEqual([5])
    expect(words(found[0]?.before ?? [])).toEqual(['service is told conversation.item.create'])
    expect(words(found[0]?.after ?? [])).toContain('refused: rate_limited')
    expect(found[0]?.toldOtherwise).toBe(true)
  })

  it('a session that ends by time alone', () => {
    const limits = profile().limits
    const lines = recorded(created, [120_000, 'client', { type: 'input_audio_buffer.clear' }])
    const [found, ...others] = compared(lines, {}, { limits: { ...limits, idleTimeoutMs: 60_000 } })
    expect(others).toEqual([])
    expect(found?.after.map(({ at, cause, what }) => [at, cause, what])).toEqual([[60_000, 'waiting', 'session ends: idle (idle)']])
  })

  it('a tool that the relay runs now: hidden, with the result of the recording, and nothing is asked for twice', () => {
    const call = ev.call('c1', 'get_weather')
    const lines = recorded(
      created,
      [10, 'server', ev.created('r1')],
      [20, 'server', ev.itemAdded('r1', call)],
      [30, 'server', ev.itemDone('r1', call)],
      [40, 'server', ev.done('r1', [call])],
      [50, 'client', { type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'c1', output: 'snow' } }],
      [60, 'server', ev.added({ id: 'out', type: 'function_call_output', call_id: 'c1', output: 'snow' }, 'item_c1')],
      [70, 'client', { type: 'response.create' }],
      [80, 'server', ev.created('r2')],
      [90, 'server', ev.done('r2', [])],
    )
    const found = compared(lines, { tools: [tool('get_weather', 'client')] }, { tools: [tool('get_weather', 'server')] })
    expect(words(at(found, 4)?.before ?? [])).toEqual(['client sees response.output_item.done'])
    expect(words(at(found, 4)?.after ?? [])).toEqual(['dropped: hidden_item', 'tool get_weather runs'])
    expect(words(at(found, 6)?.after ?? [])).toContain('service is told response.create')
    expect(words(at(found, 8)?.before ?? [])).toEqual(['service is told response.create'])
    expect(at(found, 8)?.after).toEqual([])
  })

  it('a session that ends in one alone: said once, and what a client sends that is too deep is refused in both', () => {
    const limits = profile().limits
    const deep = JSON.parse(`{"type":"session.update","session":${'['.repeat(60)}${']'.repeat(60)}}`)
    const lines = recorded(created, [10, 'client', deep], [120_000, 'client', { type: 'input_audio_buffer.clear' }], [120_001, 'client', { type: 'input_audio_buffer.clear' }])
    const found = compared(lines, {}, { limits: { ...limits, idleTimeoutMs: 60_000 } })
    expect(found.map(({ line, endsOne }) => [line, endsOne])).toEqual([
      [3, true],
      [4, false],
    ])
    expect(words(decide(lines, 'ga', profile(), undefined)[2]?.decisions ?? [])).toEqual(['refused: bad_event', 'client is told error bad_event'])
  })

  it('a call that has to wait for another gets its result when it begins', () => {
    const calls = ['c1', 'c2'].map((id) => ev.call(id, 'get_weather'))
    const output = (id: string, at: number): Line => [at, 'client', { type: 'conversation.item.create', item: { type: 'function_call_output', call_id: id, output: 'snow' } }]
    const lines = recorded(
      created,
      [10, 'server', ev.created('r1')],
      ...calls.map((call): Line => [20, 'server', ev.itemDone('r1', call)]),
      [40, 'server', ev.done('r1', calls)],
      output('c2', 50),
      output('c1', 60),
    )
    const limits = { ...profile().limits, toolMaxConcurrent: 1 }
    const decided = decide(lines, 'ga', profile({ limits }), undefined)
    const all = decided.flatMap(({ decisions }) => words(decisions))
    expect(all.filter((what) => what === 'tool get_weather runs')).toHaveLength(2)
    expect(words(decided.at(-1)?.decisions ?? [])).toEqual(expect.arrayContaining(['service is told conversation.item.create', 'service is told response.create']))
  })

  it('an answer that may not be interrupted any more', () => {
    const delta = { type: 'response.output_audio.delta', response_id: 'r1', item_id: 'm1', output_index: 0, content_index: 0, delta: audio(2000) }
    const lines = recorded(
      created,
      [0, 'server', ev.created('r1')],
      [10, 'server', delta],
      [500, 'server', { type: 'input_audio_buffer.speech_started', item_id: 'u1', audio_start_ms: 0 }],
      [510, 'server', ev.done('r1', [], 'cancelled')],
    )
    const interruption = { bargeIn: 'allow', truncate: 'relay' } as const
    const found = compared(lines, { interruption }, { interruption: { ...interruption, bargeIn: 'protect' } })
    const cleared = found.filter(({ before }) => words(before).includes('playback is cleared'))
    expect(cleared).toHaveLength(1)
    expect(found.flatMap(({ after }) => words(after))).not.toContain('playback is cleared')
  })

  it('a greeting, which leaves the floor free', () => {
    const lines = recorded(created, [1000, 'client', { type: 'response.create' }])
    const found = compared(lines, {}, { manners: { greeting: 'Hello.' } })
    expect(found.map(({ line }) => line)).toEqual([0])
    expect(words(found[0]?.after ?? [])).toContain('service is told response.create')
  })

  it('a quota, counted from the recorded usage', () => {
    const done = (id: string) => ({ type: 'response.done', response: { id, status: 'completed', output: [], usage: { input_tokens: 50, output_tokens: 60 } } })
    const create: Line[1] = 'client'
    const lines = recorded(
      created,
      [0, create, { type: 'response.create' }],
      [10, 'server', ev.created('r1')],
      [20, 'server', done('r1')],
      [30, create, { type: 'response.create' }],
    )
    const quota = (max: number) => ({ quota: { rules: [{ of: 'tokens', per: 'session', max }], failOpen: false, currency: undefined } as const })
    const found = compared(lines, quota(1000), quota(100))
    expect(words(at(found, 5)?.after ?? [])).toContain('quota refuses: tokens_per_session')
    expect(at(found, 2)).toBeUndefined()
  })
})

describe('words that guards find something in', () => {
  const said = (text: string) => ({ type: 'response.output_text.delta', response_id: 'r1', item_id: 'm1', output_index: 0, content_index: 0, delta: text })
  const answer: readonly Line[] = [
    [20, 'server', ev.created('r1')],
    [30, 'server', said('The weather is fine. ')],
    [40, 'server', said(`Your card is 4111, I see, ${'and so on '.repeat(12)}`)],
    [50, 'server', said(' Nobody hears this.')],
    [60, 'server', ev.done('r1', [])],
  ]
  const typed: Line = [10, 'client', { type: 'conversation.item.create', item: message('i1') }]
  const guarded = (...guards: readonly ProfileGuard[]) => ({ guards: { guards, tellsModel: false, maxBlocks: 5 } })
  const cards = (mode: ProfileGuard['mode'], on: ProfileGuard['on']): ProfileGuard => ({ name: 'cards', on, mode, whenUnsure: 'block' })
  const ask: AskGuard = (_guard, _side, text) =>
    /4111/.test(text) ? { type: 'block', category: 'card' } : text === 'Hello' ? { type: 'redact', category: 'word', text: 'Hi' } : { type: 'pass' }
  const guardedBy = (guards: Partial<SessionProfile>, lines = recorded(created, typed, ...answer)) =>
    differences(decide(lines, 'ga', profile(), undefined), decide(lines, 'ga', profile(guards), undefined, ask))

  it('nothing of an answer that is held goes from there on, and what was cleared did', () => {
    const found = guardedBy(guarded(cards('hold', ['output'])))
    expect(at(found, 4)).toBeUndefined()
    expect(words(at(found, 5)?.before ?? [])).toEqual(['client sees response.output_text.delta'])
    expect(words(at(found, 5)?.after ?? [])).toEqual(expect.arrayContaining(['guard cards (hold) finds card in output', 'service is told response.cancel']))
    expect(words(at(found, 5)?.after ?? [])).not.toContain('client sees response.output_text.delta')
    expect(words(at(found, 6)?.after ?? [])).toEqual(['dropped: blocked'])
  })

  it('what cuts lets its own words go', () => {
    const found = guardedBy(guarded(cards('cut', ['output'])))
    expect(at(found, 5)?.before).toEqual([])
    expect(words(at(found, 5)?.after ?? [])).toContain('guard cards (cut) finds card in output')
    expect(words(at(found, 6)?.after ?? [])).toEqual(['dropped: blocked'])
  })

  it('what observes changes nothing else', () => {
    expect(guardedBy(guarded(cards('observe', ['output']))).map(({ line, before, after }) => [line, before, words(after)])).toEqual([
      [5, [], ['guard cards (observe) finds card in output']],
    ])
  })

  it('what was typed goes on as it was redacted', () => {
    const [found, ...others] = guardedBy(guarded(cards('hold', ['input'])), recorded(created, typed))
    expect(others).toEqual([])
    expect(words(found?.after ?? [])).toEqual(['guard cards (hold) finds word in input'])
    expect(found?.changed).toMatchObject([{ what: 'service is told conversation.item.create', fields: [{ path: 'item.content' }] }])
  })
})

describe('what is the same', () => {
  it('with guards, which find nothing: what is typed goes on, and nothing waits', () => {
    const lines = recorded(
      created,
      [10, 'client', { type: 'conversation.item.create', item: message('i1') }],
      [20, 'client', { type: 'response.create' }],
      [60_000, 'server', ev.created('r1')],
    )
    const held = { name: 'held', on: ['input', 'output'], mode: 'hold', whenUnsure: 'block' } as const
    expect(compared(lines, {}, { guards: { guards: [held], tellsModel: false, maxBlocks: 5 } })).toEqual([])
  })

  it('is decided the same twice, whatever a client sends', () => {
    const types = fc.constantFrom('session.update', 'response.create', 'response.cancel', 'conversation.item.create', 'input_audio_buffer.append', 'nonsense', 'relay.quota.get')
    const line = fc.tuple(fc.nat(5000), fc.constantFrom('client', 'server'), fc.record({ type: types, session: fc.jsonValue(), response: fc.jsonValue(), item: fc.jsonValue() }))
    fc.assert(
      fc.property(fc.array(line as fc.Arbitrary<Line>, { maxLength: 30 }), (lines) => {
        let now = 0
        const events = recorded(
          created,
          ...lines.map(([wait, from, event]): Line => {
            now += wait
            return [now, from, event]
          }),
        )
        expect(decide(events, 'ga', profile(), undefined)).toEqual(decide(events, 'ga', profile(), undefined))
        expect(compared(events, {}, {})).toEqual([])
      }),
      { numRuns: 60 },
    )
  })
})

describe(`recorded sessions${neededShared('recordings')}`, () => {
  const all = [...recordings('azure-ga'), ...recordings('openai-ga'), ...recordings('azure-voice-live')]
  it.each(all.map((one) => [one.name, one] as const))('%s: the same twice; with other instructions only settings differ', (name, recording) => {
    const dialect: DialectName = name.startsWith('azure-voice-live') ? 'voice-live' : 'ga'
    const lines = recording.lines.map((one, index) => ({ line: index + 1, at: index * 20, ...one }))
    const { session: _, ...own } = profileOf(recording, 'server')
    const found = compared(lines, own, own, dialect)
    expect(found).toEqual([])
    const held = { name: 'held', on: ['output'], mode: 'hold', whenUnsure: 'block' } as const
    expect(compared(lines, own, { ...own, guards: { guards: [held], tellsModel: false, maxBlocks: 5 } }, dialect)).toEqual([])
    const other = compared(lines, own, { ...own, instructions: 'Speak of the sea alone.' }, dialect)
    expect(other[0]?.line).toBe(0)
    expect(other.some(({ toldOtherwise }) => toldOtherwise)).toBe(false)
  })
})

describe('a file that is no recording', () => {
  const line = (value: object) => JSON.stringify({ from: 'client', event: { type: 'x' }, ...value })
  it.each([
    ['', 'has no event'],
    ['\n\n', 'has no event'],
    ['[]', 'line 1: is no JSON object'],
    [`${line({})}\n{"canary`, 'line 2: is no JSON object'],
    [`${'['.repeat(200_000)}`, 'line 1: is nested too deeply, has too many values, or a key twice'],
    [line({ from: 'canary' }), "line 1: 'from' must be client or server"],
    [line({ at: -1 }), "line 1: 'at' must be milliseconds of 0 or more"],
    [line({ event: { canary: 1 } }), "line 1: 'event' must be an object with a 'type'"],
    [`${line({ at: 5 })}\n${line({ at: 4 })}`, "line 2: 'at' is before that of the line above"],
    [`${line({ at: 5 })}\n${line({ at: 1e12 })}`, "line 2: 'at' is more than ten days after the first"],
  ])('%.60j', (text, problem) => {
    expect(parseRecording(text)).toEqual({ ok: false, problem })
  })

  it('a line without a time comes when the one above does', () => {
    const read = parseRecording(`${line({ at: 7 })}\n\n${line({})}\n`)
    expect(read.ok && read.events.map(({ line, at }) => [line, at])).toEqual([
      [1, 7],
      [3, 7],
    ])
  })
})

function message(id: string): JsonObject {
  return { id, type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hello' }] }
}
