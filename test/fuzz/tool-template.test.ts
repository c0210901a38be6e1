// Tool templates under fuzz: filled with any arguments of a model, a template requests the same host and path shape, or is refused with a fixed reason.
import { describe, expect, it } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import type { JsonObject } from '../../src/core/protocol/events.js'
import { compileTemplate, templateProblems } from '../../src/tools/http-template.js'
import { ArgumentsRefused, ToolFailure } from '../../src/tools/tool-failure.js'
import { anyCharacter } from '../support/any-character.js'
import { fc } from '../support/property.js'
import { PATIENCE, RUNS } from './runs.js'

const SLOTS = ['a', 'b', 'a-b_1']
const parameters: JsonObject = { type: 'object', properties: Object.fromEntries(SLOTS.map((name) => [name, {}])) }

/** One piece of a template: text or an argument. */
type Piece = string | { readonly slot: string }
const spelled = (pieces: readonly Piece[]) => pieces.map((piece) => (typeof piece === 'string' ? piece : `{${piece.slot}}`)).join('')
const slot = fc.constantFrom(...SLOTS).map((name) => ({ slot: name }))
const pieces = (...texts: string[]) => fc.array(fc.oneof(slot, fc.constantFrom(...texts)), { minLength: 1, maxLength: 3 })

const template = fc.record({
  method: fc.constantFrom('GET' as const, 'DELETE' as const, 'POST' as const, 'PUT' as const, 'PATCH' as const),
  origin: fc.constantFrom('https://api.internal:8443', 'http://127.0.0.1:9', 'http://[::1]:9', 'https://example.test', 'HTTPS://Example.TEST:443'),
  segments: fc.array(pieces('v1', 'x-', '.', '.json', '%2e', ';v=1', '~', 'é', '%41', ':'), { maxLength: 4 }),
  query: fc.option(fc.array(fc.tuple(fc.constantFrom('kind', 'q', 'Q-2', 'a%20b'), pieces('fixed', '', 'pre-', '%26', '=', '+')), { minLength: 1, maxLength: 3 }), {
    nil: undefined,
  }),
  headers: fc.dictionary(
    fc.constantFrom('x-one', 'Authorization', 'cookie'),
    fc.array(fc.oneof(slot, fc.constantFrom('Bearer ', 'v=', '; ', '{{claims.team}}')), { maxLength: 3 }),
  ),
})

const NASTY = [
  ...['..', '.', '...', '%2e%2e', '%2E.', '%252e%252e', '..%2f..%2f', '%2f', '/', '//evil.example', '/../', '\\..\\', '..;/', '.;a', '@evil.example', ':80', 'user:pw@'],
  ...[
    '?',
    '#',
    '&',
    '=',
    '?y=z',
    '&kind=other',
    '%',
    '%0d%0a',
    '\r\nx-evil: 1',
    '\n',
    '\0',
    '\t',
    ' ',
    '\u0085',
    '\u2028',
    '\ud800',
    '\udc00',
    '．．',
    '。',
    '／',
    '\u200b',
    '{b}',
    '{{claims.team}}',
  ],
]
const text = fc.oneof(
  fc.string({ unit: anyCharacter, maxLength: 20 }),
  fc.array(fc.constantFrom(...NASTY, 'x'), { maxLength: 6 }).map((all) => all.join('')),
)
const value = fc.oneof(
  { weight: 4, arbitrary: text },
  { weight: 1, arbitrary: fc.oneof(fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.constant(undefined), fc.jsonValue({ maxDepth: 2 })) },
)
const args = fc
  .tuple(
    fc.record({ a: value, b: value, 'a-b_1': value }, { requiredKeys: [] }),
    fc.dictionary(fc.oneof(fc.constantFrom('extra', 'KIND', 'kind', '__proto__', 'a b', 'a&kind=1'), text), value, { maxKeys: 2 }),
  )
  // As they come: JSON text that a model wrote.
  .map(([declared, more]) => JSON.parse(JSON.stringify({ ...more, ...declared })) as JsonObject)
const claims = fc.record({ team: fc.oneof(text, fc.jsonValue({ maxDepth: 1 })) }, { requiredKeys: [] })

/** The text itself, decoded once, and decoded twice, as careless servers do. */
function decodings(segment: string): readonly string[] {
  const found = [segment]
  for (let round = 0; round < 3; round++) found.push((found.at(-1) ?? '').replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))))
  return found
}
const climbs = (segment: string) => decodings(segment).some((one) => one.split(/[/\\]/).some((piece) => /^\.{1,2}$/.test(piece.split(';')[0] ?? '')))
/** A pattern for the filled pieces: an argument is at least one character without a meaning in a URL. */
const shape = (parts: readonly Piece[], least: '+' | '*') =>
  new RegExp(`^${parts.map((piece) => (typeof piece === 'string' ? piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') : `(?:[A-Za-z0-9_.!~*'()-]|%[0-9A-F]{2})${least}`)).join('')}$`)

describe('a tool template under fuzz', () => {
  it(
    'asks the host and the path it names, or says in fixed words why not',
    () => {
      let filled = 0
      let refused = 0
      fc.assert(
        fc.property(template, args, claims, ({ method, origin, segments, query, headers }, given, of) => {
          const url = `${origin}/${segments.map(spelled).join('/')}${query ? `?${query.map(([name, parts]) => `${name}=${spelled(parts)}`).join('&')}` : ''}`
          const secrets = Object.fromEntries(Object.entries(headers).map(([name, parts]) => [name, new Secret(spelled(parts))]))
          const run = { method, url, headers: secrets, timeoutMs: undefined, idempotent: false, denyPrivateAddresses: false }
          const problems = templateProblems(run, parameters)
          // A dot segment of the template's own.
          if (problems.length > 0) return void expect(problems.every((problem) => problem === 'url: . and .. segments are not allowed')).toBe(true)
          const fill = compileTemplate(run)
          let request: ReturnType<typeof fill>
          try {
            request = fill(given, of)
          } catch (error) {
            refused++
            if (error instanceof ToolFailure) return void expect(error.reason).toBe('unknown_caller')
            expect(error).toBeInstanceOf(ArgumentsRefused)
            return void expect((error as ArgumentsRefused).problem).toMatch(
              /^(\/(a|b|a-b_1) (is required|must not be empty|must not contain \. or \.\. as a path segment|must be a string, number or boolean|must not contain line breaks or other control characters)|\/[A-Za-z0-9 -]+ is fixed and cannot be set|the path would contain a \. or \.\. segment)$/i,
            )
          }
          filled++
          const { href } = request.url
          expect(new URL(href).href).toBe(href)
          expect(request.url).toMatchObject({ origin: new URL(origin).origin, username: '', password: '', hash: '' })
          expect(href).toMatch(/^[\x21-\x7e]+$/)
          const path = request.url.pathname.split('/').slice(1)
          const wanted = segments.length === 0 ? [[]] : segments
          expect(path).toHaveLength(wanted.length)
          for (const [index, parts] of wanted.entries()) {
            const literal = parts.map((piece) => (typeof piece === 'string' ? piece.replaceAll('é', '%C3%A9') : piece))
            expect(path[index]).toMatch(shape(literal, '+'))
            expect(climbs(path[index] ?? ''), path[index]).toBe(false)
          }
          const pairs = request.url.search.replace(/^\?/, '').split('&')
          for (const name of ['kind', 'q', 'Q-2', 'a%20b']) {
            const fixed = (query ?? []).filter(([one]) => one === name).map(([, parts]) => shape(parts, '*'))
            const found = pairs.filter((pair) => pair.startsWith(`${name}=`)).map((pair) => pair.slice(name.length + 1))
            if (fixed.length === 0) continue
            expect(found.length).toBeLessThanOrEqual(fixed.length)
            expect(
              found.every((one) => fixed.some((pattern) => pattern.test(one))),
              found.join(' '),
            ).toBe(true)
          }
          expect(Object.keys(request.headers).sort()).toEqual(
            Object.entries(headers)
              // Left out with an argument that was not given.
              .filter(([, parts]) => parts.every((piece) => typeof piece === 'string' || (given[piece.slot] !== undefined && given[piece.slot] !== null)))
              .map(([name]) => name.toLowerCase())
              .sort(),
          )
          for (const one of Object.values(request.headers)) expect(one).toMatch(/^[\x20-\x7e]*$/)
          if (method === 'GET' || method === 'DELETE') expect(request.body).toBeUndefined()
          else expect(JSON.parse(request.body ?? '')).toEqual(given)
        }),
        RUNS,
      )
      // Neither way out may be one that fuzzing never takes.
      expect(Math.min(filled, refused)).toBeGreaterThan(RUNS.numRuns / 20)
    },
    PATIENCE,
  )
})
