// The fast lane for client audio against JSON.parse: every parser reads an accepted frame as exactly one audio event.
import { describe, expect, it } from 'vitest'
import { clientAudioBytes } from '../../../src/core/protocol/fast-lane.js'
import { anyCharacter } from '../../support/any-character.js'
import { fc } from '../../support/property.js'

const often = { numRuns: 2_000 }
const AUDIO = Buffer.from('some audio bytes').toString('base64')
const TYPE = 'input_audio_buffer.append'
const isClientAudio = (frame: Buffer) => clientAudioBytes(frame) >= 0
const accepts = (text: string) => isClientAudio(Buffer.from(text, 'utf8'))

/** Checks what JSON.parse reads in the frame against all promises of the lane. */
function expectOnlyAudio(frame: Buffer): void {
  const text = frame.toString('utf8')
  const event = JSON.parse(text) as Record<string, unknown>
  expect(event.type).toBe(TYPE)
  expect(typeof event.audio).toBe('string')
  const keys = Object.keys(event)
  expect(keys.filter((key) => !['type', 'audio', 'event_id'].includes(key))).toEqual([])
  if (keys.includes('event_id')) expect(event.event_id).toMatch(/^(?!relay_)[A-Za-z0-9_.-]{1,64}$/)
  // No duplicates: with every string replaced, as many colons are left in the text as the object has keys.
  expect(text).not.toContain('\\')
  expect(text.replace(/"[^"]*"/g, '').match(/:/g)).toHaveLength(keys.length)
}

describe('client audio: shapes real clients send', () => {
  it.each([
    ['JSON.stringify', `{"type":"${TYPE}","audio":"${AUDIO}"}`],
    ['json.dumps', `{"type": "${TYPE}", "audio": "${AUDIO}"}`],
    ['event_id first (openai-realtime-api)', `{"event_id":"evt_9fK2_x-1.a","type":"${TYPE}","audio":"${AUDIO}"}`],
    ['event_id last', `{"type":"${TYPE}","audio":"${AUDIO}","event_id":"e1"}`],
    ['event_id between', `{"type":"${TYPE}","event_id":"e1","audio":"${AUDIO}"}`],
    ['audio first', `{"audio":"${AUDIO}","type":"${TYPE}"}`],
    ['pydantic, indented', `{\n  "audio": "${AUDIO}",\n  "type": "${TYPE}"\n}`],
    ['tabs and CRLF', `{\r\n\t"type" :\t"${TYPE}",\r\n\t"audio" : "${AUDIO}"\r\n}\r\n`],
    ['no audio in it', `{"type":"${TYPE}","audio":""}`],
    ['base64url', `{"type":"${TYPE}","audio":"_-_-"}`],
  ])('%s', (_name, text) => {
    expect(accepts(text)).toBe(true)
    expectOnlyAudio(Buffer.from(text))
  })
})

describe('client audio: near misses take the slow path', () => {
  const base = `{"type":"${TYPE}","audio":"AAAA"`
  it.each([
    ['a second type, last one wins', `${base},"type":"session.update","session":{}}`],
    ['the same type twice', `${base},"type":"${TYPE}"}`],
    ['audio twice', `${base},"audio":"BBBB"}`],
    ['event_id twice', `${base},"event_id":"a","event_id":"b"}`],
    ['another member', `${base},"x":"y"}`],
    ['a nested value', `${base},"x":{}}`],
    ['__proto__', `${base},"__proto__":"x"}`],
    ['an escaped quote in audio', `{"type":"${TYPE}","audio":"AA\\"AA"}`],
    ['an escape in audio', `{"type":"${TYPE}","audio":"AA\\u0041"}`],
    ['an escaped slash in audio', `{"type":"${TYPE}","audio":"AA\\/A"}`],
    ['an escaped key', `{"t\\u0079pe":"${TYPE}","audio":"AAAA"}`],
    ['an escaped type', `{"type":"input_audio_buffer\\u002eappend","audio":"AAAA"}`],
    ['a line break in audio', `{"type":"${TYPE}","audio":"AA\nAA"}`],
    ['NUL in audio', `{"type":"${TYPE}","audio":"AA\0AA"}`],
    ['a letter beyond ASCII in audio', `{"type":"${TYPE}","audio":"AAéA"}`],
    ['a longer type', `{"type":"${TYPE}s","audio":"AAAA"}`],
    ['a type with a space', `{"type":" ${TYPE}","audio":"AAAA"}`],
    ['another type', '{"type":"session.update","audio":"AAAA"}'],
    ['upper case key', `{"Type":"${TYPE}","audio":"AAAA"}`],
    ['no type', '{"audio":"AAAA"}'],
    ['no audio', `{"type":"${TYPE}"}`],
    ['audio as number', `{"type":"${TYPE}","audio":1}`],
    ['audio as null', `{"type":"${TYPE}","audio":null}`],
    ['a number for an id', `${base},"event_id":1}`],
    ['an id of the relay', `${base},"event_id":"relay_1"}`],
    ['an empty id', `${base},"event_id":""}`],
    ['an id too long', `${base},"event_id":"${'a'.repeat(65)}"}`],
    ['an id with a space', `${base},"event_id":"a b"}`],
    ['a trailing comma', `${base},}`],
    ['a leading comma', `{,"type":"${TYPE}","audio":"AAAA"}`],
    ['no comma', `{"type":"${TYPE}" "audio":"AAAA"}`],
    ['two colons', `{"type"::"${TYPE}","audio":"AAAA"}`],
    ['text behind', `${base}}x`],
    ['a second object behind', `${base}}{"type":"session.update"}`],
    ['a byte order mark', `\uFEFF${base}}`],
    ['an array around', `[${base}}]`],
    ['a comment', `{/**/"type":"${TYPE}","audio":"AAAA"}`],
    ['a no-break space', `{\u00a0"type":"${TYPE}","audio":"AAAA"}`],
    ['more white space than any printer writes', `{${' '.repeat(40)}"type":"${TYPE}","audio":"AAAA"}`],
    ['an unfinished key', '{"type'],
    ['an unquoted key', `{type:"${TYPE}","audio":"AAAA"}`],
    ['a semicolon for a colon', `{"type";"${TYPE}","audio":"AAAA"}`],
    ['a list of members', `["type":"${TYPE}","audio":"AAAA"]`],
    ['a key that is longer', `{"types":"${TYPE}","audio":"AAAA"}`],
    ['a key that is shorter', `{"typ":"${TYPE}","audio":"AAAA"}`],
    ['unfinished string', `{"type":"${TYPE}","audio":"AAAA`],
    ['unfinished object', base],
    ['the prefix alone', `{"type":"${TYPE}","audio":"`],
    ['the prefix and a brace', `{"type":"${TYPE}","audio":"}`],
    ['nothing', ''],
    ['an empty object', '{}'],
  ])('%s', (_name, text) => {
    expect(accepts(text)).toBe(false)
    expect(clientAudioBytes(Buffer.from(text))).toBe(-1)
  })

  it('white space: as much as a pretty-printer writes, at any place', () => {
    const spaced = (places: readonly number[]) => {
      const [a, b, c, d, e, f, g] = places.map((count) => '\n \t\r'.repeat(5).slice(0, count))
      return `${a}{${b}"audio"${c}:${d}"AAAA"${e},${f}"type":"${TYPE}"}${g}`
    }
    const none = Array(7).fill(0)
    for (let place = 0; place < none.length; place++) {
      expect(accepts(spaced(none.with(place, 16)))).toBe(true)
      expect(accepts(spaced(none.with(place, 17)))).toBe(false)
    }
  })

  it('a client’s id may have up to 64 letters, digits, dots, dashes and underscores', () => {
    const withId = (id: string) => accepts(`${base},"event_id":"${id}"}`)
    for (let code = 0x20; code < 0x7f; code++) expect([code, withId(String.fromCharCode(code))]).toEqual([code, /[A-Za-z0-9._-]/.test(String.fromCharCode(code))])
    for (const id of ['a'.repeat(64), 'relay', 'Relay_1', 'my_relay_1']) expect(withId(id)).toBe(true)
    for (const id of ['a'.repeat(65), 'relay_', '\u0000', 'é']) expect(withId(id)).toBe(false)
  })

  it('raw bytes that a careless decoder could take for a quote', () => {
    const overlong = Buffer.concat([Buffer.from(`{"type":"${TYPE}","audio":"AA`), Buffer.from([0xc0, 0xa2]), Buffer.from('AA"}')])
    expect(isClientAudio(overlong)).toBe(false)
  })

  it('finds one bad byte at any place and with any alignment of the buffer', () => {
    const prefix = Buffer.from(`{"type":"${TYPE}","audio":"`)
    const wrong: unknown[] = []
    for (let length = 0; length < 48; length++) {
      for (let offset = 0; offset < 4; offset++) {
        // Bytes behind the frame in the same memory must not matter.
        const room = Buffer.alloc(offset + prefix.length + length + 2 + 64, 0xff)
        const frame = room.subarray(offset, -64)
        prefix.copy(frame)
        frame.fill('A', prefix.length)
        frame.write('"}', prefix.length + length)
        if (!isClientAudio(frame)) wrong.push({ length, offset })
        for (let at = 0; at < length; at++) {
          for (const byte of [0x00, 0x1f, 0x22, 0x5c, 0x80, 0xff, 0x20, 0x7f]) {
            frame[prefix.length + at] = byte
            if (isClientAudio(frame) !== (byte === 0x20 || byte === 0x7f)) wrong.push({ length, offset, at, byte })
          }
        }
      }
    }
    expect(wrong).toEqual([])
  })
})

const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/)
const member = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(`"type":"${TYPE}"`, `"type": "${TYPE}"`) },
  { weight: 6, arbitrary: fc.base64String({ maxLength: 64 }).map((audio) => `"audio":"${audio}"`) },
  { weight: 2, arbitrary: fc.constantFrom('"event_id":"e1"', '"event_id": "abc.DEF-9_"', '"event_id":"relay_x"', '"event_id":""') },
  { weight: 1, arbitrary: fc.string({ maxLength: 12 }).map((text) => `"audio":${JSON.stringify(text)}`) },
  { weight: 1, arbitrary: fc.string({ unit: anyCharacter, maxLength: 8 }).map((text) => `"audio":"${text}"`) },
  { weight: 1, arbitrary: fc.string({ maxLength: 8 }).map((text) => `"event_id":"${text}"`) },
  { weight: 1, arbitrary: fc.constantFrom('"type":"session.update"', '"x":1', '"session":{}', '"\\u0074ype":"session.update"', '"audio":[]', '"audio":null', '') },
)
const objectText = fc.tuple(fc.array(fc.tuple(space, member), { maxLength: 5 }), space, fc.constantFrom('', '', '', ',', '}', 'x', '\n')).map(([members, end, tail]) => {
  return `{${members.map(([before, text]) => before + text).join(',')}${end}}${tail}`
})

describe('client audio: generated', () => {
  it('an accepted frame parses to exactly one audio event with allowed keys only', () => {
    let accepted = 0
    fc.assert(
      fc.property(objectText, (text) => {
        const frame = Buffer.from(text, 'utf8')
        if (!isClientAudio(frame)) return
        accepted++
        expectOnlyAudio(frame)
      }),
      { numRuns: 20_000 },
    )
    expect(accepted).toBeGreaterThan(500)
  })

  it('a valid frame with bytes changed, removed, doubled or inserted is either still one audio event or not accepted', () => {
    const valid = fc.constantFrom(`{"type":"${TYPE}","audio":"${AUDIO}"}`, `{"type": "${TYPE}", "audio": "${AUDIO}"}`, `{"event_id":"e1","audio":"${AUDIO}","type":"${TYPE}"}`)
    const edit = fc.record({ at: fc.nat(120), how: fc.constantFrom('set', 'drop', 'insert', 'copy'), byte: fc.oneof(fc.constantFrom(...Buffer.from('"\\{},: \n\0')), fc.nat(255)) })
    let refused = 0
    fc.assert(
      fc.property(valid, fc.array(edit, { minLength: 1, maxLength: 3 }), (text, edits) => {
        let bytes = [...Buffer.from(text)]
        for (const { at, how, byte } of edits) {
          const index = at % bytes.length
          if (how === 'set') bytes[index] = byte
          else if (how === 'drop') bytes.splice(index, 1)
          else if (how === 'insert') bytes.splice(index, 0, byte)
          else bytes = [...bytes.slice(0, index), ...bytes.slice(index >> 1)]
        }
        const frame = Buffer.from(bytes)
        if (isClientAudio(frame)) expectOnlyAudio(frame)
        else refused++
      }),
      { numRuns: 10_000 },
    )
    expect(refused).toBeGreaterThan(1_000)
  })

  it('the metered length is the decoded length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, spaced) => {
        const audio = Buffer.from(bytes).toString('base64')
        const text = spaced ? `{"type": "${TYPE}", "audio": "${audio}"}` : `{"type":"${TYPE}","audio":"${audio}"}`
        expect(clientAudioBytes(Buffer.from(text))).toBe(bytes.length)
      }),
      often,
    )
  })
})

it('the length of the audio is that of its characters, less two of padding at most', () => {
  const bytes = (audio: string) => clientAudioBytes(Buffer.from(`{"type":"${TYPE}","audio":"${audio}"}`))
  expect(['', 'AAAA', 'AAA=', 'AA==', 'A===', '====', '==', '='].map(bytes)).toEqual([0, 3, 2, 1, 1, 1, 0, 0])
})
