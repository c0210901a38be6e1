// The command `serve`, and what `npm start` does: reads the configuration, serves until a signal.
import { existsSync } from 'node:fs'
import { ConfigError } from '../config/config-error.js'
import { loadEnvFile } from '../config/env-file.js'
import { loadConfig } from '../config/load.js'
import { type ProcessHooks, serve } from '../process/run.js'
import { checkTools } from '../tools/check.js'
import { options } from './options.js'

/** Rejects with a `UsageError`, a `ConfigError` or whatever kept the relay from starting. */
export async function serveCommand(args: readonly string[], hooks: ProcessHooks): Promise<void> {
  const file = options('serve', args, { 'env-file': { type: 'string' } }).values['env-file']
  if (file !== undefined) loadEnvFile(file)
  try {
    await serve(() => loadConfig(checkTools), hooks)
  } catch (error) {
    if (error instanceof ConfigError && file === undefined && existsSync('.env')) console.error('The .env in this folder was not read. To read it: serve --env-file .env\n')
    throw error
  }
}
