// Says where the relay on this host answers its liveness probe, from the variables that the relay reads.

export interface ProbeTarget {
  readonly url: string
  readonly tls: boolean
}

/** Reads only what a probe needs. The relay itself reports mistakes in other variables. */
export function probeTarget(environment: Readonly<Record<string, string | undefined>> = process.env): ProbeTarget {
  const host = environment.HOST?.trim() || '0.0.0.0'
  const port = environment.PORT?.trim() || '8080'
  const tls = (environment.TLS_CERT_FILE ?? '').trim() !== ''
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' || host === '[::]' ? '[::1]' : host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  return { url: `${tls ? 'https' : 'http'}://${reachable}:${port}/livez`, tls }
}
