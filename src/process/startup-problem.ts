// Says why the relay cannot start: in an error's own words if they are ours, else by the kind of error only.
import { ConfigError } from '../config/config-error.js'

/** System errors that an operator can act on by their code alone. */
const SYSTEM: Readonly<Record<string, string>> = {
  EADDRINUSE: 'The port is in use. Set PORT or ADMIN_PORT to another one.',
  EACCES: 'The port may not be opened. Set PORT to one above 1023.',
  EADDRNOTAVAIL: 'The address is not one of this machine. Check HOST and ADMIN_HOST.',
}

/** Never quotes a foreign error's text, which may hold a setting. */
export function startupProblem(error: unknown): string {
  if (error instanceof ConfigError) return error.message
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (Object.hasOwn(SYSTEM, code)) return SYSTEM[code] as string
  return `The relay could not start (${code || (error instanceof Error ? error.name : 'unknown error')}).`
}
