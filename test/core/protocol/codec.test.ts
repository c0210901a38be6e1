// The codec's limits, each checked before an object is built, and its results for odd but legal JSON.
import { describe, expect, it, vi } from 'vitest'
import { CLIENT_LIMITS, type Decoded, decodeEvent, encodeEvent, problemText, UPSTREAM_LIMITS } from '../../../src/core/protocol/codec.js'
import type { RealtimeEvent } from '../../../src/core/protocol/events.js'

const decode = (text: string | Buffer): Decoded => decodeEvent(Buffer.from(text as string), CLIENT_LIMITS)
const problem = (text: string | Buffer): string => {
  const decoded = decode(text)
  return decoded.ok ? 'ok' : decoded.problem
}
const around = (value: string): string => `{"type":"x","v":${value}}`

describe('limits', () => {
  const costly: readonly (readonly [string, string, string])[] = [
    ['100 000 arrays', '['.repeat(100_000), 'too_deep'],
    ['100 000 objects', '{"a":'.repeat(100_000), 'too_deep'],
    ['one level too many', around('['.repeat(32) + ']'.repeat(32)), 'too_deep'],
    ['60 000 keys', `{"type":"x",${Array.from({ length: 60_000 }, (_, n) => `"k${n}":0`).join(',')}}`, 'too_many_values'],
    ['30 000 values', around(`[${'0,'.repeat(30_000)}0]`), 'too_many_values'],
    ['30 000 empty arrays', around(`[${'[],'.repeat(30_000)}[]]`), 'too_many_values'],
    ['a number of 100 000 digits', around('9'.repeat(100_000)), 'bad_number'],
    ['a number of 41 digits', around('9'.repeat(41)), 'bad_number'],
    ['a sign and 40 digits', around(`-${'9'.repeat(40)}`), 'bad_number'],
    ['1e99999', around('1e99999'), 'bad_number'],
    ['1E400', around('1E400'), 'bad_number'],
    ['1e+400', around('1e+400'), 'bad_number'],
    ['-1e400', around('-1e400'), 'bad_number'],
    ['a key twice', '{"type":"x","a":1,"a":1}', 'duplicate_key'],
    ['a key twice, once escaped', '{"type":"x","\\u0074ype":"y"}', 'duplicate_key'],
    ['a key twice, deep inside', around('[{"b":{"a":1,"c":[{}],"a":2}}]'), 'duplicate_key'],
    ['a key twice, with an escaped quote in it', around('{"a\\"":1,"a\\"":2}'), 'duplicate_key'],
    ['a key twice, after values that end in backslashes', '{"type":"x","v":"\\\\","w":"\\"\\\\\\\\","v":1}', 'duplicate_key'],
    ['a key twice, after a list in the same object', '{"type":"x","v":["a"],"v":1}', 'duplicate_key'],
    ['__proto__ twice', around('{"__proto__":1,"__proto__":2}'), 'duplicate_key'],
  ]
  for (const [name, text, expected] of costly) {
    it(`${name}: ${expected}, without parsing`, () => {
      const parse = vi.spyOn(JSON, 'parse')
      try {
        const found = problem(text)
        expect(parse.mock.calls.filter(([parsed]) => parsed.length > 20)).toEqual([])
        expect(found).toBe(expected)
      } finally {
        parse.mockRestore()
      }
    })
  }

  it('leave room for every legitimate event', () => {
    expect(problem(around('['.repeat(31) + ']'.repeat(31)))).toBe('ok')
    expect(problem(around(`[${'0,'.repeat(15_000)}0]`))).toBe('ok')
    expect(problem(around('[{"a":1},{"a":1},{"a":{"a":1}}]'))).toBe('ok')
    expect(problem(around('1234567890123456789012345678901234567890'))).toBe('ok')
    expect(decodeEvent(Buffer.from(around('['.repeat(90) + ']'.repeat(90))), UPSTREAM_LIMITS).ok).toBe(true)
  })

  it('count every value and every key and allow exactly the limit', () => {
    const within = (maxNodes: number, text: string) => decodeEvent(Buffer.from(text), { maxDepth: 4, maxNodes }).ok
    for (const [nodes, text] of [
      [3, '{"type":"x"}'],
      [7, '{"type":"x","v":["a",{}]}'],
      [7, '{"type":"x","v":[-1.5e3,20]}'],
    ] as const) {
      expect(within(nodes, text)).toBe(true)
      expect(within(nodes - 1, text)).toBe(false)
    }
  })

  it('differ by side in depth and values, and not in size, which is the link’s to bound', () => {
    const sides = [
      { limits: CLIENT_LIMITS, depth: 32, nodes: 20_000 },
      { limits: UPSTREAM_LIMITS, depth: 96, nodes: 200_000 },
    ]
    for (const { limits, depth, nodes } of sides) {
      const found = (text: string) => {
        const decoded = decodeEvent(Buffer.from(text), limits)
        return decoded.ok ? 'ok' : decoded.problem
      }
      expect(found('{"type":"x"}'.padEnd(40 * 2 ** 20))).toBe('ok')
      const nested = (levels: number) => around('['.repeat(levels - 1) + ']'.repeat(levels - 1))
      expect([found(nested(depth)), found(nested(depth + 1))]).toEqual(['ok', 'too_deep'])
      const filled = (values: number) => around(`[${Array(values - 5).fill(0)}]`)
      expect([found(filled(nodes)), found(filled(nodes + 1))]).toEqual(['ok', 'too_many_values'])
    }
  })

  it('are described in texts that quote nothing', () => {
    for (const one of ['not_json', 'not_an_object', 'no_type', 'too_deep', 'too_many_values', 'duplicate_key', 'bad_number'] as const) {
      expect(problemText(one)).toMatch(/^[A-Z][^{}]+\.$/)
    }
  })
})

describe('shape', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['', 'not_json'],
    ['   ', 'not_json'],
    ['{"type":"x"', 'not_json'],
    ['{"type":"x"} {}', 'not_json'],
    ['{"type":"x"}\u0000', 'not_json'],
    ['\ufeff{"type":"x"}', 'not_json'],
    ["{'type':'x'}", 'not_json'],
    ['{"type":"x",}', 'not_json'],
    ['{"type":"x",/**/"a":1}', 'not_json'],
    ['{"type":"x","v":NaN}', 'not_json'],
    ['{"type":"x","v":01}', 'not_json'],
    ['{"type":"x","v":"\t"}', 'not_json'],
    ['{"type":"x","v":"\\x41"}', 'not_json'],
    ['null', 'not_an_object'],
    ['[{"type":"x"}]', 'not_an_object'],
    ['"type"', 'not_an_object'],
    ['7', 'not_an_object'],
    ['{}', 'no_type'],
    ['{"type":null}', 'no_type'],
    ['{"type":["session.update"]}', 'no_type'],
    ['{"type":""}', 'no_type'],
    ['{"Type":"x"}', 'no_type'],
    ['{"__proto__":{"type":"x"}}', 'no_type'],
    [`{"type":"${'x'.repeat(129)}"}`, 'no_type'],
    [`{"type":"${'x'.repeat(128)}"}`, 'ok'],
    ['{"type":"audio","audio":"type"}', 'ok'],
    ['{"type":"x","v":["a","a",{"a":"a"},"a"],"a":"v"}', 'ok'],
    ['{"type":"x","\\x":1}', 'not_json'],
    ['{"type":"x","v":"', 'not_json'],
    ['\n{"type":"x"}\r\n', 'ok'],
  ]
  for (const [text, expected] of rows) it(`${JSON.stringify(text.slice(0, 40))}: ${expected}`, () => expect(problem(text)).toBe(expected))
})

describe('text', () => {
  const value = (text: string): unknown => {
    const decoded = decode(around(text))
    return decoded.ok && decoded.event.v
  }

  it.each(['-1.5e3', '1E+5', '2e-3', '0', '-0.25', '1234567.125', '""', '"\\""', '"\\\\"', '"a\\\\\\"b"', '[["\\\\"],"\\\\\\\\"]', 'true', 'null'])(
    '%s means what JSON says',
    (text) => {
      expect(value(text)).toEqual(JSON.parse(text))
    },
  )

  it('keeps half characters of the upstream, since the next delta brings the other half', () => {
    const halves = ['{"type":"x","delta":"a\\ud83d"}', '{"type":"x","delta":"\\ude00b"}'].map((text) => decodeEvent(Buffer.from(text), UPSTREAM_LIMITS))
    const texts = halves.map((half) => (half.ok ? (JSON.parse(encodeEvent(half.event)) as { delta: string }).delta : ''))
    expect(texts.join('')).toBe('a😀b')
  })

  it('keeps pairs of surrogates and replaces lone ones by U+FFFD, in values and keys', () => {
    expect(value('"\\ud83d\\ude00"')).toBe('😀')
    expect(value('"a\\ud800b"')).toBe('a\uFFFDb')
    expect(value('"\\udc00\\ud800"')).toBe('\uFFFD\uFFFD')
    expect(value('["\\ud83d"]')).toEqual(['\uFFFD'])
    expect(value('{"\\udfff":1}')).toEqual({ '\uFFFD': 1 })
    expect(value('{"a":["\\uDFFF",{"b":null,"c":7,"d":true}]}')).toEqual({ a: ['\uFFFD', { b: null, c: 7, d: true }] })
  })

  it('survives encoding as well-formed UTF-8', () => {
    const decoded = decode(around('"\\ud800 \\u0000 \\u2028 😀"'))
    const sent = decoded.ok ? encodeEvent(decoded.event) : ''
    expect(Buffer.from(sent).toString()).toBe(sent)
    expect((JSON.parse(sent) as RealtimeEvent).v).toBe('\uFFFD \u0000 \u2028 😀')
  })

  it('reads __proto__ as an ordinary field', () => {
    const decoded = decode('{"type":"x","__proto__":{"polluted":true}}')
    expect(decoded.ok && Object.getPrototypeOf(decoded.event)).toBe(Object.prototype)
    expect(decoded.ok && (decoded.event as { polluted?: unknown }).polluted).toBeUndefined()
    const rebuilt = decode('{"type":"x","__proto__":{"polluted":"\\ud800"}}')
    expect(rebuilt.ok && (rebuilt.event as { polluted?: unknown }).polluted).toBeUndefined()
  })
})
