// Builds all guards of one version of the configuration, and gives each session its own set of them.

import { ConfigError } from '../config/config-error.js'
import type { GuardConfig } from '../config/guard-config.js'
import type { Guard, GuardRegistry } from '../ports/guards.js'
import type { GuardOptions } from './guard-options.js'
import { createGuardSet } from './guard-set.js'
import { createGuarded } from './guarded.js'

/** Rejects with a `ConfigError` that has every module that cannot be used; nothing is left open then. */
export async function createGuardRegistry(configs: readonly GuardConfig[], options: GuardOptions, now: () => number = () => performance.now()): Promise<GuardRegistry> {
  const built = await Promise.allSettled(configs.map((config) => createGuard(config, options)))
  const guards = built.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const close = async (): Promise<void> => {
    await Promise.allSettled(guards.map((guard) => guard.close()))
    await options.close()
  }
  const failures = built.flatMap((one): readonly unknown[] => (one.status === 'rejected' ? [one.reason] : []))
  if (failures.length > 0) {
    await close()
    const problems = failures.flatMap((error) => (error instanceof ConfigError ? error.problems : []))
    throw problems.length > 0 ? new ConfigError(problems) : failures[0]
  }
  const timeouts = new Map(configs.map(({ name, timeoutMs }) => [name, timeoutMs]))
  const guarded = new Map(guards.map((guard) => [guard.name, createGuarded(guard, timeouts.get(guard.name) ?? 0, options.log, now)]))
  return {
    guardSet: () => createGuardSet(guarded),
    healthBySource: () => Promise.all([...guarded].map(async ([name, { health }]) => ({ name, health: await health() }))),
    close,
  }
}

/** Each kind is loaded if it is in use: the library of patterns alone takes long. */
async function createGuard({ name, run }: GuardConfig, options: GuardOptions): Promise<Guard> {
  switch (run.kind) {
    case 'patterns':
      return (await import('./patterns.js')).createPatternGuard(name, run)
    case 'http':
      return (await import('./http.js')).createHttpGuard(name, run, options)
    case 'module':
      return (await import('./module.js')).createModuleGuard(name, run, options)
    case 'azure':
      return (await import('./azure.js')).createAzureGuard(name, run, options)
  }
}
