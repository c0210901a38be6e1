// The commands `check --tools` and `call`: list what the model could call and whether it can be reached, and make one call by hand.
import { loadConfig } from '../config/load.js'
import type { Identity } from '../ports/caller.js'
import type { ToolOutcome, ToolRegistry } from '../ports/tools.js'
import { toolRegistryOptions } from '../server/tools.js'
import { checkTools } from '../tools/check.js'
import { createToolRegistry } from '../tools/registry.js'

/** Calls no tool. Connects to hosts and MCP servers and loads modules, as a start does. False if any source is not well. Rejects with a `ConfigError`. */
export async function listTools(print: (line: string) => void): Promise<boolean> {
  return withRegistry(async (registry) => {
    const sources = await registry.healthBySource()
    for (const { spec, source, health } of await registry.listing()) {
      const { status, detail } = health
      const { name, description, parameters } = spec.definition
      const handling = [spec.background && 'in background', spec.onCancel && `onCancel ${spec.onCancel}`, spec.approval && 'asks the client first'].filter(Boolean)
      print(`${name.padEnd(32)} ${source.padEnd(16)} ${status.padEnd(9)} ${[detail, ...handling].join(', ')}`)
      if (description !== undefined) print(`    ${description.replaceAll(/\s+/g, ' ')}`)
      print(`    ${JSON.stringify(parameters ?? { type: 'object', properties: {} })}`)
    }
    for (const { name, health } of sources) if (health.status !== 'ok') print(`source ${name}: ${health.status}, ${health.detail}`)
    return sources.every(({ health }) => health.status === 'ok')
  })
}

/** `outcome` is undefined if the relay runs no tool of this name. `names` lists the tools that it runs. Rejects with a `ConfigError`. */
export async function callTool(
  name: string,
  args: string,
  caller: Pick<Identity, 'subject' | 'claims'>,
): Promise<{ readonly outcome: ToolOutcome | undefined; readonly names: readonly string[] }> {
  return withRegistry(async (registry) => {
    const set = registry.toolSet(undefined)
    const names = set.tools.filter((tool) => tool.owner === 'server').map((tool) => tool.definition.name)
    if (!names.includes(name)) return { outcome: undefined, names }
    const identity: Identity = { issuer: undefined, tokenId: undefined, expiresAtMs: Number.MAX_SAFE_INTEGER, ...caller }
    const outcome = await set.run({ callId: 'call_by_hand', name, arguments: args }, { identity, sessionId: 'by-hand', signal: new AbortController().signal })
    return { outcome, names }
  })
}

async function withRegistry<T>(use: (registry: ToolRegistry) => Promise<T>): Promise<T> {
  const config = loadConfig(checkTools)
  const registry = await createToolRegistry(config.tools, toolRegistryOptions(config))
  try {
    return await use(registry)
  } finally {
    await registry.close()
  }
}
