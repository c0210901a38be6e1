// The configured way to verify: a secret or a public key with the algorithms that fit it, checked for strength at start.
import { createPublicKey, type KeyObject } from 'node:crypto'

const HMAC_BYTES: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 }
const RSA_PSS = ['PS256', 'PS384', 'PS512'] as const
const RSA = ['RS256', 'RS384', 'RS512', ...RSA_PSS] as const
const CURVES: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }
const EDWARDS = ['EdDSA', 'Ed25519'] as const
export const MIN_RSA_BITS = 2048

/** Algorithms a remote key set may be used with: never a shared secret. */
export const KEY_SET_ALGORITHMS: readonly string[] = [...RSA, ...Object.values(CURVES), ...EDWARDS]

export interface VerificationKey {
  readonly key: Uint8Array | KeyObject
  readonly algorithms: readonly string[]
}

/** Throws an error that names the setting to change when the secret is shorter than an algorithm's hash. */
export function secretKey(secret: string, configured: readonly string[]): VerificationKey {
  const key = Buffer.from(secret, 'utf8')
  const fitting = Object.keys(HMAC_BYTES).filter((name) => (HMAC_BYTES[name] ?? 0) <= key.length)
  const algorithms = configured.length > 0 ? configured : fitting
  for (const name of algorithms.length > 0 ? algorithms : ['HS256']) {
    const bytes = Object.hasOwn(HMAC_BYTES, name) ? HMAC_BYTES[name] : undefined
    if (bytes === undefined) throw new Error(`JWT_ALGORITHMS: ${name} cannot be used with JWT_SECRET, only ${Object.keys(HMAC_BYTES).join(', ')} can`)
    if (key.length < bytes) throw new Error(`JWT_SECRET: ${name} needs at least ${bytes} bytes, it has ${key.length}`)
  }
  return { key, algorithms }
}

/** Throws an error that names the setting to change for anything but one public key that is strong enough. */
export function publicKey(pem: string, configured: readonly string[]): VerificationKey {
  if (/PRIVATE KEY/.test(pem)) throw new Error('JWT_PUBLIC_KEY: this is a private key; configure the public one')
  const key = parsePublicKey(pem)
  return { key, algorithms: chosenAlgorithms('JWT_PUBLIC_KEY', algorithmsFor(key), configured) }
}

export function keySetAlgorithms(configured: readonly string[]): readonly string[] {
  return chosenAlgorithms('JWKS_URL', KEY_SET_ALGORITHMS, configured)
}

function parsePublicKey(pem: string): KeyObject {
  try {
    return createPublicKey(pem)
  } catch {
    throw new Error('JWT_PUBLIC_KEY: this is no public key or certificate in PEM form')
  }
}

function algorithmsFor(key: KeyObject): readonly string[] {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {}
  switch (key.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss':
      if (modulusLength < MIN_RSA_BITS) throw new Error(`JWT_PUBLIC_KEY: an RSA key needs at least ${MIN_RSA_BITS} bits, it has ${modulusLength}`)
      return key.asymmetricKeyType === 'rsa' ? RSA : RSA_PSS
    case 'ec': {
      const algorithm = CURVES[namedCurve]
      if (!algorithm) throw new Error('JWT_PUBLIC_KEY: the curve must be P-256, P-384 or P-521')
      return [algorithm]
    }
    case 'ed25519':
      return EDWARDS
    default:
      throw new Error(`JWT_PUBLIC_KEY: keys of type ${key.asymmetricKeyType ?? 'unknown'} cannot be used`)
  }
}

function chosenAlgorithms(setting: string, fitting: readonly string[], configured: readonly string[]): readonly string[] {
  for (const name of configured) if (!fitting.includes(name)) throw new Error(`JWT_ALGORITHMS: ${name} cannot be used with ${setting}, only ${fitting.join(', ')} can`)
  return configured.length > 0 ? configured : fitting
}
