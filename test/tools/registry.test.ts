// The registry: every configuration mistake at once, pinned sets per session, names and labels.
import { afterEach, describe, expect, it } from 'vitest'
import type { ToolConfig } from '../../src/config/config.js'
import type { ToolDefinition } from '../../src/core/policy/profile.js'
import { createToolRegistry, ToolConfigError, type ToolRegistry } from '../../src/tools/registry.js'
import { contextFor, testOptions } from './tool-context.js'

const open: ToolRegistry[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((registry) => registry.close()))
})
async function start(configs: readonly ToolConfig[], overrides: Parameters<typeof testOptions>[0] = {}): Promise<ToolRegistry> {
  const registry = await createToolRegistry(configs, testOptions(overrides))
  open.push(registry)
  return registry
}

const definition = (name: string, more: Partial<ToolDefinition> = {}): ToolDefinition => ({ type: 'function', name, parameters: { type: 'object' }, ...more })
const client = (name: string, more: Partial<ToolDefinition> = {}): ToolConfig => ({ kind: 'client', definition: definition(name, more) })
const echo: ToolConfig = { kind: 'module', definition: definition('echo'), file: './test/tools/module-fixture.mjs', exportName: 'echo', timeoutMs: 1234 }
const mcp = (label: string): ToolConfig => ({ kind: 'mcp', label, transport: { command: process.execPath, args: ['-e', ''], env: {} }, allowedTools: undefined })

describe('configuration', () => {
  it('lists every mistake at once', async () => {
    const bad: ToolConfig[] = [
      client('echo'),
      echo,
      client('no spaces'),
      client('x'.repeat(65)),
      client(''),
      client('long', { description: 'x'.repeat(4097) }),
      client('schema', { parameters: { type: 'object', properties: { a: { type: 'nonsense' } } } }),
      client('list', { parameters: { type: 'array' } }),
      mcp('docs'),
      mcp('two__parts'),
      client('docs__search'),
      client('docs'),
      {
        kind: 'http',
        definition: definition('http'),
        run: { method: 'GET', url: 'https://{host}/', headers: {}, timeoutMs: undefined, idempotent: false, denyPrivateAddresses: false },
      },
      { kind: 'module', definition: definition('gone'), file: './gone.mjs', exportName: 'gone', timeoutMs: undefined },
    ]
    const error = await createToolRegistry(bad, testOptions()).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(ToolConfigError)
    const { problems } = error as ToolConfigError
    for (const words of [
      'tool echo: the name is used twice',
      'tool no spaces: a name has',
      `tool ${'x'.repeat(65)}: a name has`,
      'tool : a name has',
      'tool long: the description is longer than 4096',
      'tool schema: parameters:',
      'tool list: parameters: the type of parameters must be "object"',
      'tool server two__parts: a label has',
      'tool docs__search: names that begin with docs__ belong to the tool server docs',
      'tool docs: the name is used twice',
      'tool http: url: scheme, host and port are fixed',
      'tool gone: the module ./gone.mjs cannot be loaded',
    ]) {
      expect(problems.filter((problem) => problem.startsWith(words)).length, words).toBe(1)
    }
  })

  it('an empty configuration gives a valid, empty registry', async () => {
    const registry = await start([])
    expect(registry.specs()).toEqual([])
    expect(registry.toolSet(undefined).tools).toEqual([])
    expect(await registry.health()).toEqual({ status: 'ok', detail: 'all tool sources' })
  })
})

describe('sets', () => {
  it('have the named tools only, and run no others', async () => {
    const registry = await start([echo, client('show')])
    expect(registry.toolSet(undefined).tools.map((spec) => [spec.definition.name, spec.owner, spec.timeoutMs])).toEqual([
      ['show', 'client', undefined],
      ['echo', 'server', 1234],
    ])
    const without = registry.toolSet(['show', 'unheard-of'])
    expect(without.tools.map((spec) => spec.definition.name)).toEqual(['show'])
    expect(await without.run({ callId: 'c', name: 'echo', arguments: '{}' }, contextFor())).toMatchObject({ outcome: 'unknown_tool' })
    expect(registry.toolSet([]).tools).toEqual([])
    expect(registry.unknownNames(['show', 'echo', 'unheard-of', 'toString'])).toEqual(['unheard-of', 'toString'])
  })

  it('say how a call is treated', async () => {
    const registry = await start([{ ...echo, handling: { onCancel: 'finish' } }])
    expect(registry.toolSet(undefined).tools).toMatchObject([{ owner: 'server', timeoutMs: 1234, onCancel: 'finish' }])
  })

  it('never run a tool of the client', async () => {
    const set = (await start([client('show')])).toolSet(undefined)
    for (const name of ['show', 'constructor', '__proto__']) expect(await set.run({ callId: 'c', name, arguments: '{}' }, contextFor())).toMatchObject({ outcome: 'unknown_tool' })
  })

  it('have at most as many tools as a session may have', async () => {
    const options = testOptions()
    const registry = await createToolRegistry(
      Array.from({ length: 130 }, (_, index) => client(`tool_${index}`)),
      options,
    )
    open.push(registry)
    expect(registry.toolSet(undefined).tools.length).toBe(128)
    expect(options.logged).toEqual(['{"tools":130,"most":128} too many tools for one session, the last ones are left out'])
  })

  it('an unreachable MCP server degrades health and is no mistake', async () => {
    const registry = await start([echo, mcp('docs')])
    expect(registry.toolSet(['docs', 'echo']).tools.map((spec) => spec.definition.name)).toEqual(['echo'])
    expect(await registry.health()).toEqual({ status: 'degraded', detail: 'mcp:docs: not connected' })
    expect(registry.unknownNames(['docs', 'docs__search', 'doc'])).toEqual(['doc'])
  })
})
