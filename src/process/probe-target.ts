// Says where the relay on this host answers its liveness probe, from the variables that the relay reads.

export interface ProbeTarget {
  readonly url: string
  readonly tls: boolean
}

/**
 * The admin port first: no caller can fill it. The public port answers the same, and stands in if the admin port's number is not known.
 * Reads only what a probe needs. The relay itself reports mistakes in other variables.
 */
export function probeTargets(environment: Readonly<Record<string, string | undefined>> = process.env): readonly ProbeTarget[] {
  const read = (name: string, otherwise: string): string => environment[name]?.trim() || otherwise
  const tls = read('TLS_CERT_FILE', '') !== ''
  const target = (host: string, port: string, isTls: boolean): ProbeTarget => ({ url: `${isTls ? 'https' : 'http'}://${reachable(host)}:${port}/livez`, tls: isTls })
  return [target(read('ADMIN_HOST', '127.0.0.1'), read('ADMIN_PORT', '9090'), false), target(read('HOST', '0.0.0.0'), read('PORT', '8080'), tls)]
}

function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::' || host === '[::]') return '[::1]'
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}
