// Serves wss directly, with a certificate and key that are taken up anew when their files change.
import type { SecureVersion } from 'node:tls'
import type { Config } from '../config/config.js'
import { ConfigError } from '../config/config-error.js'
import { seeFiles, watchFiles } from '../config/file-watch.js'
import { readTlsPair, type TlsPair } from '../config/tls-files.js'

export interface TlsOptions extends TlsPair {
  readonly minVersion: SecureVersion
}

const MIN_VERSION: SecureVersion = 'TLSv1.2'

/** Throws a `ConfigError` if a file cannot be read or the two do not belong together. */
export function tlsOptions(tls: NonNullable<Config['tls']>): TlsOptions {
  const { pair, problems } = readTlsPair(tls.certFile, tls.keyFile)
  if (!pair) throw new ConfigError(problems.map(({ setting, problem }) => `${setting} ${problem}`))
  return { ...pair, minVersion: MIN_VERSION }
}

/**
 * Looks at both files every `intervalMs` and gives the server a changed pair. A pair that does not fit, as between two writes, is reported and the
 * old one stays. Returns how to stop.
 */
export function watchTls(
  tls: NonNullable<Config['tls']>,
  server: { setSecureContext(options: TlsOptions): void },
  report: (result: 'reloaded' | 'kept the old certificate') => void,
  intervalMs = 5000,
): () => void {
  return watchFiles(seeFiles([tls.certFile, tls.keyFile]), intervalMs, () => {
    try {
      server.setSecureContext(tlsOptions(tls))
      report('reloaded')
    } catch {
      report('kept the old certificate')
    }
  })
}
