// Reads a file of variables, such as `.env`, into this process's environment. A variable that is already set wins.
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { ConfigError } from './config-error.js'
import { readTextFile } from './environment.js'

/** Node reads these before any code of ours runs, so that a file comes too late for them. */
const TOO_LATE = ['NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS']

/** Libraries read the process's environment as well, so the variables go there. Throws `ConfigError`. */
export function loadEnvFile(file: string, cwd: string = process.cwd(), environment: NodeJS.ProcessEnv = process.env): void {
  const content = readTextFile(resolve(cwd, file))
  if ('problem' in content) throw new ConfigError([`--env-file ${content.problem}: ${file}`])
  const found = parseEnv(content.value)
  const late = TOO_LATE.filter((name) => (found[name] ?? '') !== '' && environment[name] === undefined)
  if (late.length > 0) throw new ConfigError(late.map((name) => `${name} has no effect in ${file}: Node reads it at its own start, so export it before`))
  for (const [name, value] of Object.entries(found)) environment[name] ||= value
}
