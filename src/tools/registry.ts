// Merges all tool sources into one list of unique names, hands each session its own pinned part of it, and refuses a bad configuration as a whole.
import type { ToolConfig } from '../config/config.js'
import type { ToolDefinition } from '../core/policy/profile.js'
import type { Health } from '../ports/health.js'
import type { ToolSet, ToolSource, ToolSpec } from '../ports/tools.js'
import { namespaced } from './mcp-tools.js'
import { type BoundTool, runTool } from './run.js'
import type { SourceOptions } from './source-options.js'
import { type ArgumentCheck, compileSchema } from './tool-schema.js'

const NAME = /^[A-Za-z0-9_-]{1,64}$/
/** Short enough to leave room for a tool's name, and without the separator, so that no two namespaced names can meet. */
const LABEL = /^(?!.*__)(?!_)[A-Za-z0-9_-]{1,32}(?<!_)$/
const MAX_DESCRIPTION_LENGTH = 4096
/** A session with more is refused by the upstream as a whole. */
const MAX_TOOLS_PER_SESSION = 128
const ANSWERED_BY_CLIENT: Health = { status: 'ok', detail: 'answered by the client' }

/** Every mistake of a tool configuration at once. Quotes names and templates, no secret. */
export class ToolConfigError extends Error {
  override readonly name = 'ToolConfigError'
  constructor(readonly problems: readonly string[]) {
    super(`tools: ${problems.length} ${problems.length === 1 ? 'mistake' : 'mistakes'}\n${problems.map((problem) => `- ${problem}`).join('\n')}`)
  }
}

export interface ToolRegistry {
  /** The tools of these names as they are now; undefined: all. An MCP server's label stands for all of its tools. Names that nobody has are left out. */
  toolSet(names: readonly string[] | undefined): ToolSet
  /** Names that no configured tool can have, for a check at start. A tool of a configured MCP server counts as known, since its list may come later. */
  unknownNames(names: readonly string[]): readonly string[]
  specs(): readonly ToolSpec[]
  /**
   * With the name of the source, as `healthBySource` has it; `client` for tools that the client answers. `health` is the tool's own where its source
   * tells its tools apart, as the one of HTTP tools does. Never rejects.
   */
  listing(): Promise<readonly { readonly spec: ToolSpec; readonly source: string; readonly health: Health }[]>
  /** `degraded` when any source is; never `down`, since sessions go on without their tools. Never rejects. */
  health(): Promise<Health>
  /** One line per source. Never rejects. */
  healthBySource(): Promise<readonly { readonly name: string; readonly health: Health }[]>
  close(): Promise<void>
}

interface Entry {
  readonly spec: ToolSpec
  /** The MCP server's label. */
  readonly label: string | undefined
  /** Undefined for a tool that the client runs. */
  readonly bound: BoundTool | undefined
}

/**
 * Rejects with a `ToolConfigError`. Loads modules and connects to MCP servers, within about twenty seconds; an MCP server that is away
 * is no mistake: its tools join later sessions when it comes back.
 */
export async function createToolRegistry(configs: readonly ToolConfig[], options: SourceOptions): Promise<ToolRegistry> {
  const problems: string[] = []
  const checks = checkConfigs(configs, problems)
  // Each kind brings libraries that cost more to load than the rest of the relay, so only kinds in use are loaded.
  const sources: ToolSource[] = []
  const http = ofKind(configs, 'http')
  if (http.length > 0) sources.push((await import('./http.js')).createHttpSource(http, options, problems))
  const module = ofKind(configs, 'module')
  if (module.length > 0) sources.push(await (await import('./local.js')).createModuleSource(module, options, problems))
  if (problems.length > 0) {
    await Promise.all(sources.map((source) => source.close()))
    throw new ToolConfigError(problems)
  }

  const fixed: Entry[] = ofKind(configs, 'client').map(({ definition }) => ({ spec: { definition, owner: 'client' }, label: undefined, bound: undefined }))
  const handling = new Map([...http, ...module].map((config) => [config.definition.name, config.handling]))
  for (const source of sources) {
    for (const listed of await source.list()) {
      const spec: ToolSpec = { ...listed, ...handling.get(listed.definition.name) }
      fixed.push({ spec, label: undefined, bound: { spec, source, check: checks.get(spec.definition.name) ?? compileSchema(undefined, 'operator') } })
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
      return pinnedSet(chosen.slice(0, MAX_TOOLS_PER_SESSION), options)
    },
    unknownNames: (names) => {
      const known = new Set([...fixed.map((entry) => entry.spec.definition.name), ...labels])
      return names.filter((name) => !known.has(name) && !labels.some((label) => name.startsWith(namespaced(label, ''))))
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

function pinnedSet(chosen: readonly Entry[], options: SourceOptions): ToolSet {
  const bound = new Map(chosen.flatMap((entry) => (entry.bound ? [[entry.spec.definition.name, entry.bound] as const] : [])))
  return {
    tools: chosen.map((entry) => entry.spec),
    run: (call, context) => runTool(bound.get(call.name), call, context, options),
  }
}

function ofKind<Kind extends ToolConfig['kind']>(configs: readonly ToolConfig[], kind: Kind): Extract<ToolConfig, { kind: Kind }>[] {
  return configs.filter((config): config is Extract<ToolConfig, { kind: Kind }> => config.kind === kind)
}

function checkConfigs(configs: readonly ToolConfig[], problems: string[]): Map<string, ArgumentCheck> {
  const checks = new Map<string, ArgumentCheck>()
  const taken = new Set<string>()
  const labels = ofKind(configs, 'mcp').map((config) => config.label)
  for (const config of configs) {
    const name = config.kind === 'mcp' ? config.label : config.definition.name
    if (taken.has(name)) problems.push(`tool ${name}: the name is used twice`)
    taken.add(name)
    if (config.kind === 'mcp') {
      if (!LABEL.test(name)) problems.push(`tool server ${name}: a label has 1 to 32 letters, digits, - or _, no __, and no _ at either end`)
      continue
    }
    const owner = labels.find((label) => name.startsWith(namespaced(label, '')))
    if (owner !== undefined) problems.push(`tool ${name}: names that begin with ${namespaced(owner, '')} belong to the tool server ${owner}`)
    checkDefinition(config.definition, checks, problems)
  }
  return checks
}

function checkDefinition(definition: ToolDefinition, checks: Map<string, ArgumentCheck>, problems: string[]): void {
  const { name, description, parameters } = definition
  if (!NAME.test(name)) problems.push(`tool ${name}: a name has 1 to 64 letters, digits, - or _`)
  if (description !== undefined && description.length > MAX_DESCRIPTION_LENGTH) problems.push(`tool ${name}: the description is longer than ${MAX_DESCRIPTION_LENGTH} characters`)
  try {
    checks.set(name, compileSchema(parameters, 'operator'))
  } catch (error) {
    problems.push(`tool ${name}: parameters: ${error instanceof Error ? error.message : 'not a JSON schema'}`)
  }
}

async function healthOf(source: ToolSource, tool?: string): Promise<Health> {
  try {
    return await (tool !== undefined && source.healthOf ? source.healthOf(tool) : source.health())
  } catch {
    return { status: 'degraded', detail: 'unknown' }
  }
}
