// Tool arguments under fuzz: whatever numbers a model writes, the same digits leave by every way, the schema judges those digits, and a name that stands twice is refused.
import { describe, expect, it } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import type { JsonObject } from '../../src/core/protocol/events.js'
import { isExactNumber, numberOf, stringifyExact } from '../../src/json/exact-json.js'
import { compileTemplate } from '../../src/tools/http-template.js'
import { markNumbers, unmarkNumbers } from '../../src/tools/mcp-numbers.js'
import { parseArguments } from '../../src/tools/tool-arguments.js'
import { compileSchema } from '../../src/tools/tool-schema.js'
import { anyCharacter } from '../support/any-character.js'
import { fc } from '../support/property.js'
import { PATIENCE, RUNS } from './runs.js'

const digits = fc.stringMatching(/^(0|[1-9][0-9]{0,40})$/)
const nearTheEdge = fc.bigInt({ min: -3n, max: 3n }).chain((by) => fc.constantFrom(2n ** 53n, 2n ** 63n, 2n ** 64n, 10n ** 21n).map((edge) => String(edge + by)))
/** A number of JSON as its text. */
const number = fc.oneof(
  nearTheEdge,
  fc
    .tuple(
      fc.constantFrom('', '-'),
      digits,
      fc.option(fc.stringMatching(/^[0-9]{1,30}$/), { nil: undefined }),
      fc.option(fc.tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), fc.nat({ max: 999 })), { nil: undefined }),
    )
    .map(([sign, whole, fraction, power]) => `${sign}${whole}${fraction === undefined ? '' : `.${fraction}`}${power ? power.join('') : ''}`),
  fc.double({ noDefaultInfinity: true, noNaN: true }).map((value) => JSON.stringify(value)),
)
// Names of digits alone would change their order in an object.
const name = fc
  .oneof(fc.constantFrom('a', 'id', 'a/b', '~', 'value', 'isLosslessNumber', 'toString', 'ü "\\'), fc.string({ unit: anyCharacter, maxLength: 8 }))
  .filter((text) => !/^\d*$|^(__proto__|constructor|prototype)$/.test(text))
const text = fc.string({ unit: anyCharacter, maxLength: 12 }).map((one) => JSON.stringify(one))

/** JSON text without blanks, so that it is what has to leave. */
const { value } = fc.letrec<{ value: string; list: string; object: string }>((tie) => ({
  value: fc.oneof({ maxDepth: 3, withCrossShrink: true }, number, number, text, fc.constantFrom('true', 'false', 'null'), tie('list'), tie('object')),
  list: fc.array(tie('value'), { maxLength: 4 }).map((entries) => `[${entries.join()}]`),
  object: fc
    .uniqueArray(fc.tuple(name, tie('value')), { maxLength: 4, selector: ([key]) => key })
    .map((pairs) => `{${pairs.map(([key, one]) => `${JSON.stringify(key)}:${one}`).join()}}`),
}))
const args = fc.uniqueArray(fc.tuple(name, value), { maxLength: 5, selector: ([key]) => key })
const written = (pairs: readonly (readonly [string, string])[]) => `{${pairs.map(([key, one]) => `${JSON.stringify(key)}:${one}`).join()}}`
const parsed = (json: string) => {
  const result = parseArguments(json)
  if (!result.ok) throw new Error(`${result.problem}: ${json}`)
  return result.args
}
const template = (method: 'GET' | 'POST', url: string) =>
  compileTemplate({ method, url, headers: { 'x-n': new Secret('{n}') }, timeoutMs: undefined, idempotent: false, denyPrivateAddresses: false })

describe('tool arguments under fuzz', () => {
  it(
    'leave as they were written, in a body and to an MCP server',
    () => {
      fc.assert(
        fc.property(args, (pairs) => {
          const json = written(pairs)
          expect(stringifyExact(parsed(json))).toBe(json)
          expect(unmarkNumbers(JSON.stringify({ params: { arguments: markNumbers(parsed(json)) } }))).toBe(`{"params":{"arguments":${json}}}`)
          expect(template('POST', 'http://h/')(parsed(json), {}).body).toBe(json)
        }),
        RUNS,
      )
    },
    PATIENCE,
  )

  it(
    'leave as they were written, in path, query and header',
    () => {
      const [slots, rest] = [template('GET', 'http://h/{n}?q={n}'), template('GET', 'http://h/')]
      fc.assert(
        fc.property(number, (digits) => {
          const encoded = encodeURIComponent(digits)
          expect(slots(parsed(`{"n":${digits}}`), {})).toMatchObject({ url: new URL(`http://h/${encoded}?q=${encoded}`), headers: { 'x-n': encoded } })
          expect(rest(parsed(`{"m":[${digits}]}`), {}).url.href).toBe(`http://h/?m=${encoded}`)
        }),
        RUNS,
      )
    },
    PATIENCE,
  )

  it(
    'with a name twice in one object are refused, however it is spelled',
    () => {
      const escaped = (key: string) => [...key].map((one) => [...Array(one.length).keys()].map((at) => `\\u${one.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')).join('')
      fc.assert(
        fc.property(args, name, value, value, fc.boolean(), fc.array(fc.constantFrom('list', 'object'), { maxLength: 4 }), (pairs, key, first, second, spelled, around) => {
          const twice = `{${JSON.stringify(key)}:${first},${spelled ? `"${escaped(key)}"` : JSON.stringify(key)}:${second}}`
          const inner = around.reduce((json, kind) => (kind === 'list' ? `[1,${json}]` : `{"x":${json}}`), twice)
          const json = `{"zz":${inner}${pairs.length > 0 ? `,${written(pairs.filter(([one]) => one !== 'zz')).slice(1, -1)}` : ''}}`.replace(',}', '}')
          expect(parseArguments(json)).toEqual({ ok: false, problem: 'the same name stands twice in one object: give each name once' })
        }),
        RUNS,
      )
    },
    PATIENCE,
  )

  it(
    'are judged by their digits',
    () => {
      const integer = fc.oneof(nearTheEdge.map(BigInt), fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }))
      // A limit comes from a configuration, in which no number is rounded.
      const limit = fc.maxSafeInteger()
      fc.assert(
        fc.property(integer, limit, fc.integer({ min: 1, max: 1000 }), (given, bound, step) => {
          const holds = (schema: JsonObject) => compileSchema({ type: 'object', properties: { n: schema } }, 'operator')(parsed(`{"n":${given}}`)) === undefined
          expect(holds({ type: 'integer' })).toBe(true)
          expect(holds({ minimum: bound })).toBe(given >= BigInt(bound))
          expect(holds({ exclusiveMaximum: bound })).toBe(given < BigInt(bound))
          expect(holds({ multipleOf: step })).toBe(given % BigInt(step) === 0n)
          expect(holds({ enum: [bound, 'x'] })).toBe(given === BigInt(bound))
        }),
        // Compiling a schema takes longer than all of the others.
        { ...RUNS, numRuns: Math.ceil(RUNS.numRuns / 10) },
      )
    },
    PATIENCE,
  )

  it(
    'a module gets the very number, or none',
    () => {
      fc.assert(
        fc.property(number, (digits) => {
          const { n } = parsed(`{"n":${digits}}`)
          if (typeof n === 'number') return void expect(JSON.stringify(n)).toBe(digits)
          if (!isExactNumber(n)) throw new Error('no number')
          const plain = numberOf(n)
          if (plain === undefined) return
          // The same value in another spelling: written out, both give the same digits.
          expect(Number(digits)).toBe(plain)
          expect(Number.isInteger(plain) ? Number.isSafeInteger(plain) : true).toBe(true)
        }),
        RUNS,
      )
    },
    PATIENCE,
  )

  it(
    'of any text are read or refused, and never throw',
    () => {
      const pieces = fc.array(fc.oneof(fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '"a"', '\\', '\\u00', ' ', '-', '.', 'e', 'null', '\ud800', '\ufeff'), number), {
        maxLength: 20,
      })
      fc.assert(
        fc.property(pieces, (all) => {
          const json = all.join('')
          const result = parseArguments(json)
          if (result.ok && json.trim() !== '') expect(JSON.parse(json)).toBeTypeOf('object')
        }),
        RUNS,
      )
    },
    PATIENCE,
  )
})
