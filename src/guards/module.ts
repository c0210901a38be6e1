// The guard that is a file of the admin's, in a thread of its own: it exports `check`, which gets side and text.

import { ConfigError } from '../config/config-error.js'
import type { GuardRun } from '../config/guard-config.js'
import type { Guard } from '../ports/guards.js'
import { readAnswer } from './answer.js'
import type { GuardOptions } from './guard-options.js'

type ModuleRun = Extract<GuardRun, { kind: 'module' }>

const EXPORT = 'check'

/** Rejects with a `ConfigError` if the file does not load or does not export `check`; no thread is left running then. */
export async function createModuleGuard(name: string, { file }: ModuleRun, options: Pick<GuardOptions, 'startModule'>): Promise<Guard> {
  const module = options.startModule(file)
  const functions = await module.start()
  if (!functions?.includes(EXPORT)) {
    await module.close()
    throw new ConfigError([`GUARDS ${JSON.stringify(name)}: run module ${file} ${functions ? `exports no function ${EXPORT}` : 'cannot be loaded'}`])
  }
  return {
    name,
    isLocal: false,
    async check({ side, text }, { identity: { subject, issuer }, signal }) {
      return readAnswer(await module.call(EXPORT, { side, text }, { identity: { subject, issuer } }, signal))
    },
    health: async () => (module.healthy() ? { status: 'ok', detail: 'running' } : { status: 'degraded', detail: 'cannot be loaded' }),
    close: () => module.close(),
  }
}
