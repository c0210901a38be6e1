// What the model wrote is what leaves: numbers beyond JavaScript's own reach HTTP, MCP and modules digit by digit, or the model reads why not.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HttpToolRun, ToolConfig } from '../../src/config/config.js'
import { Secret } from '../../src/config/secret.js'
import type { JsonObject } from '../../src/core/protocol/events.js'
import type { ToolRegistry } from '../../src/ports/tools.js'
import { createToolRegistry } from '../../src/tools/registry.js'
import { parseArguments } from '../../src/tools/tool-arguments.js'
import { compileSchema } from '../../src/tools/tool-schema.js'
import { type HostileBackend, startHostileBackend } from './hostile-backend.js'
import { fixtureState, startHttpFixture } from './mcp-fixture.js'
import { contextFor, testOptions } from './tool-context.js'

const BIG = '2512292042121000001'
const NUMBERS = [BIG, '-9007199254740993', '1e400', '-0', '1.0', '0.1', '3.14159265358979323846']
const parameters: JsonObject = { type: 'object', properties: { id: { type: 'number' }, list: { type: 'array' } } }
const definition = (name: string) => ({ type: 'function' as const, name, parameters })
const http = (name: string, url: string, run: Partial<HttpToolRun> = {}): ToolConfig => ({
  kind: 'http',
  definition: definition(name),
  run: { method: 'GET', url, headers: {}, timeoutMs: undefined, idempotent: false, denyPrivateAddresses: false, ...run },
})
const module = (name: string, bigIntegers: boolean): ToolConfig => ({
  kind: 'module',
  definition: definition(name),
  file: './test/tools/module-fixture.mjs',
  exportName: 'echoKinds',
  timeoutMs: undefined,
  bigIntegers,
})

let backend: HostileBackend
const open: ToolRegistry[] = []
const closing: (() => Promise<void>)[] = []
beforeAll(async () => {
  backend = await startHostileBackend()
})
afterAll(async () => {
  await Promise.all(open.map((registry) => registry.close()))
  for (const close of closing) await close()
  await backend.close()
})

async function start(...configs: ToolConfig[]) {
  const registry = await createToolRegistry(configs, testOptions())
  open.push(registry)
  return (name: string, text: string) => registry.toolSet(undefined).run({ callId: 'c', name, arguments: text }, contextFor())
}

describe('HTTP', () => {
  it.each(NUMBERS)('%s in body, path, query and header', async (number) => {
    const headers = { 'x-id': new Secret('{id}') }
    const run = await start(
      http('body', `${backend.url}/echo`, { method: 'POST' }),
      http('slots', `${backend.url}/things/{id}?q={id}`, { headers }),
      http('rest', `${backend.url}/things`),
    )
    expect((await run('body', `{"id": ${number}, "list": [${number}]}`)).output).toBe(`{"id":${number},"list":[${number}]}`)
    await run('slots', `{"id":${number}}`)
    expect(backend.seen.at(-1)?.url).toBe(`/things/${number}?q=${number}`)
    expect(backend.seen.at(-1)?.headers['x-id']).toBe(number)
    await run('rest', `{"id":${number},"list":[${number},{"a":${number}}]}`)
    expect(decodeURIComponent(backend.seen.at(-1)?.url ?? '')).toBe(`/things?id=${number}&list=${number}&list={"a":${number}}`)
  })
})

describe('MCP', () => {
  it('over HTTP', async () => {
    const state = fixtureState()
    const server = await startHttpFixture(state)
    closing.push(server.close)
    const run = await start({ kind: 'mcp', label: 'docs', transport: { url: server.url, headers: {} }, allowedTools: undefined })
    await run('docs__echo', `{"text":"x","more":[${NUMBERS.join(',')}]}`)
    expect(server.bodiesSeen.at(-1)).toContain(`"arguments":{"text":"x","more":[${NUMBERS.join(',')}]}`)
  })

  it('over standard input', async () => {
    // Answers with the line that it read.
    const program = `
      const answer = (id, result) => console.log(JSON.stringify({ jsonrpc: '2.0', id, result }))
      require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
        const { id, method } = JSON.parse(line)
        if (method === 'initialize') answer(id, { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'x', version: '1' } })
        else if (method === 'tools/list') answer(id, { tools: [{ name: 'line', inputSchema: { type: 'object' } }] })
        else if (method === 'tools/call') answer(id, { content: [{ type: 'text', text: line }] })
      })`
    const run = await start({ kind: 'mcp', label: 'docs', transport: { command: process.execPath, args: ['-e', program], env: {} }, allowedTools: undefined })
    expect((await run('docs__line', `{"more":[${NUMBERS.join(',')}]}`)).output).toContain(`"arguments":{"more":[${NUMBERS.join(',')}]}`)
  })
})

describe('modules', () => {
  it.each([
    ['1.0', 'number 1'],
    ['1e2', 'number 100'],
    ['0.1', 'number 0.1'],
    ['9007199254740991', 'number 9007199254740991'],
  ])('%s arrives as %s', async (number, kind) => {
    const run = await start(module('plain', false))
    expect((await run('plain', `{"id":${number}}`)).output).toBe(kind)
  })

  it.each([
    [BIG, '/id is too large for this tool, which takes whole numbers up to 9007199254740991: it was not called'],
    ['9007199254740992', '/id is too large'],
    ['1e400', '/id is too large'],
    ['3.14159265358979323846', '/id has more digits than this tool can take: write it with at most 15 significant digits'],
  ])('%s is refused in words', async (number, words) => {
    const run = await start(module('plain', false))
    expect(await run('plain', `{"id":${number}}`)).toMatchObject({ outcome: 'invalid_arguments', output: expect.stringContaining(words) })
  })

  it('with bigIntegers, whole numbers beyond 2^53 arrive and leave as they are', async () => {
    const run = await start(module('big', true))
    expect((await run('big', `{"id":${BIG}}`)).output).toBe(`bigint ${BIG}`)
    expect((await run('big', '{"id":1e17}')).output).toBe('bigint 100000000000000000')
    expect((await run('big', '{"id":7}')).output).toBe('number 7')
    expect((await run('big', `{"id":${BIG},"list":[]}`)).output).toBe(`{"id":${BIG},"list":[]}`)
  })
})

describe('schemas judge the digits', () => {
  const problem = (schema: JsonObject, value: string) => {
    const parsed = parseArguments(`{"a":${value}}`)
    if (!parsed.ok) throw new Error(parsed.problem)
    return compileSchema({ type: 'object', properties: { a: schema } }, 'operator')(parsed.args)
  }
  const MAX = 9007199254740992

  it.each<[string, JsonObject, string, string | undefined]>([
    ['an integer', { type: 'integer' }, BIG, undefined],
    ['1.0 is an integer', { type: 'integer' }, '1.0', undefined],
    ['1e400 is an integer', { type: 'integer' }, '1e400', undefined],
    ['half is none', { type: 'integer' }, '9007199254740992.5', '/a must be integer'],
    ['1e-400 is none', { type: 'integer' }, '1e-400', '/a must be integer'],
    ['a number', { type: 'number' }, '1e400', undefined],
    ['no string', { type: 'string' }, BIG, '/a must be string'],
    ['maximum', { maximum: MAX }, '9007199254740993', `/a must be <= ${MAX}`],
    ['maximum, at it', { maximum: MAX }, '9007199254740992', undefined],
    ['minimum', { minimum: MAX }, '9007199254740991', `/a must be >= ${MAX}`],
    ['minimum, just above', { minimum: MAX }, '9007199254740993', undefined],
    ['exclusiveMaximum', { exclusiveMaximum: 1 }, '0.99999999999999999999', undefined],
    ['exclusiveMinimum', { exclusiveMinimum: 1 }, '1.0', '/a must be > 1'],
    ['multipleOf', { multipleOf: 10 }, BIG, '/a must be multiple of 10'],
    ['multipleOf, a big multiple', { multipleOf: 10 }, '2512292042121000010', undefined],
    ['multipleOf cents', { multipleOf: 0.01 }, '0.07', undefined],
    ['const', { const: 2512292042121000000 }, BIG, '/a must be equal to constant: 2512292042121000000'],
    ['const, spelled otherwise', { const: 1 }, '1.0', undefined],
    ['enum', { enum: [2512292042121000000] }, BIG, '/a must be equal to one of the allowed values: [2512292042121000000]'],
    ['enum in depth', { enum: [{ b: [2512292042121000000] }] }, `{"b":[${BIG}]}`, '/a must be equal to one of the allowed values: [{"b":[2512292042121000000]}]'],
    ['enum, found in depth', { enum: ['x', { b: [1], c: null }] }, '{"c":null,"b":[1.0]}', undefined],
    ['uniqueItems', { uniqueItems: true }, `[${BIG},2512292042121000002]`, undefined],
    ['uniqueItems, twice', { uniqueItems: true }, `[${BIG},${BIG}]`, '/a must NOT have duplicate items (items ## 0 and 1 are identical)'],
    ['anyOf', { anyOf: [{ type: 'string' }, { type: 'integer', maximum: MAX }] }, '9007199254740993', `/a must be string; /a must be <= ${MAX}; /a must match a schema in anyOf`],
    ['int64', { type: 'integer', format: 'int64' }, BIG, undefined],
    ['int32', { type: 'integer', format: 'int32' }, BIG, '/a must match format "int32"'],
  ])('%s', (_name, schema, value, expected) => {
    expect(problem(schema, value)).toBe(expected)
  })

  it('an empty enum is no usable schema', () => {
    expect(() => compileSchema({ type: 'object', properties: { a: { enum: [] } } }, 'operator')).toThrow('enum')
  })

  it.each(['https://json-schema.org/draft/2020-12/schema', 'https://json-schema.org/draft/2019-09/schema'])('%s as well', ($schema) => {
    const parsed = parseArguments('{"a":9007199254740993}')
    expect(parsed.ok && compileSchema({ $schema, type: 'object', properties: { a: { maximum: MAX } } }, 'peer')(parsed.args)).toBe(`/a must be <= ${MAX}`)
  })
})

describe('arguments', () => {
  it.each([
    ['{"a":1,"a":2}', 'the same name stands twice in one object: give each name once'],
    ['1e400', 'must be a JSON object'],
    [BIG, 'must be a JSON object'],
    ['{"a":1,"a":1}', 'the same name stands twice'],
    ['{"a":{"b":1,"\\u0062":2}}', 'the same name stands twice'],
    [`{"a":${'1'.repeat(401)}}`, 'a number has more than 400 characters: write it shorter'],
    ['{"a":1e1000}', 'a number has an exponent of more than three digits'],
    ['{"a":[1e-99999999999]}', 'a number has an exponent of more than three digits'],
  ])('%.40s is refused', (text, words) => {
    expect(parseArguments(text)).toEqual({ ok: false, problem: expect.stringContaining(words) })
  })

  it('hostile numbers cost little', () => {
    const check = compileSchema({ type: 'object', properties: { a: { type: 'array', items: { multipleOf: 0.01, minimum: 0 } } } }, 'operator')
    const parsed = parseArguments(`{"a":[${Array.from({ length: 7000 }, (_, index) => `${index}e999`).join()}]}`)
    if (!parsed.ok) throw new Error(parsed.problem)
    const before = performance.now()
    expect(check(parsed.args)).toBeUndefined()
    expect(performance.now() - before).toBeLessThan(1500)
  })
})
