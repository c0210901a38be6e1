// The wires: what counts as audio on either side, what one leg's audio is to another, and what a frame is read as.
import { describe, expect, it } from 'vitest'
import type { DialectName } from '../../../src/core/protocol/dialect.js'
import type { RealtimeEvent } from '../../../src/core/protocol/events.js'
import { MAX_AUDIO_BYTES } from '../../../src/core/protocol/fast-lane.js'
import { wireFor } from '../../../src/core/protocol/wires.js'

const NAMES: readonly DialectName[] = ['ga', 'preview', 'voice-live']
const DELTA_TYPE = { ga: 'response.output_audio.delta', preview: 'response.audio.delta', 'voice-live': 'response.audio.delta' }
const frame = (event: object) => Buffer.from(JSON.stringify(event))
const delta = (name: DialectName, bytes: number) =>
  frame({ type: DELTA_TYPE[name], event_id: 'event_1', response_id: 'r', item_id: 'i', output_index: 0, content_index: 0, delta: Buffer.alloc(bytes, 7).toString('base64') })

describe('audio', () => {
  it.each([0, 1, 2, 3, 300, 4_800])('of a delta of %i bytes is told without decoding it, two bytes too many at most', (bytes) => {
    for (const name of NAMES) {
      const wire = wireFor(name, 'upstream')
      for (let n = 0; n < 2; n++) expect([0, 1, 2]).toContain(wire.audioIn(delta(name, bytes)) - bytes)
      expect(wire.audioIn(frame({ type: 'x', delta: 'AAAA' }))).toBe(-1)
    }
  })

  it('of a client is the same on every wire, and goes on as it is', () => {
    const append = frame({ type: 'input_audio_buffer.append', audio: 'AAAA' })
    for (const from of NAMES) {
      for (const to of NAMES) {
        const client = wireFor(from, 'client')
        expect(client.audioIn(append)).toBe(3)
        expect(wireFor(to, 'upstream').audioOut(append, client)).toBe(append)
      }
    }
  })

  it('of the upstream is spelled as the client reads it', () => {
    for (const from of NAMES) {
      for (const to of NAMES) {
        const upstream = wireFor(from, 'upstream')
        const given = delta(from, 30)
        const event = JSON.parse(String(given))
        expect(upstream.audioIn(given)).toBeGreaterThanOrEqual(30)
        expect(JSON.parse(String(wireFor(to, 'client').audioOut(given, upstream)))).toEqual({ ...event, type: DELTA_TYPE[to] })
      }
    }
  })
})

describe('reading', () => {
  it('says what is wrong, and the id of an event without a counterpart', () => {
    expect(wireFor('ga', 'client').read(frame({ type: 'a' }), true)).toEqual({ ok: false, problem: 'binary', eventId: undefined })
    expect(wireFor('ga', 'upstream').read(Buffer.from('{"type":"\xff"}', 'latin1'), true)).toMatchObject({ ok: false, problem: 'binary' })
    expect(wireFor('ga', 'upstream').read(Buffer.from([1, 2, 3]), true)).toMatchObject({ ok: false, problem: 'not_json' })
    expect(wireFor('ga', 'client').read(Buffer.from('{'), false)).toMatchObject({ ok: false, problem: 'not_json' })
    expect(wireFor('preview', 'client').read(frame({ type: 'transcription_session.update', event_id: 'e', session: {} }), false)).toEqual({
      ok: false,
      problem: 'no_counterpart',
      eventId: 'e',
    })
  })

  it('takes JSON in a binary frame of the upstream for an event', () => {
    for (const name of NAMES) expect(wireFor(name, 'upstream').read(frame({ type: 'error', event_id: 'e', error: { message: 'ü' } }), true)).toMatchObject({ ok: true })
  })

  it('leaves audio above the service’s limit to the rules, which refuse it', () => {
    const append = (bytes: number) => frame({ type: 'input_audio_buffer.append', audio: 'A'.repeat((bytes / 3) * 4) })
    expect(wireFor('ga', 'client').audioIn(append(MAX_AUDIO_BYTES))).toBe(MAX_AUDIO_BYTES)
    expect(wireFor('ga', 'client').audioIn(append(MAX_AUDIO_BYTES + 3))).toBe(-1)
    expect(wireFor('ga', 'client').read(append(MAX_AUDIO_BYTES + 3), false)).toMatchObject({ ok: true })
  })

  it('counts audio wherever it comes in: an append that is not on the lane, an item', () => {
    expect(wireFor('ga', 'client').read(frame({ type: 'input_audio_buffer.append', audio: 'AAAAAAAA' }), false)).toMatchObject({ ok: true, audioBytes: 6 })
    const content = [{ type: 'input_audio', audio: 'AAAA' }, { type: 'input_text', text: 'x' }, { type: 'input_audio', audio: 'AAAAAAAA' }, null]
    expect(wireFor('ga', 'client').read(frame({ type: 'conversation.item.create', item: { type: 'message', content } }), false)).toMatchObject({ ok: true, audioBytes: 9 })
    expect(wireFor('ga', 'client').read(frame({ type: 'input_audio_buffer.clear' }), false)).toMatchObject({ ok: true, audioBytes: 0 })
  })

  it('names the event that the whole frame stands for', () => {
    const event = { type: 'response.created', response: { id: 'r' } }
    const reading = wireFor('ga', 'upstream').read(frame(event), false)
    expect(reading).toMatchObject({ ok: true, events: [event] })
    if (reading.ok) expect(reading.whole).toBe(reading.events[0])
  })
})

it('writes one text a message, and nothing for an event that the leg does not know', () => {
  const done = { type: 'response.output_text.done', text: 'x' } as unknown as RealtimeEvent
  expect(wireFor('ga', 'client').write(done)).toEqual([JSON.stringify(done)])
  expect(
    wireFor('preview', 'client')
      .write(done)
      .map((text) => JSON.parse(text).type),
  ).toEqual(['response.text.done'])
  expect(wireFor('preview', 'client').write({ type: 'input_audio_buffer.timeout_triggered' })).toEqual([])
})

it('audio of an upstream is counted wherever it stands in the frame, and wherever it stood in the last one', () => {
  const wire = wireFor('ga', 'upstream')
  const audio = (item: string, chars: number) =>
    Buffer.from(
      JSON.stringify({ type: 'response.output_audio.delta', event_id: 'e', response_id: 'r', item_id: item, output_index: 0, content_index: 0, delta: 'A'.repeat(chars) }),
    )
  for (const [item, chars] of [
    ['i', 400],
    ['a_longer_item', 400],
    ['i', 4],
    ['i', 0],
    ['a_longer_item', 40_000],
    ['i', 400],
  ] as const)
    expect(wire.audioIn(audio(item, chars)), `${item} ${chars}`).toBe((chars * 3) / 4)
  expect(wire.audioIn(Buffer.from('{"type":"response.output_audio.delta","event_id":"e"}'))).toBe(0)
})

it('a preview client that knows late events is no reason to send them to another', () => {
  const [late, other] = [wireFor('preview', 'client'), wireFor('preview', 'client')]
  const update = { type: 'session.update', session: { input_audio_transcription: { model: 'gpt-4o-transcribe' } } }
  const delta = { type: 'conversation.item.input_audio_transcription.delta', event_id: 'e', item_id: 'i', content_index: 0, delta: 'x' }
  expect(late.read(Buffer.from(JSON.stringify(update)), false).ok).toBe(true)
  expect(late.write(delta)).toHaveLength(1)
  expect(other.write(delta)).toEqual([])
})
