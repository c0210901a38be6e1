// What a model wrote under fuzz, on its whole way: what the user approves is what runs, and what runs is what leaves by HTTP, to a module and to an MCP server, digit by digit.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HttpToolRun, ToolConfig } from '../../src/config/config.js'
import type { ToolOutcome } from '../../src/ports/tools.js'
import { createToolRegistry } from '../../src/tools/registry.js'
import { ev, play, tool } from '../support/playbook.js'
import { fc } from '../support/property.js'
import { type HostileBackend, startHostileBackend } from '../tools/hostile-backend.js'
import { fixtureState, startHttpFixture } from '../tools/mcp-fixture.js'
import { contextFor, testOptions } from '../tools/tool-context.js'
import { PATIENCE, RUNS } from './runs.js'

const whole = fc.oneof(
  fc.bigInt({ min: -3n, max: 3n }).chain((by) => fc.constantFrom(2n ** 53n, 2n ** 63n, 2n ** 64n, 10n ** 21n, -(2n ** 53n)).map((edge) => String(edge + by))),
  fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).map(String),
  fc.integer().map(String),
)
/** Arguments as text, with a number, perhaps one more beside it, and perhaps a name twice. */
const args = fc.record({ id: whole, list: fc.array(whole, { maxLength: 3 }), twice: fc.boolean(), blank: fc.constantFrom('', ' ', '\n\t') })
const written = ({ id, list, twice, blank }: { id: string; list: readonly string[]; twice: boolean; blank: string }) =>
  `{${blank}"id":${blank}${id},"list":[${list.join(`,${blank}`)}],"text":"x"${twice ? `,"\\u0069d":${blank}1` : ''}}`
const TWICE = 'Invalid arguments: the same name stands twice in one object: give each name once. Correct them and call the tool again.'

describe('a call that a user approves', () => {
  it(
    'is shown, and runs, as the model wrote it',
    () => {
      fc.assert(
        fc.property(args, fc.boolean(), (generated, changed) => {
          const text = written(generated)
          const p = play({ tools: [{ ...tool('send_mail'), approval: 'client' }], relayEvents: true })
          p.upstream(ev.created('r'))
          p.upstream(ev.itemDone('r', ev.call('c', 'send_mail', text)))
          const asked = p.lastTo('client')
          expect(asked).toMatchObject({ type: 'relay.tool.approval_request', arguments: text })
          // Another text under the same call is never what was approved.
          if (changed) p.upstream(ev.itemDone('r', ev.call('c', 'send_mail', text.replace('"id"', '"to"'))))
          const actions = p.input({ type: 'client.event', event: { type: 'relay.tool.approval', id: String(asked?.id), approve: true } })
          expect(actions.filter(({ type }) => type === 'tool.start')).toEqual([{ type: 'tool.start', callId: 'c', name: 'send_mail', arguments: text }])
        }),
        RUNS,
      )
    },
    PATIENCE,
  )
})

describe('a call that runs', () => {
  let backend: HostileBackend
  let bodiesOfMcp: readonly string[]
  let run: (name: string, text: string) => Promise<ToolOutcome>
  const closing: (() => Promise<void>)[] = []
  beforeAll(async () => {
    backend = await startHostileBackend()
    const mcp = await startHttpFixture(fixtureState())
    bodiesOfMcp = mcp.bodiesSeen
    const definition = (name: string) => ({ type: 'function' as const, name, parameters: { type: 'object', properties: { id: {}, list: {}, text: {} } } })
    const http = (name: string, method: HttpToolRun['method'], path: string): ToolConfig => ({
      kind: 'http',
      definition: definition(name),
      run: { method, url: `${backend.url}${path}`, headers: {}, timeoutMs: undefined, idempotent: false, denyPrivateAddresses: false },
    })
    const module = (name: string, bigIntegers: boolean): ToolConfig => ({
      kind: 'module',
      definition: definition(name),
      file: './test/tools/module-fixture.mjs',
      exportName: 'echoKinds',
      timeoutMs: undefined,
      bigIntegers,
    })
    const registry = await createToolRegistry(
      [
        http('body', 'POST', '/echo'),
        http('slots', 'GET', '/things/{id}?q={id}'),
        http('rest', 'GET', '/things'),
        module('big', true),
        module('plain', false),
        { kind: 'mcp', label: 'docs', transport: { url: mcp.url, headers: {} }, allowedTools: undefined },
      ],
      testOptions({ timeoutMs: 60_000 }),
    )
    closing.push(
      () => registry.close(),
      mcp.close,
      () => backend.close(),
    )
    run = (name, text) => registry.toolSet(undefined).run({ callId: 'c', name, arguments: text }, contextFor())
  })
  afterAll(async () => {
    for (const close of closing) await close()
  })

  const way = fc.constantFrom('body', 'slots', 'rest', 'big', 'plain', 'docs__echo')
  it(
    'leaves by every way as it was written, or the model is told why not',
    async () => {
      await fc.assert(
        fc.asyncProperty(args, way, async (generated, name) => {
          const { id, list, twice } = generated
          const numbers = [id, ...list]
          const outcome = await run(name, written(generated))
          if (twice) return void expect(outcome).toMatchObject({ outcome: 'invalid_arguments', output: TWICE })
          const compact = `{"id":${id},"list":[${list}],"text":"x"}`
          const url = () => decodeURIComponent(backend.seen.at(-1)?.url ?? '')
          switch (name) {
            case 'body':
            case 'big':
              return void expect(outcome).toMatchObject({ outcome: 'ok', output: compact })
            case 'slots':
              return void expect(url().startsWith(`/things/${id}?q=${id}`)).toBe(true)
            case 'rest':
              return void expect(url()).toBe(`/things?id=${id}${list.map((one) => `&list=${one}`).join('')}&text=x`)
            case 'plain':
              if (numbers.every((one) => Number.isSafeInteger(Number(one)))) return void expect(outcome).toMatchObject({ outcome: 'ok', output: compact })
              return void expect(outcome).toMatchObject({ outcome: 'invalid_arguments', output: expect.stringContaining('it was not called') })
            default:
              // Its list may be asked for again at any time.
              return void expect(bodiesOfMcp.findLast((body) => body.includes('tools/call'))).toContain(`"arguments":${compact}`)
          }
        }),
        // Each is a request over a socket, or a message to a thread.
        { ...RUNS, numRuns: Math.ceil(RUNS.numRuns / 10) },
      )
    },
    PATIENCE,
  )
})
