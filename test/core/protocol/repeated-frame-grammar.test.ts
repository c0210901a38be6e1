// Frames that repeat an earlier one, compared with a grammar of them in regular expressions: what has a pattern, what matches it, and where the texts stand.
import { expect, it } from 'vitest'
import { deltaPatternOf, type Found, matchesPattern, partPatternOf, patternOf } from '../../../src/core/protocol/repeated-frame.js'
import { fc } from '../../support/property.js'

const TEXT = String.raw`(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*`
const PLAIN = String.raw`"[^"\\\x00-\x1f]*"`
const LITERAL = String.raw`-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null`

interface Grammar {
  readonly patternOf: (frame: Buffer) => Found | undefined
  readonly names: readonly string[]
  readonly depth: number
}

const GRAMMARS: readonly Grammar[] = [
  { patternOf, names: ['event_id', 'delta', 'obfuscation'], depth: 0 },
  { patternOf: partPatternOf, names: ['event_id', 'response_id', 'item_id', 'transcript', 'text'], depth: 1 },
  { patternOf: deltaPatternOf, names: ['event_id', 'response_id', 'item_id', 'call_id', 'delta', 'obfuscation'], depth: 0 },
]

function objectIn({ names, depth }: Grammar): string {
  const name = `"(?:${names.join('|')})"`
  const inner = depth > 0 ? [objectIn({ patternOf, names, depth: depth - 1 })] : []
  const member = `(?:${name}:(?:${[`"${TEXT}"`, ...inner].join('|')})|(?!${name}:)${PLAIN}:(?:${[PLAIN, LITERAL, ...inner].join('|')}))`
  return String.raw`\{${member}(?:,${member})*\}`
}

/** A character for each byte, so that places are those of the frame. */
const bytesOf = (frame: Buffer) => frame.toString('latin1')
const varying = ({ names }: Grammar) => new RegExp(`(?<="(?:${names.join('|')})":")${TEXT}(?=")`, 'g')
const escaped = (text: string) => text.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&')

/** Of a frame that has a pattern: how all frames look that match it. */
const likes = (grammar: Grammar, frame: Buffer) => new RegExp(`^${bytesOf(frame).split(varying(grammar)).map(escaped).join(`(${TEXT})`)}$`, 'd')

function matched(found: Found, frame: Buffer): readonly number[] | undefined {
  const spans: number[] = []
  return matchesPattern(found.pattern, frame, spans) ? spans : undefined
}
const wanted = (like: RegExp, frame: Buffer) => like.exec(bytesOf(frame))?.indices?.slice(1).flat()

const NAMES = [...new Set(GRAMMARS.flatMap(({ names }) => names)), 'type', 'n', '', 'deltas', 'a"b', '\\', 'é']
const said = fc.string({ unit: fc.constantFrom(...'aé😀"\\/\n\b\u0001\u007f{}:, '), maxLength: 4 })
const number = fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }))
const value = fc.oneof({ weight: 5, arbitrary: said }, { weight: 3, arbitrary: number }, fc.constantFrom(null, true, false, [], ['a']))
const object = (inner: fc.Arbitrary<unknown>) => fc.uniqueArray(fc.tuple(fc.constantFrom(...NAMES), inner), { selector: ([name]) => name, minLength: 0, maxLength: 6 })
const flat = object(value).map((members) => Object.fromEntries(members))
const nested = object(fc.oneof({ weight: 5, arbitrary: value }, { weight: 1, arbitrary: flat })).map((members) => Object.fromEntries(members))
const event = object(fc.oneof({ weight: 9, arbitrary: value }, { weight: 1, arbitrary: nested })).map((members): object => Object.fromEntries(members))
/** Also with escapes that need not be, and with white space. */
const frame = fc
  .tuple(event, fc.constantFrom(undefined, undefined, undefined, 'é', 'a', ' '))
  .map(([one, odd]) =>
    Buffer.from(odd === ' ' ? JSON.stringify(one, null, 1) : odd ? JSON.stringify(one).replaceAll(odd, `\\u00${odd === 'é' ? 'E9' : '61'}`) : JSON.stringify(one)),
  )

const constantsOf = ({ pattern: { bytes, ends } }: Found) => ends.map((end, index) => bytesOf(bytes.subarray(ends[index - 1] ?? 0, end)))

it.each(GRAMMARS)('any frame has a pattern if it is as plain as that, and its texts in their order: %j', (grammar) => {
  const plain = new RegExp(`^${objectIn(grammar)}$`)
  fc.assert(
    fc.property(frame, (given) => {
      const found = grammar.patternOf(given)
      expect(found !== undefined, bytesOf(given)).toBe(plain.test(bytesOf(given)))
      if (!found) return
      expect(constantsOf(found)).toEqual(bytesOf(given).split(varying(grammar)))
      expect(found.spans).toEqual(wanted(likes(grammar, given), given))
      expect(found.pattern.names).toEqual([...bytesOf(given).matchAll(varying(grammar))].map(({ index }) => /"(\w+)":"$/.exec(bytesOf(given).slice(0, index))?.[1]))
    }),
    { numRuns: 2000 },
  )
})

it('often enough a frame is as plain as that', () => {
  const sample = fc.sample(frame, { numRuns: 2000 })
  for (const grammar of GRAMMARS) expect(sample.filter(grammar.patternOf).length).toBeGreaterThan(100)
})

const BASES = [
  { type: 't', event_id: 'e', item_id: 'é', n: -1.5, delta: '\n', obfuscation: '' },
  { response_id: '', transcript: 'a"', type: 't', part: { text: 'x', n: null }, text: '\\' },
].map((one) => Buffer.from(JSON.stringify(one).replace('\\n', '\\n\\u00e9')))

function exampleOf(grammar: Grammar): readonly [Buffer, Found, RegExp] {
  const base = BASES[grammar.depth] as Buffer
  return [base, grammar.patternOf(base) as Found, likes(grammar, base)]
}

it.each(GRAMMARS)('whatever byte stands wherever, a frame matches if it is one of those: %j', (grammar) => {
  const [base, found, like] = exampleOf(grammar)
  for (let at = 0; at <= base.length; at++)
    for (let byte = 0; byte < 256; byte++)
      for (const cut of [0, 1]) {
        const given = Buffer.concat([base.subarray(0, at), Buffer.of(byte), base.subarray(at + cut)])
        const [got, want] = [matched(found, given), wanted(like, given)]
        // A look at each would take seconds.
        if (String(got) !== String(want)) expect(got, bytesOf(given)).toEqual(want)
      }
})

it.each(GRAMMARS)('any texts and pieces of them are told as by the grammar: %j', (grammar) => {
  const piece = fc.oneof(
    said.map((text) => JSON.stringify(text).slice(1, -1)),
    fc.constantFrom('\\', '"', '\\u00', '\\uD83d', '\\x', '"}', '","delta":"', ''),
  )
  const [, found, like] = exampleOf(grammar)
  fc.assert(
    fc.property(fc.array(piece, { minLength: 8, maxLength: 8 }), fc.integer({ min: -3, max: 0 }), (pieces, cut) => {
      const constants = constantsOf(found)
      const text = constants.map((constant, index) => constant + (index < constants.length - 1 ? pieces[index] : '')).join('')
      const whole = Buffer.from(text, 'latin1')
      const given = whole.subarray(0, whole.length + cut)
      expect(matched(found, given)).toEqual(wanted(like, given))
    }),
    { numRuns: 1000 },
  )
})
