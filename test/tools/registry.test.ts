// The registry: pinned sets per session, and servers that are away.
import { afterEach, describe, expect, it } from 'vitest'
import type { ToolConfig } from '../../src/config/config.js'
import type { ToolDefinition } from '../../src/core/policy/profile.js'
import type { ToolRegistry } from '../../src/ports/tools.js'
import { createToolRegistry } from '../../src/tools/registry.js'
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

describe('an empty registry', () => {
  it('has no tools and is well', async () => {
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
  })
})
