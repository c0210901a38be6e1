// Merges all tool sources into one list and gives each session its own pinned part of it.
import type { ToolConfig } from '../config/config.js'
import type { Health } from '../ports/health.js'
import type { ToolRegistry, ToolSet, ToolSource, ToolSpec } from '../ports/tools.js'
import { type BoundTool, runTool } from './run.js'
import type { SourceOptions } from './source-options.js'
import { compileSchema } from './tool-schema.js'

/** An upstream refuses a whole session that has more. */
const MAX_TOOLS_PER_SESSION = 128
const ANSWERED_BY_CLIENT: Health = { status: 'ok', detail: 'answered by the client' }

interface Entry {
  readonly spec: ToolSpec
  /** The MCP server's label. */
  readonly label: string | undefined
  /** Undefined if the client runs the tool. */
  readonly bound: BoundTool | undefined
}

/**
 * Takes tools that `checkTools` accepted. Loads modules and connects to MCP servers, within about twenty seconds. Rejects with a `ConfigError`
 * if a module cannot be used. An MCP server that is away is no mistake: its tools join later sessions when it comes back.
 */
export async function createToolRegistry(configs: readonly ToolConfig[], options: SourceOptions): Promise<ToolRegistry> {
  // Each kind needs libraries that take longer to load than the rest of the relay, so only kinds in use are loaded.
  const http = ofKind(configs, 'http')
  const module = ofKind(configs, 'module')
  // First: if it rejects, nothing else is open yet.
  const moduleSources = module.length > 0 ? [await (await import('./local.js')).createModuleSource(module, options)] : []
  const sources: ToolSource[] = [...(http.length > 0 ? [(await import('./http.js')).createHttpSource(http, options)] : []), ...moduleSources]

  const fixed: Entry[] = ofKind(configs, 'client').map(({ definition }) => ({ spec: { definition, owner: 'client' }, label: undefined, bound: undefined }))
  const handling = new Map([...http, ...module].map((config) => [config.definition.name, config.handling]))
  for (const source of sources) {
    for (const listed of await source.list()) {
      const spec: ToolSpec = { ...listed, ...handling.get(listed.definition.name) }
      fixed.push({ spec, label: undefined, bound: { spec, source, check: compileSchema(spec.definition.parameters, 'operator') } })
    }
  }
  const mcp = ofKind(configs, 'mcp')
  const labels = mcp.map((config) => config.label)
  const byLabel = new Map<string, readonly Entry[]>()
  const mcpSources = await Promise.all(
    mcp.map(async (config) => {
      const { createMcpSource } = await import('./mcp.js')
      const source: Promise<ToolSource> = createMcpSource(config, options, (tools) => {
        byLabel.set(
          config.label,
          tools
            .map(({ spec, check }) => ({ check, spec: { ...spec, ...config.handling } }))
            .map(({ spec, check }) => ({
              spec,
              label: config.label,
              bound: { spec, check, source: { call: async (...call) => (await source).call(...call), name: `mcp:${config.label}` } },
            })),
        )
      })
      return source
    }),
  )
  sources.push(...mcpSources)

  const entries = (): readonly Entry[] => [...fixed, ...labels.flatMap((label) => byLabel.get(label) ?? [])]
  const healthBySource = () => Promise.all(sources.map(async (source) => ({ name: source.name, health: await healthOf(source) })))

  return {
    toolSet: (names) => {
      const chosen = entries().filter(({ spec, label }) => names === undefined || names.includes(spec.definition.name) || (label !== undefined && names.includes(label)))
      if (chosen.length > MAX_TOOLS_PER_SESSION)
        options.log.warn({ tools: chosen.length, most: MAX_TOOLS_PER_SESSION }, 'too many tools for one session, the last ones are left out')
      return createToolSet(chosen.slice(0, MAX_TOOLS_PER_SESSION), options)
    },
    specs: () => entries().map((entry) => entry.spec),
    listing: () =>
      Promise.all(
        entries().map(async ({ spec, bound }) => {
          const source = sources.find(({ name }) => name === bound?.source.name)
          return source ? { spec, source: source.name, health: await healthOf(source, spec.definition.name) } : { spec, source: 'client', health: ANSWERED_BY_CLIENT }
        }),
      ),
    healthBySource,
    health: async () => {
      const bad = (await healthBySource()).filter(({ health }) => health.status !== 'ok')
      return bad.length === 0 ? { status: 'ok', detail: 'all tool sources' } : { status: 'degraded', detail: bad.map(({ name, health }) => `${name}: ${health.detail}`).join('; ') }
    },
    close: async () => {
      await Promise.all(sources.map((source) => source.close()))
    },
  }
}

function createToolSet(chosen: readonly Entry[], options: SourceOptions): ToolSet {
  const bound = new Map(chosen.flatMap((entry) => (entry.bound ? [[entry.spec.definition.name, entry.bound] as const] : [])))
  return {
    tools: chosen.map((entry) => entry.spec),
    run: (call, context) => runTool(bound.get(call.name), call, context, options),
  }
}

function ofKind<Kind extends ToolConfig['kind']>(configs: readonly ToolConfig[], kind: Kind): Extract<ToolConfig, { kind: Kind }>[] {
  return configs.filter((config): config is Extract<ToolConfig, { kind: Kind }> => config.kind === kind)
}

async function healthOf(source: ToolSource, tool?: string): Promise<Health> {
  try {
    return await (tool !== undefined && source.healthOf ? source.healthOf(tool) : source.health())
  } catch {
    return { status: 'degraded', detail: 'unknown' }
  }
}
