// Tools as functions in the operator's own modules, each module in its own thread, away from the relay's loop, memory and environment.
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ToolConfig } from '../config/config.js'
import type { Identity } from '../ports/caller.js'
import type { ToolSource, ToolSpec } from '../ports/tools.js'
import { createModuleHost, type ModuleHost } from './module-host.js'
import type { SourceOptions } from './source-options.js'
import type { ToolCaller } from './tool.js'
import { ToolFailure } from './tool-failure.js'

export type ModuleToolConfig = Extract<ToolConfig, { kind: 'module' }>

const TOKEN_CLAIMS = new Set(['exp', 'iat', 'nbf', 'jti'])

/**
 * Loads every module; pushes those that cannot be loaded, and functions they do not export, to `problems`. A thread keeps a tool from
 * stopping the relay; it is no sandbox: a module can still read files and open connections as the relay's user.
 */
export async function createModuleSource(configs: readonly ModuleToolConfig[], options: SourceOptions, problems: string[]): Promise<ToolSource> {
  const hosts = new Map<string, ModuleHost>()
  for (const { file } of configs) {
    if (!hosts.has(file)) hosts.set(file, createModuleHost(pathToFileURL(resolve(options.baseDir, file)), { maxBytes: options.maxBytes, log: options.log, label: file }))
  }
  const functions = new Map(await Promise.all([...hosts].map(async ([file, host]) => [file, await host.start()] as const)))
  const tools = new Map<string, ModuleToolConfig>()
  for (const config of configs) {
    const exported = functions.get(config.file)
    if (!exported) problems.push(`tool ${config.definition.name}: the module ${config.file} cannot be loaded`)
    else if (!exported.includes(config.exportName)) problems.push(`tool ${config.definition.name}: the module ${config.file} exports no function ${config.exportName}`)
    else tools.set(config.definition.name, config)
  }

  return {
    name: 'module',
    list: async () => [...tools.values()].map(({ definition, timeoutMs }): ToolSpec => ({ definition, owner: 'server', ...(timeoutMs === undefined ? {} : { timeoutMs }) })),
    call: async (name, args, context) => {
      const config = tools.get(name)
      const host = config && hosts.get(config.file)
      if (!config || !host) throw new ToolFailure('failed')
      return host.call(config.exportName, args, callerOf(context.identity), context.signal)
    },
    health: async () => {
      const down = [...hosts.values()].filter((host) => !host.healthy()).length
      return down === 0 ? { status: 'ok', detail: 'running' } : { status: 'degraded', detail: `${down} of ${hosts.size} modules cannot be loaded` }
    },
    close: async () => {
      await Promise.all([...hosts.values()].map((host) => host.close()))
    },
  }
}

function callerOf(identity: Identity): ToolCaller {
  const claims = Object.fromEntries(Object.entries(identity.claims).filter(([name]) => !TOKEN_CLAIMS.has(name)))
  return { subject: identity.subject, issuer: identity.issuer, claims }
}
