// Says why the relay cannot start: in an error's own words if they are ours, else by the kind of error only.
import { ConfigError } from '../config/config-error.js'
import { ListenError } from '../server/listen.js'

/** Never quotes a foreign error's text, which may hold a setting. */
export function startupProblem(error: unknown): string {
  if (error instanceof ConfigError) return error.message
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  const known = error instanceof ListenError ? listenProblem(error.code, { port: `${error.prefix}PORT`, host: `${error.prefix}HOST` }, error) : undefined
  return known ?? `The relay could not start (${code || (error instanceof Error ? error.name : 'unknown error')}).`
}

/** `names` are the settings or options that hold the values. Undefined for a code that needs no own words. */
export function listenProblem(
  code: string,
  names: { readonly port: string; readonly host: string },
  { host, port }: { readonly host: string; readonly port: number },
): string | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return `${names.port} ${port} is in use: another program listens on that port of ${host}. Stop it, or set ${names.port} to another one; 0 takes a free one.`
    case 'EACCES':
      return `${names.port} ${port} may not be opened by this user. Set ${names.port} to one above 1023.`
    case 'EADDRNOTAVAIL':
      return `${names.host} ${host} is not an address of this machine. Set ${names.host} to 0.0.0.0 for all of its addresses, or to 127.0.0.1 for this machine alone.`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${names.host} ${host} is not a name that this machine knows. Set ${names.host} to an address, such as 0.0.0.0 or 127.0.0.1.`
    default:
      return undefined
  }
}
