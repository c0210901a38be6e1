// One call: the model's arguments are parsed and checked, and any result of the source becomes a readable output in time.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/protocol/events.js'
import type { ToolContext } from '../../src/ports/tools.js'
import { type BoundTool, runTool } from '../../src/tools/run.js'
import { compileSchema } from '../../src/tools/tool-schema.js'
import { contextFor, testOptions } from './tool-context.js'

const weather: JsonObject = {
  type: 'object',
  properties: { city: { type: 'string', minLength: 1 }, unit: { enum: ['c', 'f'] }, day: { type: 'string', format: 'date' } },
  required: ['city'],
}

/** `answer` may return anything, as a source written without types can. */
function bind(answer: (args: unknown, context: ToolContext) => unknown, parameters: JsonObject = weather, timeoutMs?: number): BoundTool {
  const spec = { definition: { type: 'function' as const, name: 'weather', parameters }, owner: 'server' as const, ...(timeoutMs === undefined ? {} : { timeoutMs }) }
  const call = (_name: string, args: unknown, context: ToolContext) => answer(args, context) as Promise<string>
  return { spec, source: { name: 'test', call }, check: compileSchema(parameters, 'operator') }
}

const run = (bound: BoundTool | undefined, text: string, overrides: Parameters<typeof testOptions>[0] = {}, signal?: AbortSignal) =>
  runTool(bound, { callId: 'call-1', name: 'weather', arguments: text }, contextFor(signal), testOptions(overrides))

describe('arguments', () => {
  const echo = bind((args) => JSON.stringify(args))
  it.each([
    ['{"city":"Lisbon"}', 'ok', '{"city":"Lisbon"}'],
    ['{"city":1}', 'invalid_arguments', 'Invalid arguments: /city must be string.'],
    ['{}', 'invalid_arguments', "/ must have required property 'city'"],
    ['{"city":"","unit":"k"}', 'invalid_arguments', '/city must NOT have fewer than 1 characters; /unit must be equal to one of the allowed values: ["c","f"]'],
    ['{"city":"x","day":"tomorrow"}', 'invalid_arguments', '/day must match format "date"'],
    ['{"city":"x","admin":true}', 'invalid_arguments', '/ must NOT have additional properties (admin)'],
    ['{"city":', 'invalid_arguments', 'not valid JSON'],
    ['[]', 'invalid_arguments', 'must be a JSON object'],
    ['null', 'invalid_arguments', 'must be a JSON object'],
    ['{"city":"x","__proto__":{"a":1}}', 'invalid_arguments', '__proto__ is not allowed'],
    ['{"city":"x","a":[{"constructor":1}]}', 'invalid_arguments', 'constructor is not allowed'],
    [`{"city":${'['.repeat(40)}${']'.repeat(40)}}`, 'invalid_arguments', 'nested more than 32'],
    [`{"city":"${'['.repeat(40)}"}`, 'ok', '[[['],
    [`{"city":"${'x'.repeat(70_000)}"}`, 'invalid_arguments', 'longer than 65536 bytes'],
    [`{"city":"${'é'.repeat(40_000)}"}`, 'invalid_arguments', 'longer than 65536 bytes'],
    ['['.repeat(60_000), 'invalid_arguments', 'nested more than 32'],
  ])('%.60s → %s', async (text, outcome, words) => {
    const result = await run(echo, text)
    expect(result.outcome).toBe(outcome)
    expect(result.output).toContain(words)
    expect(result.output.length).toBeLessThan(2000)
  })

  it('blank text means no arguments', async () => {
    expect(
      (
        await run(
          bind((args) => JSON.stringify(args), { type: 'object' }),
          ' \n',
        )
      ).output,
    ).toBe('{}')
  })

  it('many mistakes are reported in a short text', async () => {
    const properties = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`field${index}`, { type: 'string' }]))
    const args = JSON.stringify(Object.fromEntries(Object.keys(properties).map((name) => [name, 1])))
    const result = await run(
      bind(() => '', { type: 'object', properties }),
      args,
    )
    expect(result.output.split('; ').length).toBe(8)
  })
})

describe('schemas', () => {
  it.each(['https://json-schema.org/draft/2020-12/schema', 'https://json-schema.org/draft/2019-09/schema', 'http://json-schema.org/draft-07/schema#'])('%s compiles', ($schema) => {
    expect(compileSchema({ $schema, type: 'object', properties: { a: { type: 'string' } } }, 'operator')({ a: 1 })).toBe('/a must be string')
  })
  it('the same $id twice is allowed', () => {
    compileSchema({ $id: 'https://x/y', type: 'object' }, 'operator')
    compileSchema({ $id: 'https://x/y', type: 'object' }, 'operator')
  })
  it('an open schema stays open', () => {
    expect(compileSchema({ type: 'object', properties: {}, additionalProperties: true }, 'operator')({ a: 1 })).toBeUndefined()
    expect(compileSchema({ type: 'object', properties: {} }, 'peer')({ a: 1 })).toBeUndefined()
  })
  it("a peer's regular expression is never run", () => {
    const schema: JsonObject = { type: 'object', properties: { a: { type: 'string', pattern: '^(a+)+$' } } }
    expect(compileSchema(schema, 'peer')({ a: `${'a'.repeat(60)}!` })).toBeUndefined()
    expect(compileSchema(schema, 'operator')({ a: 'b' })).toContain('must match pattern')
  })
  it.each([{ type: 'array' }, { type: 'object', properties: { a: { type: 'nonsense' } } }, { type: 'object', properties: { a: { $ref: 'https://elsewhere/schema' } } }])(
    '%j does not compile',
    (schema) => {
      expect(() => compileSchema(schema as JsonObject, 'operator')).toThrow()
    },
  )
})

describe('outcomes', () => {
  const args = '{"city":"x"}'
  it.each<[string, () => unknown, string, string]>([
    [
      'a thrown error',
      () => {
        throw new Error('hunter2')
      },
      'error',
      'The tool failed.',
    ],
    ['a rejection that is no error', () => Promise.reject('hunter2'), 'error', 'The tool failed.'],
    ['undefined', () => undefined, 'ok', 'Done. The tool returned no text.'],
    ['an object', () => ({ a: 1 }), 'ok', '{"a":1}'],
    ['a lone surrogate', () => 'a\udc00', 'ok', 'a\ufffd'],
  ])('%s', async (_what, answer, outcome, output) => {
    expect(await run(bind(answer), args)).toMatchObject({ outcome, output, cut: false })
  })

  it('an unknown tool', async () => {
    expect(await run(undefined, args)).toMatchObject({ outcome: 'unknown_tool', output: 'There is no tool of this name.' })
  })

  it('a source that never settles is aborted at the default limit or its own', async () => {
    let heard: AbortSignal | undefined
    const hang = (_args: unknown, context: ToolContext) => {
      heard = context.signal
      return new Promise(() => {})
    }
    expect(await run(bind(hang), args, { timeoutMs: 30 })).toMatchObject({ outcome: 'timeout', output: 'The tool did not answer within 0.03 s.' })
    expect(heard?.aborted).toBe(true)
    const own = await run(bind(hang, weather, 20), args, { timeoutMs: 60_000 })
    expect(own).toMatchObject({ outcome: 'timeout' })
    expect(own.durationMs).toBeGreaterThanOrEqual(15)
  })

  it('an abort before and during the call, and a source that rejects long after', async () => {
    expect(
      await run(
        bind(() => 'x'),
        args,
        {},
        AbortSignal.abort(),
      ),
    ).toMatchObject({ outcome: 'aborted' })
    const controller = new AbortController()
    let fail: ((error: Error) => void) | undefined
    const running = run(
      bind(
        () =>
          new Promise((_, reject) => {
            fail = reject
          }),
      ),
      args,
      {},
      controller.signal,
    )
    controller.abort()
    expect(await running).toMatchObject({ outcome: 'aborted', output: 'The tool call was cancelled.' })
    fail?.(new Error('late'))
  })

  it.each([
    [30, 'ééé'.repeat(20)],
    [10, 'é'.repeat(20)],
    [41, '🎧'.repeat(30)],
  ])('cut at %i bytes', async (maxBytes, text) => {
    const result = await run(
      bind(() => text),
      args,
      { maxBytes },
    )
    expect(result).toMatchObject({ outcome: 'ok', cut: true })
    expect(Buffer.byteLength(result.output)).toBeLessThanOrEqual(maxBytes)
    expect(result.output).not.toContain('\ufffd')
  })
})
