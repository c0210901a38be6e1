// MCP servers that offer hostile tools, change their list, forget sessions, die and come back, over both transports.
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import { type McpConfig, responseBytes } from '../../src/tools/mcp-transport.js'
import { createToolRegistry } from '../../src/tools/registry.js'
import { type FixtureState, fixtureState, HOSTILE_TOOLS, startHttpFixture } from './mcp-fixture.js'
import { contextFor, TRACE, testOptions } from './tool-context.js'

/** A correct server except for an encoding that was not requested: a small answer on the wire may unpack to any size. */
const answerCompressed: RequestListener = async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const { id, method } = JSON.parse(Buffer.concat(chunks).toString() || '{}') as { id?: number; method?: string }
  if (id === undefined) return void response.writeHead(request.method === 'POST' ? 202 : 405).end()
  const result = method === 'initialize' ? { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'x', version: '1' } } : { tools: [] }
  response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(gzipSync(JSON.stringify({ jsonrpc: '2.0', id, result })))
}

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function connect(config: McpConfig) {
  const waiting = new Map<string, () => void>()
  const options = testOptions()
  const write = (fields: object, message: string) => {
    options.log.info(fields, message)
    waiting.get(message)?.()
  }
  const log = { info: write, warn: write }
  const nextLine = (message: string) => new Promise<void>((resolve) => waiting.set(message, resolve))
  const registry = await createToolRegistry([config], { ...options, log })
  closing.push(() => registry.close())
  const runIn =
    (set: ReturnType<typeof registry.toolSet>) =>
    (tool: string, args: unknown = {}) =>
      set.run({ callId: 'c', name: `${config.label}__${tool}`, arguments: JSON.stringify(args) }, contextFor())
  return {
    registry,
    options,
    runIn,
    run: (tool: string, args?: unknown) => runIn(registry.toolSet(undefined))(tool, args),
    names: () => registry.specs().map((spec) => spec.definition.name),
    nextList: () => nextLine('MCP tool list read'),
    lost: () => nextLine('MCP server lost'),
  }
}

async function overHttp(state: FixtureState, more: Partial<McpConfig> = {}) {
  const server = await startHttpFixture(state)
  closing.push(server.close)
  return {
    server,
    ...(await connect({ kind: 'mcp', label: 'docs', transport: { url: server.url, headers: { Authorization: new Secret('Bearer k') } }, allowedTools: undefined, ...more })),
  }
}

function overStdio(env: Readonly<Record<string, Secret>> = {}) {
  const fixture = fileURLToPath(new URL('./mcp-fixture.ts', import.meta.url))
  return connect({ kind: 'mcp', label: 'docs', transport: { command: process.execPath, args: ['--import', 'tsx', fixture], env }, allowedTools: undefined })
}

describe('list', () => {
  it('treats every tool of a server as its entry says', async () => {
    const { registry } = await overHttp(fixtureState(), { handling: { onCancel: 'finish', background: true } })
    expect(registry.specs().length).toBeGreaterThan(1)
    for (const spec of registry.specs()) expect(spec).toMatchObject({ onCancel: 'finish', background: true })
  })

  it('reads every page, prefixes the label and sends the configured headers with every request', async () => {
    const state = fixtureState()
    const { names, registry, server } = await overHttp(state)
    expect(names()).toEqual(state.tools.map((tool) => `docs__${tool.name}`))
    expect(registry.specs()[0]).toEqual({
      owner: 'server',
      definition: {
        type: 'function',
        name: 'docs__echo',
        description: 'Says it again.',
        parameters: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
      },
    })
    expect(server.headersSeen.length).toBeGreaterThan(2)
    expect(server.headersSeen.every((headers) => headers.authorization === 'Bearer k')).toBe(true)
  })

  it('leaves out unusable tools, reports them in its health, and bounds what it keeps', async () => {
    const state = fixtureState()
    state.tools.push(...HOSTILE_TOOLS)
    const { names, registry } = await overHttp(state)
    expect(names().filter((name) => !state.tools.slice(0, -HOSTILE_TOOLS.length).some((tool) => name === `docs__${tool.name}`))).toEqual(['docs__talkative'])
    expect(registry.specs().find((spec) => spec.definition.name === 'docs__echo')?.definition.description).toBe('Says it again.')
    expect(registry.specs().at(-1)?.definition.description?.length).toBe(4096)
    expect(await registry.health()).toEqual({ status: 'degraded', detail: 'mcp:docs: 5 tools are unusable and left out' })
  })

  it('is bounded in length', async () => {
    const state = fixtureState()
    state.tools = Array.from({ length: 500 }, (_, index) => ({ name: `tool_${index}`, inputSchema: { type: 'object' as const } }))
    expect((await overHttp(state)).names().length).toBe(64)
  })

  it('has the allowed tools only', async () => {
    const { names, run } = await overHttp(fixtureState(), { allowedTools: ['echo', 'parts', 'unheard-of'] })
    expect(names()).toEqual(['docs__echo', 'docs__parts'])
    expect(await run('fail')).toMatchObject({ outcome: 'unknown_tool' })
  })

  it('follows the server’s changes for new sessions; a running session keeps its own', async () => {
    const { registry, runIn, run, nextList } = await overHttp(fixtureState())
    const pinned = registry.toolSet(['docs'])
    const before = pinned.tools
    const changed = nextList()
    expect((await run('change')).output).toBe('changed')
    await changed
    const fresh = registry.toolSet(['docs']).tools.map((spec) => spec.definition.name)
    expect(fresh).toContain('docs__added')
    expect(fresh).not.toContain('docs__echo')
    expect(pinned.tools).toBe(before)
    expect(await runIn(pinned)('echo', { text: 'still here' })).toMatchObject({ outcome: 'ok', output: 'still here' })
    expect(await runIn(pinned)('added')).toMatchObject({ outcome: 'unknown_tool' })
    expect(await runIn(registry.toolSet(['docs']))('added')).toMatchObject({ outcome: 'error' })
  })
})

describe('calls', () => {
  it('carry the client’s traceparent, if there is one', async () => {
    const state = fixtureState()
    state.tools = [...state.tools, { name: 'meta', inputSchema: { type: 'object' } }]
    const { registry } = await overHttp(state)
    const meta = async (trace?: string) => (await registry.toolSet(['docs']).run({ callId: 'c', name: 'docs__meta', arguments: '{}' }, { ...contextFor(), trace })).output
    expect([await meta(TRACE), await meta()]).toEqual([JSON.stringify({ traceparent: TRACE }), 'null'])
  })

  it('carry the keys of a telephone beside it', async () => {
    const state = fixtureState()
    state.tools = [...state.tools, { name: 'meta', inputSchema: { type: 'object' } }]
    const { registry } = await overHttp(state)
    const meta = async (more: object) => (await registry.toolSet(['docs']).run({ callId: 'c', name: 'docs__meta', arguments: '{}' }, { ...contextFor(), ...more })).output
    expect(await meta({ keys: '12#' })).toBe(JSON.stringify({ 'realtime-relay/keys': '12#' }))
    expect(await meta({ keys: '12#', trace: TRACE })).toBe(JSON.stringify({ traceparent: TRACE, 'realtime-relay/keys': '12#' }))
  })

  it('checks arguments before they leave', async () => {
    const state = fixtureState()
    const { run } = await overHttp(state)
    expect(await run('echo', { text: 1 })).toMatchObject({ outcome: 'invalid_arguments' })
    expect(state.calls).toBe(0)
  })

  it.each([
    ['fail', 'error', 'The tool failed.'],
    ['rpc_error', 'error', 'The tool failed.'],
    ['structured', 'ok', '{"a":1}'],
    ['parts', 'ok', 'one\n[image, image/png, not shown]\ntwo\n[file file:///b.bin, not shown]\n[link to three: https://docs.example/3]'],
  ])('%s', async (tool, outcome, output) => {
    const { run, options } = await overHttp(fixtureState())
    expect(await run(tool)).toMatchObject({ outcome, output })
    expect(options.logged.join()).not.toContain('hunter2')
  })
})

describe('child process', () => {
  it('sees PATH and the configured environment, and ends after close', async () => {
    process.env.RELAY_TEST_SECRET = 'hunter2'
    const { run, registry } = await overStdio({ DOCS_KEY: new Secret('k') })
    const { env, pid } = JSON.parse((await run('environment')).output) as { env: Record<string, string>; pid: number }
    expect(Object.keys(env).sort()).toEqual(['DOCS_KEY', 'PATH'])
    await registry.close()
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    delete process.env.RELAY_TEST_SECRET
  })

  it('is restarted after it died; calls in between get an output', async () => {
    const { run, registry, runIn, nextList, options } = await overStdio()
    const pinned = runIn(registry.toolSet(undefined))
    const back = nextList()
    expect(await pinned('exit')).toMatchObject({ outcome: 'error', output: 'The tool is not available right now. Try again later.' })
    expect(await pinned('echo', { text: 'x' })).toMatchObject({ outcome: 'error' })
    expect(await registry.health()).toEqual({ status: 'degraded', detail: 'mcp:docs: not connected' })
    await back
    expect(await pinned('echo', { text: 'back' })).toMatchObject({ outcome: 'ok', output: 'back' })
    expect((await registry.health()).status).toBe('ok')
    expect(options.logged.join()).toContain('MCP server lost')
    expect((await run('echo', { text: 'x' })).outcome).toBe('ok')
  })

  it('its death is noticed without calls', async () => {
    const { run, lost, nextList } = await overStdio()
    const { pid } = JSON.parse((await run('environment')).output) as { pid: number }
    const noticed = lost()
    const back = nextList()
    process.kill(pid, 'SIGKILL')
    await noticed
    await back
  })

  it('a missing command degrades health', async () => {
    const { registry } = await connect({ kind: 'mcp', label: 'docs', transport: { command: './no-such-command', args: [], env: {} }, allowedTools: undefined })
    expect((await registry.health()).status).toBe('degraded')
  })
})

it('an answer may be as long as the longest output', () => {
  expect([responseBytes(65_536), responseBytes(8 * 1024 * 1024)]).toEqual([4 * 1024 * 1024, 16 * 1024 * 1024])
})

describe('over HTTP', () => {
  it('a server that forgot the session is called again in a new session, within the same call', async () => {
    const { run, server } = await overHttp(fixtureState())
    server.forget()
    expect(await run('echo', { text: 'again' })).toMatchObject({ outcome: 'ok', output: 'again' })
  })

  it('a server that went away is noticed, and connected again when it is back', async () => {
    const state = fixtureState()
    const { run, registry, runIn, server, nextList } = await overHttp(state)
    const pinned = runIn(registry.toolSet(undefined))
    await server.close()
    closing.splice(0, 1)
    expect(await pinned('echo', { text: 'x' })).toMatchObject({ outcome: 'error', output: 'The tool is not available right now. Try again later.' })
    const back = nextList()
    closing.unshift((await startHttpFixture(state, server.port)).close)
    await back
    expect(await pinned('echo', { text: 'back' })).toMatchObject({ outcome: 'ok', output: 'back' })
    expect(await run('echo', { text: 'new' })).toMatchObject({ outcome: 'ok', output: 'new' })
  })

  it('a server that goes away is noticed without calls', async () => {
    const { registry, server, lost } = await overHttp(fixtureState())
    const noticed = lost()
    await server.close()
    closing.splice(0, 1)
    await noticed
    expect((await registry.health()).status).toBe('degraded')
  })

  it.each<[string, RequestListener]>([
    ['floods', (_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(Buffer.alloc(64 * 1024 * 1024, ' '))],
    ['compresses', answerCompressed],
    ['redirects elsewhere', (_request, response) => void response.writeHead(307, { location: 'http://localhost:9/' }).end()],
    ['answers nonsense', (_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{"hunter2":')],
    ['refuses', (_request, response) => void response.writeHead(500).end('hunter2')],
    ['hangs up', (request) => void request.socket.destroy()],
  ])('a server that %s is not connected to', async (_what, answer) => {
    const server = createServer((request, response) => {
      response.on('error', () => {})
      answer(request, response)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closing.push(async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    })
    const before = process.memoryUsage.rss()
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    const { registry, options } = await connect({ kind: 'mcp', label: 'docs', transport: { url, headers: {} }, allowedTools: undefined })
    expect(await registry.health()).toEqual({ status: 'degraded', detail: 'mcp:docs: not connected' })
    expect(options.logged.join()).not.toContain('hunter2')
    expect(process.memoryUsage.rss() - before).toBeLessThan(150 * 1024 * 1024)
  })
})
