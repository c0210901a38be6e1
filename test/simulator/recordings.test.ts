// Recorded sessions replayed to the simulator of the same kind: the server events that agree in type, order and every field.
import { describe, expect, it } from 'vitest'
import type { Json, JsonObject, RealtimeEvent } from '../../src/core/protocol/events.js'
import { hasShared, neededShared } from '../support/shared.js'
import { compare } from './match.js'
import { type Recording, readRecordings, recordingOf } from './recorded.js'
import { type Result, replay, resultsText, sumsOf } from './recording-results.js'
import { DIFFERENCES, UNEQUAL_VALUES } from './unequal.js'

const NEAR_MS = 150

describe.skipIf(!hasShared('recordings'))(`recorded sessions${neededShared('recordings')}`, () => {
  const { sessions, leftOut } = hasShared('recordings') ? readRecordings() : { sessions: [], leftOut: [] }
  const replays = new Map<string, Promise<Result>>()
  /** Each is played once, by the first test that asks. */
  const replayed = (session: Recording) => {
    const result = replays.get(session.name) ?? replay(session)
    replays.set(session.name, result)
    return result
  }
  const allReplayed = () => Promise.all(sessions.map(replayed))

  it('are all that lie in the folder', () => {
    expect(sessions.length).toBeGreaterThan(0)
    for (const { because } of leftOut) expect(because).not.toBe('')
  })

  it.each(sessions)('$name', async (session) => {
    const { recorded, simulated, match } = await replayed(session)
    const { missing, extra, shapes } = match
    expect({ missing: unexplained(missing), extra: unexplained(extra), shapes: unexplained(shapes) }).toEqual({ missing: [], extra: [], shapes: [] })
    expect(links(simulated)).toEqual(links(recorded))
  })

  it('reach the goal of their kind', async () => {
    expect(sumsOf(await allReplayed()).filter(({ reached }) => reached === false)).toEqual([])
  })

  it(`find speech within ${NEAR_MS} ms of the recorded times`, async () => {
    const differences = (await allReplayed()).flatMap(({ recording, recorded, simulated }) =>
      ['audio_start_ms', 'audio_end_ms'].flatMap((field) => {
        const times = (events: readonly RealtimeEvent[]) => events.filter((event) => typeof event[field] === 'number').map((event) => Number(event[field]))
        const found = times(simulated)
        return times(recorded).map((ms, index) => ({ recording: recording.name, field, ms, differs: Math.abs((found[index] ?? Number.POSITIVE_INFINITY) - ms) }))
      }),
    )
    expect(differences.length).toBeGreaterThan(0)
    const largest = differences.reduce((one, other) => (other.differs > one.differs ? other : one))
    console.log(`largest difference: ${largest.differs} ms in ${largest.field} of ${largest.recording}, of ${differences.length} times`)
    expect(differences.filter(({ differs }) => differs > NEAR_MS)).toEqual([])
  })
})

const unexplained = (lines: readonly string[]) => lines.filter((line) => !DIFFERENCES.some(({ type }) => line === type || line.startsWith(`${type}:`)))

/** The order of the items, with ids replaced by the order in which they first appear. */
function links(events: readonly RealtimeEvent[]): string[] {
  const seen = new Map<string, number>()
  const nth = (id: Json | undefined) => {
    if (typeof id !== 'string') return 'none'
    if (!seen.has(id)) seen.set(id, seen.size)
    return String(seen.get(id))
  }
  return events
    .filter((event) => /^conversation\.item\.(added|created|done)$|committed$/.test(event.type))
    .map((event) => `${event.type} ${nth((event.item as JsonObject | undefined)?.id ?? event.item_id)} after ${nth(event.previous_item_id)}`)
}

describe('the comparison', () => {
  const delta = (extra: JsonObject = {}): RealtimeEvent => ({ type: 'response.output_text.delta', event_id: 'e', delta: 'x', ...extra })
  const done = (status: string): RealtimeEvent => ({ type: 'response.done', event_id: 'e', response: { status, output: [] } })
  const updated: RealtimeEvent = { type: 'session.updated', event_id: 'e', session: {} }

  it('counts one delta like many, and words and ids as equal', () => {
    expect(compare([delta(), delta(), done('completed')], [delta({ event_id: 'f', delta: 'other' }), done('completed')])).toMatchObject({ share: 1, missing: [], extra: [] })
  })

  it('sees a missing event, an extra one, another order, another field and another status', () => {
    expect(compare([updated, done('completed')], [done('completed')])).toMatchObject({ share: 0.5, missing: ['session.updated'] })
    expect(compare([done('completed')], [updated, done('completed')])).toMatchObject({ share: 1, extra: ['session.updated'] })
    expect(compare([updated, done('completed')], [done('completed'), updated])).toMatchObject({ share: 0.5 })
    expect(compare([delta({ obfuscation: 'abc' })], [delta()])).toMatchObject({ share: 0, shapes: ['response.output_text.delta: -obfuscation=<padding: string>'] })
    expect(compare([done('completed')], [done('failed')]).share).toBe(0)
  })

  const created = (session: JsonObject): RealtimeEvent => ({ type: 'session.created', session: { id: 's', instructions: 'Be kind.', expires_at: 1, ...session } })
  const shown = (session: JsonObject): RealtimeEvent => ({ type: 'session.updated', session })
  const share = (recorded: readonly RealtimeEvent[], simulated: readonly RealtimeEvent[]) => compare(recorded, simulated).share

  it('compares every value that can be equal', () => {
    expect(compare([created({ voice: 'alloy' })], [created({ voice: 'marin' })])).toMatchObject({
      share: 0,
      shapes: ['session.created: -session.voice="alloy" +session.voice="marin"'],
    })
    expect(share([created({ tools: [{ name: 'a' }, { name: 'b' }] })], [created({ tools: [{ name: 'b' }, { name: 'a' }] })])).toBe(0)
    expect(share([created({ tools: [] })], [created({ tools: {} })])).toBe(0)
    expect(share([created({})], [created({ id: 't', expires_at: 2 })])).toBe(1)
    expect(share([created({})], [created({ id: 1 })])).toBe(0)
    expect(share([created({})], [created({ expires_at: null })])).toBe(0)
  })

  it('lets the default instructions differ, and no others', () => {
    const other = created({ instructions: 'Be brief.' })
    expect(share([created({}), shown({ instructions: 'Be kind.' })], [other, shown({ instructions: 'Be brief.' })])).toBe(1)
    expect(share([created({}), shown({ instructions: 'Sing.' })], [other, shown({ instructions: 'Be brief.' })])).toBe(0.5)
    expect(share([created({}), shown({ instructions: 'Sing.' })], [other, shown({ instructions: 'Hum.' })])).toBe(0.5)
  })

  it('lets the words of the model differ, and not those of others', () => {
    const made = (id: string): RealtimeEvent => ({ type: 'response.output_item.added', item: { id } })
    const said = (id: string, text: string): RealtimeEvent => ({ type: 'conversation.item.done', item: { id, content: [{ type: 'output_text', text }] } })
    expect(share([made('a'), said('a', 'Hello.')], [made('b'), said('b', 'Hi.')])).toBe(1)
    expect(share([made('a'), said('a', 'Hello.')], [made('b'), said('b', '')])).toBe(0.5)
    expect(share([said('a', 'Hello.')], [said('a', 'Hi.')])).toBe(0)
  })

  it('asks of counted tokens that they are zero or not', () => {
    const used = (tokens: number): RealtimeEvent => ({ type: 'response.done', response: { usage: { input_token_details: { audio_tokens: tokens } } } })
    expect([share([used(3)], [used(5)]), share([used(3)], [used(0)]), share([used(0)], [used(0)])]).toEqual([1, 0, 1])
  })

  it('has a reason for every value that may differ', () => {
    for (const { name, because } of UNEQUAL_VALUES) expect(because.length, name).toBeGreaterThan(10)
  })
})

describe('the sums', () => {
  const line = (event: object) => JSON.stringify({ from: 'server', event })
  const recording = (file: string, session: object) => recordingOf(file, line({ type: 'session.created', session }))
  const result = (file: string, session: object, matched: number) => {
    const recorded = Array.from({ length: 100 }, (): RealtimeEvent => ({ type: 'session.created' }))
    return { recording: recording(file, session), recorded, simulated: [], match: { matched, share: matched / 100, missing: [], extra: [], shapes: [] } }
  }
  const results = [
    result('azure-ga/a.jsonl', { model: 'gpt-realtime', output_modalities: [] }, 96),
    result('openai-ga/a.jsonl', { model: 'gpt-realtime', output_modalities: [] }, 97),
    result('openai-ga/b.jsonl', { model: 'gpt-realtime-2.1', output_modalities: [] }, 90),
    result('azure-voice-live/a.jsonl', { model: 'gpt-realtime', modalities: [] }, 89),
  ]

  it('are by kind, and know the goals', () => {
    expect(sumsOf(results).map(({ kind, matched, reached }) => [kind, matched, reached])).toEqual([
      ['GA Azure', 96, false],
      ['GA OpenAI', 97, true],
      ['preview', 0, undefined],
      ['Voice Live', 89, false],
      ['2.x', 90, true],
    ])
    expect(recording('other/a.jsonl', { model: 'gpt-4o-realtime-preview', modalities: [] }).kind).toBe('preview')
  })

  it('say what was left out, what was not recorded and what was missed', () => {
    const text = resultsText(results, [{ name: 'x.json', because: 'it is none' }])
    for (const words of ['Left out: x.json: it is none.', '| preview | 0 | 0 | 0 | none recorded | 97.0 % |', '90.0 %: missed']) expect(text).toContain(words)
  })

  it('refuse a file that holds no events and is not known', () => {
    expect(() => recordingOf('azure-ga/new.json', '{"interactions":[]}')).toThrow('azure-ga/new.json')
  })
})
