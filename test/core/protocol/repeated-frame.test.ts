// Frames that repeat an earlier one but for texts that no rule looks at: what matches, what is a near miss, and that a match reads as the same event.
import { describe, expect, it } from 'vitest'
import { deltaPatternOf, isDeltaOfItem, isOfPart, isRepeated, matchesPattern, partPatternOf, patternOf, textAt } from '../../../src/core/protocol/repeated-frame.js'
import { fc } from '../../support/property.js'

const delta = (change: object = {}) => ({
  type: 'response.output_audio_transcript.delta',
  event_id: 'event_1',
  response_id: 'resp_1',
  item_id: 'item_1',
  output_index: 0,
  content_index: 0,
  delta: ' Hello',
  obfuscation: 'x1Y2',
  ...change,
})
const frame = (event: object) => Buffer.from(JSON.stringify(event))
/** Bytes that are likely to end a text, or to be a part of one. */
const escapes = fc.array(fc.constantFrom(...'\\"u/bfnrtD8a0 ,:{}'), { maxLength: 12 }).map((characters) => Buffer.from(characters.join('')))
const found = patternOf(frame(delta()))
const matches = (given: Buffer) => (found ? matchesPattern(found.pattern, given, []) : undefined)

describe('a frame matches', () => {
  it.each([
    ['itself', delta()],
    ['another text', delta({ delta: ' world, and more than before' })],
    ['no text', delta({ delta: '' })],
    ['another id of the event and another padding', delta({ event_id: 'event_2', obfuscation: '' })],
    ['a text beyond ASCII', delta({ delta: ' schön 天気 😀' })],
    ['a text with quotes and lines', delta({ delta: 'say "x"\n\t\b\f\r\\' })],
    ['half a character', delta({ delta: ' \ud83d' })],
  ])('%s', (_name, event) => expect(matches(frame(event))).toBe(true))

  it('with the texts where they stand', () => {
    const spans: number[] = []
    const given = frame(delta({ event_id: 'event_99', delta: ' there' }))
    expect(found && matchesPattern(found.pattern, given, spans)).toBe(true)
    expect([0, 1, 2].map((n) => given.toString('utf8', spans[n * 2], spans[n * 2 + 1]))).toEqual(['event_99', ' there', 'x1Y2'])
  })
})

describe('a frame does not match', () => {
  const text = JSON.stringify(delta())
  it.each([
    ['another item', JSON.stringify(delta({ item_id: 'item_2' }))],
    ['another response', JSON.stringify(delta({ response_id: 'resp_2' }))],
    ['another place', JSON.stringify(delta({ content_index: 1 }))],
    ['another type', text.replace('output_audio_transcript', 'output_text')],
    ['a field more', JSON.stringify(delta({ extra: 1 }))],
    ['a field more, hidden in a text', text.replace(' Hello', ' Hello","item_id":"item_2')],
    ['a field less', JSON.stringify(delta({ obfuscation: undefined }))],
    ['an escape that JSON does not know', text.replace(' Hello', ' He\\llo')],
    ['half an escape', text.replace(' Hello', ' Hello\\u12g4')],
    ['an escape at its end', text.replace(' Hello', ' Hello\\')],
    ['a number for a text', JSON.stringify(delta({ delta: 7 }))],
    ['white space', JSON.stringify(delta(), null, 1)],
    ['something behind it', `${text} `],
    ['a second object behind it', `${text}${text}`],
    ['its half', text.slice(0, -1)],
    ['a control character', text.replace(' Hello', ' He\u0001llo')],
    ['nothing', ''],
  ])('%s', (_name, other) => expect(matches(Buffer.from(other))).toBe(false))
})

it.each([
  ['an object inside', { ...delta(), part: { type: 'text' } }],
  ['a list', { ...delta(), logprobs: [] }],
  ['a fixed text with an escape', delta({ item_id: 'a"b' })],
  ['an escape in a name', JSON.parse('{"type":"x","a\\"b":"c"}') as object],
  ['a number where a text varies', delta({ delta: 7 })],
])('there is no pattern of %s', (_name, event) => expect(patternOf(frame(event))).toBeUndefined())

it('a pattern holds no part of the read it came of', () => {
  const read = Buffer.alloc(65_536)
  const { length } = frame(delta())
  frame(delta()).copy(read, 100)
  const pattern = patternOf(read.subarray(100, 100 + length))?.pattern
  expect(pattern?.bytes.buffer).not.toBe(read.buffer)
})

it.each([
  ['response.output_audio_transcript.delta', true],
  ['response.output_text.delta', true],
  ['response.function_call_arguments.delta', true],
  ['conversation.item.input_audio_transcription.delta', true],
  ['response.output_audio.delta', false],
  ['response.done', false],
  ['conversation.item.added', false],
  ['error', false],
  ['__proto__', false],
])('only events that change nothing in a session are repeated: %s, %s', (type, repeated) => {
  expect(isRepeated(type)).toBe(repeated)
})

it.each(['0', '9', '-1', '19.05', '1e+3', '1E5', '1e-7', 'true', 'false', 'null'])('%s is a fixed part of a pattern', (literal) => {
  const text = (value: string) => Buffer.from(`{"type":"x","delta":"a","n":${value}}`)
  const pattern = patternOf(text(literal))?.pattern
  expect(pattern && matchesPattern(pattern, text(literal), [])).toBe(true)
  expect(pattern && matchesPattern(pattern, text('8'), [])).toBe(false)
})

it.each(['{"n": 1}', '{"n":[1]}', '{"n":1 }', '{"n":A}', '{"n":_}', '{"n":1', '{"n"', '{"n":"a"', '{n:1}', '["n"]', '{"n":1}x', ''])('there is none of %j', (text) => {
  expect(patternOf(Buffer.from(text))).toBeUndefined()
})

it.each([
  ['response.content_part.added', true],
  ['response.output_audio.done', true],
  ['response.output_audio_transcript.done', true],
  ['response.output_text.done', true],
  ['response.content_part.done', true],
  ['response.output_item.added', false],
  ['response.output_item.done', false],
  ['response.function_call_arguments.done', false],
  ['response.output_audio.delta', false],
  ['conversation.item.done', false],
  ['__proto__', false],
])('only events that open or close a part are of a part: %s, %s', (type, isOf) => expect(isOfPart(type)).toBe(isOf))

describe('a frame of a part', () => {
  const ids = { event_id: 'event_1', response_id: 'resp_1', item_id: 'item_1', output_index: 0, content_index: 0 }
  const spoken = { type: 'response.content_part.done', ...ids, part: { type: 'audio', transcript: 'Hello' } }
  const written = { type: 'response.output_text.done', ...ids, text: 'Hello' }
  const others = { event_id: 'event_22', response_id: 'resp_22', item_id: 'item_22' }
  const fits = (event: object, given: object) => {
    const pattern = partPatternOf(frame(event))?.pattern
    return pattern && matchesPattern(pattern, frame(given), [])
  }

  it('matches with other ids and other texts', () => {
    expect(fits(spoken, { ...spoken, ...others, part: { type: 'audio', transcript: 'Something else' } })).toBe(true)
    expect(fits(written, { ...written, ...others, text: '' })).toBe(true)
    expect(fits(spoken, { ...spoken, part: { type: 'audio', transcript: 'say "x"' } })).toBe(true)
  })

  it.each([
    ['another place', { ...spoken, content_index: 1 }],
    ['another kind of part', { ...spoken, part: { type: 'text', transcript: 'Hello' } }],
    ['a field more in the part', { ...spoken, part: { ...spoken.part, more: 'x' } }],
    ['a number for an id', { ...spoken, item_id: 7 }],
  ])('does not match with %s', (_name, given) => expect(fits(spoken, given)).toBe(false))

  it('has its texts named in their order', () => {
    expect(partPatternOf(frame(spoken))?.pattern.names).toEqual(['event_id', 'response_id', 'item_id', 'transcript'])
    expect(partPatternOf(frame(written))?.pattern.names).toEqual(['event_id', 'response_id', 'item_id', 'text'])
    expect(found?.pattern.names).toEqual(['event_id', 'delta', 'obfuscation'])
  })

  it.each([
    ['two objects one in the other', { ...written, part: { inner: { a: 1 } } }],
    ['a list inside', { ...written, part: { inner: [] } }],
    ['an object where a text varies', { ...written, text: { a: 'b' } }],
  ])('has no pattern with %s', (_name, event) => expect(partPatternOf(frame(event))?.pattern.names.includes('text') && fits(event, event)).toBeFalsy())

  it.each(['{"part":{"a":1}', '{"part":{"a":1 }}', '{"part":{"a":1}}x', '{"part":{}}', '{"part":{"a":1}"b":2}'])('there is none of %j', (text) =>
    expect(partPatternOf(Buffer.from(text))).toBeUndefined(),
  )

  it('what matches reads as the same event with other ids and texts, whatever bytes come', () => {
    const base = frame(spoken)
    const pattern = partPatternOf(base)?.pattern
    const change = fc.record({ at: fc.nat(base.length - 1), bytes: fc.oneof(fc.uint8Array({ maxLength: 12 }), escapes), cut: fc.nat(6) })
    fc.assert(
      fc.property(change, ({ at, bytes, cut }) => {
        const given = Buffer.concat([base.subarray(0, at), bytes, base.subarray(Math.min(base.length, at + cut))])
        if (!pattern || !matchesPattern(pattern, given, [])) return
        const event = JSON.parse(given.toString('utf8')) as { part: object }
        expect({ ...event, event_id: 'event_1', response_id: 'resp_1', item_id: 'item_1', part: { ...event.part, transcript: 'Hello' } }).toEqual(spoken)
      }),
      { numRuns: 5000 },
    )
  })
})

it('what matches reads as the same event with other texts, whatever bytes come', () => {
  const base = frame(delta())
  const change = fc.record({ at: fc.nat(base.length - 1), bytes: fc.oneof(fc.uint8Array({ maxLength: 12 }), escapes), cut: fc.nat(6) })
  fc.assert(
    fc.property(change, ({ at, bytes, cut }) => {
      const given = Buffer.concat([base.subarray(0, at), bytes, base.subarray(Math.min(base.length, at + cut))])
      if (!matches(given)) return
      const event = JSON.parse(given.toString('utf8')) as Record<string, unknown>
      expect({ ...event, event_id: 'event_1', delta: ' Hello', obfuscation: 'x1Y2' }).toEqual(delta())
      for (const name of ['event_id', 'delta', 'obfuscation']) expect(typeof event[name]).toBe('string')
    }),
    { numRuns: 5000 },
  )
})

it('a text is what JSON reads in it', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '"', '\\', '\n', '/', 'é', '😀', '\ud83d', '\u2028', '\u0001') })
  fc.assert(
    fc.property(text, (said) => {
      const given = frame(delta({ delta: said }))
      const spans: number[] = []
      expect(found && matchesPattern(found.pattern, given, spans)).toBe(true)
      expect(textAt(given, spans[2] as number, spans[3] as number)).toBe(said)
    }),
  )
})

it('the pattern of a delta of an item leaves its ids open', () => {
  const call = { type: 'response.function_call_arguments.delta', event_id: 'e', response_id: 'r', item_id: 'i', output_index: 0, call_id: 'c', delta: '{' }
  const pattern = deltaPatternOf(frame(call))?.pattern
  expect(pattern?.names).toEqual(['event_id', 'response_id', 'item_id', 'call_id', 'delta'])
  expect(pattern && matchesPattern(pattern, frame({ ...call, event_id: 'f', response_id: 's', item_id: 'j', call_id: 'd', delta: '"}' }), [])).toBe(true)
  expect(pattern && matchesPattern(pattern, frame({ ...call, output_index: 1 }), [])).toBe(false)
})

it.each([
  ['response.output_audio_transcript.delta', true],
  ['response.output_text.delta', true],
  ['response.function_call_arguments.delta', true],
  ['conversation.item.input_audio_transcription.delta', false],
  ['response.output_audio.delta', false],
  ['response.function_call_arguments.done', false],
  ['__proto__', false],
])('only deltas of what a response says are of its item: %s, %s', (type, isOf) => expect(isDeltaOfItem(type)).toBe(isOf))
