// With any arguments, host, path shape, query names and header shape stay those of the template.
import { describe, expect, it } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import type { JsonObject } from '../../src/core/protocol/events.js'
import { compileTemplate, type FillTemplate, templateProblems } from '../../src/tools/http-template.js'
import { ArgumentsRefused } from '../../src/tools/tool-failure.js'
import { fc } from '../support/property.js'

const parameters: JsonObject = { type: 'object', properties: { a: {}, b: {}, c: {} } }

function template(url: string, headers: Record<string, string> = {}): FillTemplate {
  const run = {
    method: 'GET' as const,
    url,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, new Secret(value)])),
    timeoutMs: undefined,
    idempotent: false,
    denyPrivateAddresses: false,
  }
  expect(templateProblems(run, parameters)).toEqual([])
  return compileTemplate(run)
}

const nasty = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom('.', '/', '\\', '%', '2', 'e', 'E', 'f', 'F', '5', 'c', '?', '#', '@', ':', '&', '=', ';', '\r', '\n', '\0', '\t', ' ', '\ud800', 'é', '{', '}', 'a'),
    maxLength: 24,
  }),
  fc.constantFrom('..', '.', '%2e%2e', '%2E.', '//evil.example', '/../', '..%2f..%2f', '\\..\\', '..;/', '%252e%252e', '@evil.example', 'x#', 'x?y=z', '%0d%0a'),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.string()),
)

describe('template', () => {
  const fill = template('https://api.internal:8443/v1/{a}/items/x-{b}.json?kind=fixed&q=pre-{c}', { 'x-c': 'v={c}; {{claims.team}}' })

  it('keeps its shape for every argument that is not refused', () => {
    let sent = 0
    fc.assert(
      fc.property(nasty, nasty, nasty, fc.option(nasty, { nil: undefined }), (a, b, c, extra) => {
        const args: JsonObject = JSON.parse(JSON.stringify({ a, b, c, ...(extra === undefined ? {} : { extra }) }))
        let filled: ReturnType<FillTemplate>
        try {
          filled = fill(args, { team: 'blue\r\nx: 1' })
        } catch (error) {
          expect(error).toBeInstanceOf(ArgumentsRefused)
          return
        }
        sent++
        const { url, headers } = filled
        expect(url.origin).toBe('https://api.internal:8443')
        expect(url.username + url.password + url.hash).toBe('')
        const segments = url.pathname.split('/')
        expect(segments.length).toBe(5)
        expect([segments[0], segments[1], segments[3]]).toEqual(['', 'v1', 'items'])
        expect(segments[2]).not.toMatch(/^$|^(\.|%2e){1,2}$|[\\\r\n\0]/i)
        expect(segments[4]).toMatch(/^x-.+\.json$/)
        expect(decodeURIComponent(segments[2] ?? '')).toBe(Buffer.from(String(args.a)).toString())
        expect(url.searchParams.getAll('kind')).toEqual(['fixed'])
        expect([...url.searchParams.keys()].every((name) => ['kind', 'q', 'extra'].includes(name))).toBe(true)
        expect(Object.keys(headers)).toEqual(args.c === null ? [] : ['x-c'])
        if (args.c !== null) expect(headers['x-c']).toMatch(/^v=[\u0021-\u007e]*; blue%0D%0Ax%3A%201$/)
        // A second URL parser reads it the same way, so nothing is left to normalise.
        expect(new URL(url.href).href).toBe(url.href)
      }),
      { numRuns: 2000 },
    )
    expect(sent).toBeGreaterThan(200)
  })

  it('keeps literal parts as they are written', () => {
    expect(template('http://h/a%2Fb/{a}?x&y=1&z={b}')({ a: 1, b: true }, {}).url.href).toBe('http://h/a%2Fb/1?x&y=1&z=true')
    expect(template('HTTP://H')({}, {}).url.href).toBe('http://h/')
  })

  it('arguments that are harmless alone never form a dot segment together, even if decoded repeatedly', () => {
    const fill = template('http://h/{a}{b}/x')
    for (const [a, b] of [
      ['%2', 'e'],
      ['%2', 'e%2e'],
      ['.%', '2E'],
      ['x/%2', 'e%2e'],
      ['%252', 'e.'],
    ])
      expect(() => fill({ a, b } as JsonObject, {}), `${a} ${b}`).toThrow('the path would contain a . or .. segment')
    expect(fill({ a: '%2', b: 'f' }, {}).url.href).toBe('http://h/%252f/x')
  })

  it('a value is text and never read as a template', () => {
    expect(template('http://h/{a}')({ a: '{b}', b: 'x' }, {}).url.href).toBe('http://h/%7Bb%7D?b=x')
  })
})
