// Frames read by a known shape: each reads as `JSON.parse` reads it or not at all, whatever was learned before, and its spelling for a preview client is the translator's.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decodeEvent, UPSTREAM_LIMITS } from '../../../src/core/protocol/codec.js'
import { dialectFor } from '../../../src/core/protocol/dialects.js'
import type { RealtimeEvent } from '../../../src/core/protocol/events.js'
import { KnownFrames } from '../../../src/core/protocol/known-frames.js'
import { Spellings } from '../../../src/core/protocol/spellings.js'
import { TURN_KINDS, turnOf } from '../../bench/turns.js'
import { hostileFrame, mutatedFrame } from '../../support/hostile-json.js'
import { fc } from '../../support/property.js'
import { hasShared, neededShared, sharedPath } from '../../support/shared.js'

const frame = (event: object | string) => Buffer.from(typeof event === 'string' ? event : JSON.stringify(event))
const decoded = (bytes: Buffer) => {
  const result = decodeEvent(bytes, UPSTREAM_LIMITS)
  return result.ok ? result.event : undefined
}

function learned(...events: readonly (object | string)[]): KnownFrames {
  const frames = new KnownFrames()
  for (const event of events) learn(frames, frame(event))
  return frames
}

function learn(frames: KnownFrames, bytes: Buffer): void {
  const event = decoded(bytes)
  if (event && !frames.read(bytes)) frames.learn(bytes, event)
}

/** Payloads of every kind of turn that the benchmark sends, but for audio. */
const TURNS: readonly Buffer[] = TURN_KINDS.flatMap((kind) => {
  const { bytes, frames, messages } = turnOf(kind, 64)
  return Array.from({ length: messages }, (_, index) => {
    const whole = bytes.subarray(frames[index], frames[index + 1])
    const short = whole[1] as number
    return whole.subarray(short < 126 ? 2 : short === 126 ? 4 : 10)
  })
})

const response = (change: object = {}) => ({
  type: 'response.done',
  event_id: 'event_1',
  response: {
    object: 'realtime.response',
    id: 'resp_1',
    status: 'completed',
    output: [{ id: 'item_1', type: 'message', role: 'assistant', content: [{ type: 'output_audio', transcript: 'Hello' }] }],
    audio: { output: { format: { type: 'audio/pcm', rate: 24_000 }, voice: 'alloy' } },
    usage: { total_tokens: 12, output_token_details: { text_tokens: 4, audio_tokens: 8 } },
    metadata: null,
    ...change,
  },
})
const text = JSON.stringify(response())
const limits = (seconds: number | string) => `{"type":"rate_limits.updated","event_id":"e","rate_limits":[{"name":"tokens","limit":100,"remaining":99,"reset_seconds":${seconds}}]}`

describe('a frame is read by its shape', () => {
  it.each([
    ['with other ids and words', text.replaceAll('_1"', '_22"').replace('Hello', 'Good morning')],
    ['with no words', text.replace('Hello', '')],
    ['with words beyond ASCII', text.replace('Hello', 'schön 天気 😀')],
    ['with escapes', text.replace('Hello', '\\"a\\"\\n\\u00e9\\/\\ud83d\\ude00')],
    ['with half a character', text.replace('Hello', '\\ud83d')],
    ['with a byte order mark among its words', text.replace('Hello', '\ufeffHello')],
    ['with other counts', text.replace('12', '0').replace('"text_tokens":4', '"text_tokens":123456789')],
  ])('%s', (_name, other) => {
    const read = learned(response()).read(frame(other))
    expect(read).toEqual(JSON.parse(other))
    expect(JSON.stringify(read)).toBe(JSON.stringify(JSON.parse(other)))
  })

  it('with broken numbers, and with white space', () => {
    const spaced = JSON.stringify(response(), null, 1).replace('{\n "type": ', '{"type":')
    const frames = learned(limits(0.6), spaced)
    for (const seconds of ['7', '0.25', '12.000000001', '0.0', '0.30000000000000004', `0.${'1'.repeat(20)}`])
      expect(frames.read(frame(limits(seconds)))).toEqual(JSON.parse(limits(seconds)))
    expect(frames.read(frame(spaced.replace('Hello', 'Good')))).toEqual(JSON.parse(spaced.replace('Hello', 'Good')))
    const tabs = '{"type":"x",\r\n\t"event_id" :\t"e" ,\r"y":\t[ 1 ,\r\n2\t] }'
    expect(learned(tabs).read(frame(tabs.replace('"e"', '"f"')))).toEqual({ type: 'x', event_id: 'f', y: [1, 2] })
  })

  it.each(['event_id', 'id', 'transcript', 'text', 'name', 'event', 'image_url', 'anything'])('with another text at %s', (key) => {
    const having = (value: string) => ({ type: 'x', event_id: 'e', y: { [key]: value } })
    expect(learned(having('a')).read(frame(having('bb')))).toEqual(having('bb'))
  })

  it.each(['text_tokens', 'audio_start_ms', 'output_index', 'seconds', 'anything'])('with another number at %s', (key) => {
    const having = (value: number) => ({ type: 'x', event_id: 'e', [key]: value })
    expect(learned(having(1)).read(frame(having(20)))).toEqual(having(20))
  })

  it.each(['type', 'object', 'role', 'status', 'reason', 'phase', 'voice', 'format', 'output_audio_format', 'rate'])('with the same %s, and no other', (key) => {
    const having = (value: string | number) => ({ type: 'x', event_id: 'e', y: { [key]: value, text: 'a' } })
    const frames = learned(having('a'), having(1))
    for (const value of ['a', 1]) expect(frames.read(frame(having(value)))).toEqual(having(value))
    for (const value of ['b', 2]) expect(frames.read(frame(having(value)))).toBeUndefined()
  })

  it.each(['output_modalities', 'modalities'])('with the same %s, and no others', (key) => {
    const having = (value: string) => ({ type: 'x', event_id: 'e', [key]: [value] })
    expect(learned(having('a')).read(frame(having('a')))).toEqual(having('a'))
    expect(learned(having('a')).read(frame(having('b')))).toBeUndefined()
  })

  it('without odds of its words', () => {
    const odds = { type: 'x', event_id: 'e', logprobs: null }
    expect(learned(odds).read(frame(odds))).toEqual(odds)
  })

  it.each([['null'], ['true'], ['false'], ['{}']])('with the same count of %s, and no other', (count) => {
    const frames = learned(text.replace('12', count))
    expect(frames.read(frame(text.replace('12', count).replace('Hello', 'x')))).toEqual(JSON.parse(text.replace('12', count).replace('Hello', 'x')))
    expect(frames.read(frame(text))).toBeUndefined()
  })
})

describe('a frame is not read by that shape', () => {
  it.each([
    ['another status', text.replace('completed', 'cancelled')],
    ['a field more', text.replace('"status"', '"x":1,"status"')],
    ['a field more, hidden in words', text.replace('Hello', 'Hello","x":"')],
    ['a field twice', text.replace('"status"', '"id":"resp_2","status"')],
    ['a field less', text.replace('"object":"realtime.response",', '')],
    ['an escape that JSON does not know', text.replace('Hello', 'He\\llo')],
    ['an escape of a letter beyond ASCII', text.replace('Hello', 'He\\é')],
    ['half an escape', text.replace('Hello', '\\u12g4')],
    ['an escape at its end', text.replace('Hello', 'Hello\\')],
    ['a control character', text.replace('Hello', 'He\u0001llo')],
    ['a count below zero', text.replace('12', '-12')],
    ['a count with an exponent', text.replace('12', '1e2')],
    ['a count that JSON does not know', text.replace('12', '012')],
    ['a shorter one', text.replace('12', '01')],
    ['a count with more behind it', text.replace('12', '12:')],
    ['a count with a letter behind its point', text.replace('12', '12.x5')],
    ['a count with many digits behind its point', text.replace('12', `0.${'1'.repeat(21)}`)],
    ['a count without an end', text.replace('12', '12.')],
    ['a count of many digits', text.replace('12', '1234567890')],
    ['no count', text.replace('12', '')],
    ['a text for a count', text.replace('12', '"12"')],
    ['something behind it', `${text} `],
    ['its half', text.slice(0, -1)],
    ['nothing', ''],
  ])('%s', (_name, other) => expect(learned(response()).read(frame(other))).toBeUndefined())
})

describe('nothing is learned of', () => {
  it.each([
    ['a session, which has prompts in it', '{"type":"session.updated","event_id":"e","session":{"instructions":"secret"}}'],
    ['a long frame', JSON.stringify(response({ output: [{ id: 'x'.repeat(8192) }] }))],
    ['a frame that says much that may be alike', JSON.stringify(response({ ['x'.repeat(2100)]: 1 }))],
    ['a frame with many texts', JSON.stringify(response({ output: Array.from({ length: 65 }, (_, id) => ({ id: `item_${id}` })) }))],
    ['an error, which may name what nobody is to know', '{"type":"error","event_id":"e","error":{"message":"x"}}'],
    ['words that are told with their odds', '{"type":"x","event_id":"e","logprobs":[{"token":"secret","bytes":[115]}]}'],
    ['a status that is long', JSON.stringify({ type: 'x', event_id: 'e', status: 'x'.repeat(64) })],
    ['a client’s own names', '{"type":"x","event_id":"e","metadata":{"ann":"x"}}'],
    ['a number below zero', '{"type":"x","event_id":"e","y":-1}'],
    ['a number with an exponent', '{"type":"x","event_id":"e","y":1e5}'],
    ['a number of many digits', '{"type":"x","event_id":"e","y":1234567890}'],
    ['a deep frame', JSON.stringify(response({ deep: JSON.parse(`${'['.repeat(20)}${']'.repeat(20)}`) }))],
    ['a field that an assignment would not make', '{"type":"x","event_id":"e","__proto__":{"a":1}}'],
    ['a frame that does not begin with its type', '{"event_id":"e","type":"response.done"}'],
  ])('%s', (_name, text) => {
    const frames = learned(text)
    expect(decoded(frame(text))).toBeDefined()
    expect(frames.read(frame(text))).toBeUndefined()
  })
})

describe('the most that is learned of', () => {
  const note = (characters: number) => ({
    type: 'x',
    event_id: 'e',
    modalities: Array.from({ length: Math.ceil(characters / 50) }, (_, n) => 'x'.repeat(Math.min(50, characters - n * 50))),
  })
  /** The constant bytes of a frame with one slot of one character. */
  const constants = (characters: number) => JSON.stringify(note(characters)).length - 1
  const size = 1000 + Array.from({ length: 2048 }, (_, n) => n).findIndex((n) => constants(1000 + n) === 2048)
  const nested = (depth: number, open: string, close: string) => `{"type":"x","event_id":"e","y":${open.repeat(depth)}true${close.repeat(depth)}}`
  const slots = (count: number) => ({ type: 'x', event_id: 'e', y: Array.from({ length: count - 1 }, (_, n) => ({ id: `${n}` })) })
  it.each([
    ['bytes that are alike', note(size), note(size + 1)],
    ['lists', nested(15, '[', ']'), nested(16, '[', ']')],
    ['objects', nested(15, '{"a":', '}'), nested(16, '{"a":', '}')],
    ['slots', slots(64), slots(65)],
    ['a frame', { type: 'x', event_id: 'e', text: 'x'.repeat(8192 - 37) }, { type: 'x', event_id: 'e', text: 'x'.repeat(8192 - 36) }],
    ['a status', { type: 'x', event_id: 'e', status: 'x'.repeat(63) }, { type: 'x', event_id: 'e', status: 'x'.repeat(64) }],
  ])('%s', (_name, most, more) => {
    expect(learned(most).read(frame(most))).toBeDefined()
    expect(learned(more).read(frame(more))).toBeUndefined()
  })
})

it('the shape that was read last is none, if the last frame had none', () => {
  const frames = learned(response())
  expect(frames.read(frame(response()))).toBeDefined()
  expect(frames.shape).toBeDefined()
  expect(frames.read(frame({ type: 'unknown' }))).toBeUndefined()
  expect(frames.shape).toBeUndefined()
})

it('shapes of one type are bounded, and one makes place only after many misses', () => {
  const frames = new KnownFrames()
  const odd = (n: number) => frame({ type: 'response.created', event_id: 'e', response: { status: `s${n}` } })
  const known = (from: number, count: number) => Array.from({ length: count }, (_, n) => from + n).filter((n) => frames.read(odd(n)))
  for (let n = 0; n < 6; n++) learn(frames, odd(n))
  expect(known(0, 6)).toHaveLength(6)
  for (let n = 100; n < 125; n++) learn(frames, odd(n))
  expect(known(100, 25)).toEqual([])
  // The thirty-second.
  learn(frames, odd(125))
  expect(known(125, 1)).toEqual([125])
  expect(known(0, 6)).toHaveLength(5)
})

it('what cannot be learned is tried as seldom', () => {
  const frames = new KnownFrames()
  const [never, plain] = [frame('{"type":"x","y":1e5}'), frame('{"type":"x","y":1}')]
  for (let n = 0; n < 6; n++) learn(frames, never)
  for (let n = 6; n < 31; n++) learn(frames, plain)
  expect(frames.read(plain)).toBeUndefined()
  learn(frames, plain)
  expect(frames.read(plain)).toBeDefined()
})

it('a long frame is not looked through', () => {
  const long = (characters: number) => frame({ type: 'x', event_id: 'e', text: 'x'.repeat(characters) })
  const frames = new KnownFrames()
  learn(frames, long(1))
  expect(frames.read(long(8192 - 37))).toBeDefined()
  expect(frames.read(long(8192 - 36))).toBeUndefined()
})

it('types are bounded', () => {
  const frames = new KnownFrames()
  for (let n = 0; n < 40; n++) learn(frames, frame({ type: `type.${n}`, event_id: 'e' }))
  expect(Array.from({ length: 40 }, (_, n) => frames.read(frame({ type: `type.${n}`, event_id: 'f' }))).filter(Boolean)).toHaveLength(32)
})

it('what all events of a shape share cannot be changed, and holds no part of the read it came of', () => {
  const read = Buffer.alloc(65_536)
  const text = JSON.stringify(response())
  read.write(text, 100)
  const bytes = read.subarray(100, 100 + text.length)
  const frames = new KnownFrames()
  learn(frames, bytes)
  const responseOf = (given: Buffer) => frames.read(given)?.response as { readonly audio: { readonly output: { readonly format: object } } }
  const [one, other] = [responseOf(bytes), responseOf(frame(response()))]
  expect(one.audio).toBe(other.audio)
  for (const shared of [one.audio, one.audio.output, one.audio.output.format]) expect(Object.isFrozen(shared)).toBe(true)
  expect(one).not.toBe(other)
  expect(frames.shape?.bytes.buffer).not.toBe(read.buffer)
})

describe('whatever was learned, a frame reads as it is read whole', () => {
  const texts = fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom('"', '\\', '\\u0041', '","id":"x', '\u2028', '\ud83d', 'é', '', '}'))
  const edits = fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 1, 2), texts), { minLength: 1, maxLength: 3 })
  /** A frame of a turn with bytes put in, taken out, or replaced. */
  const nearMiss = fc.tuple(fc.constantFrom(...TURNS), edits).map(([bytes, changes]) =>
    changes.reduce((before, [n, taken, text]) => {
      const at = n % (before.length + 1)
      return Buffer.concat([before.subarray(0, at), Buffer.from(text), before.subarray(at + taken)])
    }, bytes),
  )
  /** A frame of a turn whose texts are others. */
  const alike = fc.tuple(fc.constantFrom(...TURNS), fc.array(texts, { minLength: 1, maxLength: 6 }), fc.nat(999_999)).map(([bytes, all, count]) => {
    let at = 0
    const replaced = (key: string, value: unknown): unknown => {
      if (typeof value === 'string' && /^(?:id|.*_id|transcript|text|arguments|delta|obfuscation)$/.test(key)) return all[at++ % all.length]
      return typeof value === 'number' && key.endsWith('_tokens') ? count : value
    }
    return frame(JSON.stringify(JSON.parse(bytes.toString()), replaced))
  })
  const frames = new KnownFrames()
  let hits = 0
  const agrees = (given: Buffer | string) => {
    const bytes = Buffer.from(given as string)
    const known = frames.read(bytes)
    const whole = decoded(bytes)
    if (known) {
      hits++
      expect(JSON.stringify(known)).toBe(JSON.stringify(whole))
      expect(known).toEqual(whole)
    } else if (whole) frames.learn(bytes, whole)
  }

  it('of a turn, with other texts', () => {
    for (const bytes of TURNS) agrees(bytes)
    hits = 0
    fc.assert(fc.property(alike, agrees), { numRuns: 1000 })
    expect(hits).toBeGreaterThan(500)
  })
  it('of a turn, a near miss', () => {
    hits = 0
    fc.assert(fc.property(nearMiss, agrees), { numRuns: 3000 })
    expect(hits).toBeGreaterThan(100)
  })
  it('of a client', () => fc.assert(fc.property(fc.oneof(hostileFrame, mutatedFrame), agrees), { numRuns: 2000 }))
})

const suite = 'corpora/json-test-suite/test_parsing'
it.skipIf(!hasShared(suite))(`the texts of JSONTestSuite read alike in a slot, and as a frame${neededShared(suite)}`, () => {
  const frames = learned('{"type":"x","event_id":"e","text":"a","total_tokens":1,"y":[1]}', '{"type":"x","event_id":"e","text":"a","total_tokens":1.5,"y":{}}')
  for (const name of readdirSync(sharedPath(suite))) {
    const bytes = readFileSync(sharedPath(`${suite}/${name}`))
    for (const [before, after] of [
      ['', ''],
      ['{"type":"x","event_id":"e","text":', ',"total_tokens":1,"y":[1]}'],
      ['{"type":"x","event_id":"e","text":"', '","total_tokens":1,"y":[1]}'],
      ['{"type":"x","event_id":"e","text":"a","total_tokens":', ',"y":[1]}'],
      ['{"type":"x","event_id":"e","text":"a","total_tokens":1,"y":', '}'],
    ] as const) {
      const given = Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)])
      // A link lets no other text frame through.
      if (!Buffer.from(given.toString()).equals(given)) continue
      const known = frames.read(given)
      if (known) expect(known).toEqual(decoded(given))
    }
  }
})

describe.each(['preview', 'voice-live'] as const)('a frame is spelled for a client of %s as its event is', (dialect) => {
  const spellings = new Spellings(dialect)
  const frames = new KnownFrames()
  const spelled = (bytes: Buffer) => {
    learn(frames, bytes)
    const event = frames.read(bytes)
    return event && frames.shape && spellings.spell(frames.shape, bytes, frames.spans)
  }
  const translated = (bytes: Buffer) => dialectFor(dialect).fromGa(decoded(bytes) as RealtimeEvent)

  it('in every kind of turn', () => {
    const types = new Set<string>()
    for (const bytes of TURNS) {
      const out = spelled(bytes)
      if (!out) continue
      types.add((decoded(bytes) as RealtimeEvent).type)
      expect([JSON.parse(out.toString())]).toEqual(translated(bytes))
    }
    for (const type of ['response.created', 'response.done', 'response.output_item.added', 'response.output_item.done', 'conversation.item.added']) expect(types).toContain(type)
  })

  it('in the order of the translation', () => {
    const bytes = frame(response({ max_output_tokens: 100, temperature: 0.8, conversation_id: 'conv_1', output_modalities: ['audio'] }))
    const out = spelled(bytes)?.toString() ?? ''
    expect([JSON.parse(out)]).toEqual(translated(bytes))
    expect(out).toBe(JSON.stringify(translated(bytes)[0]))
  })

  it('with escapes, and letters beyond ASCII', () => {
    const bytes = frame(JSON.stringify(response()).replace('Hello', 'a\\n\\"😀\\ud83d'))
    expect([JSON.parse(spelled(bytes)?.toString() ?? '')]).toEqual(translated(bytes))
  })

  it('if it is spelled at all: not one that has no counterpart, or one only for some', () => {
    for (const type of ['conversation.item.input_audio_transcription.delta', 'input_audio_buffer.timeout_triggered']) {
      const bytes = frame({ type, event_id: 'e', item_id: 'i', delta: 'x' })
      expect(spelled(bytes)).toEqual(translated(bytes).length === 0 ? undefined : expect.anything())
    }
  })

  it('and by its event, if the translation leaves a slot out', () => {
    const bytes = frame(response({ output: [{ id: 'item_1', type: 'message', role: 'user', content: [{ type: 'input_image', text: 'x' }] }] }))
    expect(spelled(bytes)).toBeUndefined()
  })
})
