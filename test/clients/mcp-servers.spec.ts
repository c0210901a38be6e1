// Third-party MCP servers as tool sources of the relay, over both transports: listed, called, cut, refused, and cleaned up.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ToolConfig } from '../../src/config/config.js'
import { Secret } from '../../src/config/secret.js'
import type { ToolOutcome, ToolRegistry } from '../../src/ports/tools.js'
import { createToolRegistry } from '../../src/tools/registry.js'
import { contextFor, testOptions } from '../tools/tool-context.js'

const PACKAGES = join(import.meta.dirname, 'node_modules/@modelcontextprotocol')
const entry = (server: string) => join(PACKAGES, server, 'dist/index.js')
const stdio = (label: string, server: string, args: readonly string[], env: Record<string, string> = {}): ToolConfig => ({
  kind: 'mcp',
  label,
  transport: { command: process.execPath, args: [entry(server), ...args], env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, new Secret(value)])) },
  allowedTools: undefined,
})

let folder: string
let registry: ToolRegistry
let http: ChildProcess

beforeAll(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'relay-mcp-')))
  writeFileSync(join(folder, 'note.txt'), 'The lamp is lit.')
  const port = await freePort()
  http = spawn(process.execPath, [entry('server-everything'), 'streamableHttp'], { env: { PATH: process.env.PATH, PORT: String(port) }, stdio: ['ignore', 'ignore', 'pipe'] })
  await new Promise<void>((resolve, reject) => {
    http.stderr?.on('data', (chunk) => String(chunk).includes('listening') && resolve())
    http.once('exit', () => reject(new Error('the server ended')))
  })
  const url = new URL(`http://127.0.0.1:${port}/mcp`)
  const configs: readonly ToolConfig[] = [
    stdio('everything', 'server-everything', ['stdio']),
    { kind: 'mcp', label: 'overhttp', transport: { url, headers: {} }, allowedTools: ['echo', 'get-sum'] },
    stdio('files', 'server-filesystem', [folder]),
    stdio('memory', 'server-memory', [], { MEMORY_FILE_PATH: join(folder, 'memory.jsonl') }),
  ]
  registry = await createToolRegistry(configs, testOptions({ timeoutMs: 20_000 }))
})
afterAll(async () => {
  await registry.close()
  http.kill()
  if (http.exitCode === null) await once(http, 'exit')
  rmSync(folder, { recursive: true, force: true })
})

const call = (name: string, args: object): Promise<ToolOutcome> => registry.toolSet(undefined).run({ callId: 'c', name, arguments: JSON.stringify(args) }, contextFor())
const names = () => registry.specs().map((spec) => spec.definition.name)

it('all are connected, and none of their tools is left out', async () => {
  expect(await registry.healthBySource()).toEqual(
    ['everything', 'overhttp', 'files', 'memory'].map((label) => ({ name: `mcp:${label}`, health: { status: 'ok', detail: 'connected' } })),
  )
})

it('their tools have names and schemas that a session accepts', () => {
  expect(names()).toEqual(expect.arrayContaining(['everything__echo', 'files__read_text_file', 'memory__create_entities']))
  for (const { definition } of registry.specs()) {
    expect(definition.name).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
    expect(definition.parameters).toMatchObject({ type: 'object' })
    expect(definition.parameters).not.toHaveProperty('$schema')
  }
})

describe.each(['everything', 'overhttp'])('server-everything as %s', (label) => {
  it('echoes any script', async () => {
    expect(await call(`${label}__echo`, { message: 'Grüße, 東京 🎧' })).toMatchObject({ outcome: 'ok', output: 'Echo: Grüße, 東京 🎧' })
  })

  it('runs many additions at once, each with its own answer', async () => {
    const sums = await Promise.all(Array.from({ length: 20 }, (_, n) => call(`${label}__get-sum`, { a: n, b: 1 })))
    for (const [n, { output }] of sums.entries()) expect(output).toContain(`${n + 1}`)
  })

  it('is not called if the arguments do not fit its schema', async () => {
    expect(await call(`${label}__get-sum`, { a: 'one' })).toMatchObject({ outcome: 'invalid_arguments' })
  })
})

it('has only its allowed_tools', () => {
  expect(
    names()
      .filter((name) => name.startsWith('overhttp__'))
      .sort(),
  ).toEqual(['overhttp__echo', 'overhttp__get-sum'])
})

it('returns the name of an image instead of its data', async () => {
  const { output } = await call('everything__get-tiny-image', {})
  expect(output).toContain('[image, image/png, not shown]')
})

it('gets a clean environment', async () => {
  const { output } = await call('everything__get-env', {})
  expect(Object.keys(JSON.parse(output)).filter((name) => /KEY|SECRET|TOKEN|VITEST|NODE_EXTRA/.test(name))).toEqual([])
})

describe('server-filesystem', () => {
  it('reads an allowed file', async () => {
    expect(await call('files__read_text_file', { path: join(folder, 'note.txt') })).toMatchObject({ outcome: 'ok', output: 'The lamp is lit.' })
  })

  it('fails in the relay’s words outside its folder, and reveals nothing of the host', async () => {
    const { outcome, output } = await call('files__read_text_file', { path: '/etc/passwd' })
    expect(outcome).toBe('error')
    expect(output).toBe('The tool failed.')
  })
})

it('server-memory remembers between calls', async () => {
  await call('memory__create_entities', { entities: [{ name: 'lighthouse', entityType: 'place', observations: ['has a lamp'] }] })
  expect((await call('memory__search_nodes', { query: 'lamp' })).output).toContain('lighthouse')
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
