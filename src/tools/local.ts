// Runs tools that are functions in the operator's modules. Each module has a thread, apart from the relay's loop, memory and environment.
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ToolConfig } from '../config/config.js'
import { ConfigError } from '../config/config-error.js'
import { bigIntOf, decimalOf, isWhole } from '../json/decimal.js'
import { type ExactJson, mapExact, numberOf } from '../json/exact-json.js'
import type { Identity } from '../ports/caller.js'
import type { ToolSource, ToolSpec } from '../ports/tools.js'
import { createModuleHost, type ModuleHost } from './module-host.js'
import type { SourceOptions } from './source-options.js'
import type { ToolCaller } from './tool.js'
import { ArgumentsRefused, ToolFailure } from './tool-failure.js'

type ModuleToolConfig = Extract<ToolConfig, { kind: 'module' }>

const TOKEN_CLAIMS = new Set(['exp', 'iat', 'nbf', 'jti'])

/**
 * Loads every module. Rejects with a `ConfigError` that names each module that does not load and each function that a module does not
 * export; no thread is left running then. A thread keeps a tool from stopping the relay. It is no sandbox: a module can still read files
 * and open connections as the relay's user.
 */
export async function createModuleSource(configs: readonly ModuleToolConfig[], options: SourceOptions): Promise<ToolSource> {
  const hosts = new Map<string, ModuleHost>()
  for (const { file } of configs) {
    if (!hosts.has(file)) hosts.set(file, createModuleHost(pathToFileURL(resolve(options.baseDir, file)), { maxBytes: options.maxBytes, log: options.log, label: file }))
  }
  const functions = new Map(await Promise.all([...hosts].map(async ([file, host]) => [file, await host.start()] as const)))
  const closeAll = async (): Promise<void> => {
    await Promise.all([...hosts.values()].map((host) => host.close()))
  }
  const problems = configs.flatMap(({ definition, file, exportName }) => {
    const exported = functions.get(file)
    if (!exported) return `TOOLS ${JSON.stringify(definition.name)}: run module ${file} cannot be loaded`
    return exported.includes(exportName) ? [] : `TOOLS ${JSON.stringify(definition.name)}: run module ${file} exports no function ${exportName}`
  })
  if (problems.length > 0) {
    await closeAll()
    throw new ConfigError(problems)
  }
  const tools = new Map(configs.map((config) => [config.definition.name, config]))

  return {
    name: 'module',
    list: async () => [...tools.values()].map(({ definition, timeoutMs }): ToolSpec => ({ definition, owner: 'server', ...(timeoutMs === undefined ? {} : { timeoutMs }) })),
    call: async (name, args, context) => {
      const config = tools.get(name)
      const host = config && hosts.get(config.file)
      if (!config || !host) throw new ToolFailure('failed')
      return host.call(config.exportName, numbersFor(config, args as ExactJson), { identity: callerOf(context.identity), keys: context.keys }, context.signal)
    },
    health: async () => {
      const down = [...hosts.values()].filter((host) => !host.healthy()).length
      return down === 0 ? { status: 'ok', detail: 'running' } : { status: 'degraded', detail: `${down} of ${hosts.size} modules cannot be loaded` }
    },
    close: closeAll,
  }
}

/** What JavaScript can hold exactly. A module that computed with a rounded number would answer about something else than the model asked. */
function numbersFor(config: ModuleToolConfig, args: ExactJson): unknown {
  return mapExact(args, (exact, path) => {
    const number = numberOf(exact)
    if (number !== undefined) return number
    const decimal = decimalOf(exact.value)
    if (!isWhole(decimal)) throw new ArgumentsRefused(`${path} has more digits than this tool can take: write it with at most 15 significant digits`)
    if (!config.bigIntegers) throw new ArgumentsRefused(`${path} is too large for this tool, which takes whole numbers up to ${Number.MAX_SAFE_INTEGER}: it was not called`)
    return bigIntOf(decimal)
  })
}

function callerOf(identity: Identity): ToolCaller {
  const claims = Object.fromEntries(Object.entries(identity.claims).filter(([name]) => !TOKEN_CLAIMS.has(name)))
  return { subject: identity.subject, issuer: identity.issuer, claims }
}
