// Reads a TLS certificate and its key and says what is wrong with them, at start and whenever the files change.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { readTextFile } from './environment.js'

export interface TlsProblem {
  readonly setting: 'TLS_CERT_FILE' | 'TLS_KEY_FILE'
  /** Completes "TLS_CERT_FILE …". */
  readonly problem: string
}

/** PEM text. */
export interface TlsPair {
  readonly cert: string
  readonly key: string
}

/** Every mistake at once. One file may be missing: the other is judged all the same. */
export function readTlsPair(certFile: string | undefined, keyFile: string | undefined): { readonly pair: TlsPair | undefined; readonly problems: readonly TlsProblem[] } {
  const cert = readPem(certFile, (text) => new X509Certificate(text), 'holds no PEM certificate')
  const key = readPem(keyFile, createPrivateKey, 'holds no PEM private key without a passphrase')
  const problems: TlsProblem[] = []
  if ('problem' in cert) problems.push({ setting: 'TLS_CERT_FILE', problem: cert.problem })
  if ('problem' in key) problems.push({ setting: 'TLS_KEY_FILE', problem: key.problem })
  if (!('parsed' in cert) || !('parsed' in key)) return { pair: undefined, problems }
  const pair = { cert: cert.text, key: key.text }
  if (!cert.parsed.checkPrivateKey(key.parsed)) return { pair: undefined, problems: [{ setting: 'TLS_KEY_FILE', problem: 'does not belong to the certificate in TLS_CERT_FILE' }] }
  try {
    createSecureContext(pair)
    return { pair, problems }
  } catch {
    return { pair: undefined, problems: [{ setting: 'TLS_CERT_FILE', problem: 'holds a certificate that TLS refuses, as it does one with a short key or a weak signature' }] }
  }
}

function readPem<T>(file: string | undefined, parse: (text: string) => T, problem: string): { text: string; parsed: T } | { problem: string } | { missing: true } {
  if (file === undefined) return { missing: true }
  const content = readTextFile(file)
  if ('problem' in content) return content
  try {
    return { text: content.value, parsed: parse(content.value) }
  } catch {
    return { problem }
  }
}
