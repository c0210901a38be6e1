// Serves wss directly: reads certificate and key, and takes up new ones when the files change.
import { readFileSync, unwatchFile, watchFile } from 'node:fs'
import { createSecureContext, type SecureVersion } from 'node:tls'
import type { Config } from '../config/config.js'

export interface TlsFiles {
  readonly cert: Buffer
  readonly key: Buffer
  readonly minVersion: SecureVersion
}

const MIN_VERSION: SecureVersion = 'TLSv1.2'

/** Throws an error that names the setting to change when a file cannot be read or the two do not fit together. */
export function tlsOptions(tls: NonNullable<Config['tls']>): TlsFiles {
  const files: TlsFiles = { cert: read('TLS_CERT_FILE', tls.certFile), key: read('TLS_KEY_FILE', tls.keyFile), minVersion: MIN_VERSION }
  try {
    createSecureContext(files)
  } catch {
    throw new Error('TLS_CERT_FILE and TLS_KEY_FILE: these are no certificate and private key that belong together')
  }
  return files
}

function read(setting: string, file: string): Buffer {
  try {
    return readFileSync(file)
  } catch {
    throw new Error(`${setting}: the file cannot be read`)
  }
}

/**
 * Looks at both files every `intervalMs` (by path, so that a swapped symbolic link counts) and gives the server the new pair; a pair that
 * does not fit, as between two writes, is reported and the old one stays. Returns how to stop.
 */
export function watchTls(
  tls: NonNullable<Config['tls']>,
  server: { setSecureContext(options: TlsFiles): void },
  report: (result: 'reloaded' | 'kept the old certificate') => void,
  intervalMs = 5000,
): () => void {
  const reload = (): void => {
    try {
      server.setSecureContext(tlsOptions(tls))
      report('reloaded')
    } catch {
      report('kept the old certificate')
    }
  }
  const files = [tls.certFile, tls.keyFile]
  for (const file of files) watchFile(file, { persistent: false, interval: intervalMs }, reload)
  return () => {
    for (const file of files) unwatchFile(file, reload)
  }
}
