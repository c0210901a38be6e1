// Reads certificate and key for serving wss directly, and replaces them when their files change.
import { readFileSync, unwatchFile, watchFile } from 'node:fs'
import { createSecureContext, type SecureVersion } from 'node:tls'
import type { Config } from '../config/config.js'

export interface TlsFiles {
  readonly cert: Buffer
  readonly key: Buffer
  readonly minVersion: SecureVersion
}

const MIN_VERSION: SecureVersion = 'TLSv1.2'

/** Throws if a file cannot be read or the pair does not match. The error names the setting to change. */
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
 * Checks both files every `intervalMs`, by path, so a swapped symbolic link counts. Gives the server each new pair. A pair that does not
 * match, such as between two writes, is reported and the old one stays. Returns a function that stops watching.
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
