// Reads how callers' tokens are verified: exactly one key, strong enough, and algorithms that fit it.
import { createPublicKey, type KeyObject } from 'node:crypto'
import type { AuthConfig } from './config.js'
import type { EnvReader, Problems } from './environment.js'
import { HMAC_BYTES, MIN_RSA_BITS } from './key-strength.js'
import { readRequiredClaims } from './token-claims.js'
import type { VariableName } from './variables.js'

const KEYS: readonly VariableName[] = ['JWT_SECRET', 'JWT_PUBLIC_KEY', 'JWKS_URL']
const RSA_PSS = ['PS256', 'PS384', 'PS512']
const RSA = ['RS256', 'RS384', 'RS512', ...RSA_PSS]
const CURVES: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }
const ED25519 = ['EdDSA', 'Ed25519']
const ASYMMETRIC = [...RSA, ...Object.values(CURVES), ...ED25519]

type Key = AuthConfig['key']

/** Undefined after a mistake. */
export function readAuth(env: EnvReader, problems: Problems): AuthConfig | undefined {
  const issuer = env.get('JWT_ISSUER')
  const audience = env.get('JWT_AUDIENCE')
  const clientIds = env.get('JWT_CLIENT_ID')
  const requiredClaims = readRequiredClaims(env, problems)
  const scopeClaim = env.get('JWT_SCOPE_CLAIM')
  const asked = env.get('JWT_ALGORITHMS')
  const clockToleranceMs = env.get('JWT_CLOCK_TOLERANCE_S')
  const allowQueryToken = env.get('ALLOW_QUERY_TOKEN')
  const ways = KEYS.filter((name) => env.isSet(name))
  if (ways.length !== 1) {
    const right = 'set exactly one of JWT_SECRET, JWT_PUBLIC_KEY (or JWT_PUBLIC_KEY_FILE) and JWKS_URL'
    problems.add('Tokens:', ways.length === 0 ? `there is no way to verify them: ${right}` : `${ways.join(', ')} are set: ${right}`)
    for (const name of ways) env.get(name)
    return undefined
  }
  const found = env.isSet('JWT_SECRET') ? readSecret(env, asked, problems) : env.isSet('JWKS_URL') ? readKeySet(env, asked, problems) : readPublicKey(env, asked, problems)
  return found && { ...found, issuer, audience, ...(clientIds && { clientIds }), ...(requiredClaims && { requiredClaims }), scopeClaim, clockToleranceMs, allowQueryToken }
}

interface Found {
  readonly key: Key
  readonly algorithms: readonly string[]
}

function readSecret(env: EnvReader, asked: readonly string[] | undefined, problems: Problems): Found | undefined {
  const secret = env.get('JWT_SECRET')
  const algorithms = allowed(asked ?? ['HS256'], Object.keys(HMAC_BYTES), 'JWT_SECRET', problems)
  if (!secret || !algorithms) return undefined
  const needed = Math.max(...algorithms.map((name) => HMAC_BYTES[name] ?? 0))
  if (secret.bytes < needed) {
    problems.add('JWT_SECRET', `is ${secret.bytes} bytes long, ${algorithms.join(', ')} needs at least ${needed}. Make one with: openssl rand -base64 48`)
    return undefined
  }
  return { key: { kind: 'secret', secret: secret.secret }, algorithms }
}

function readKeySet(env: EnvReader, asked: readonly string[] | undefined, problems: Problems): Found | undefined {
  const url = env.get('JWKS_URL')
  const why = 'JWKS_URL needs it, because one key set signs tokens for many services'
  if (!env.isSet('JWT_ISSUER')) problems.add('JWT_ISSUER', `is missing: ${why}`)
  if (!env.isSet('JWT_AUDIENCE') && !env.isSet('JWT_CLIENT_ID')) problems.add('JWT_AUDIENCE', `is missing: ${why}. If its access tokens have no aud, set JWT_CLIENT_ID instead`)
  const algorithms = allowed(asked ?? ['RS256'], ASYMMETRIC, 'JWKS_URL', problems)
  return url && algorithms ? { key: { kind: 'jwks', url }, algorithms } : undefined
}

function readPublicKey(env: EnvReader, asked: readonly string[] | undefined, problems: Problems): Found | undefined {
  const text = env.get('JWT_PUBLIC_KEY')
  if (text === undefined) return undefined
  const pem = text.includes('\n') ? text : text.replaceAll('\\n', '\n')
  if (pem.includes('PRIVATE KEY')) {
    problems.add('JWT_PUBLIC_KEY', 'holds a private key: give the public half, the private one belongs to the service that signs tokens')
    return undefined
  }
  let key: KeyObject
  try {
    key = createPublicKey(pem)
  } catch {
    problems.add('JWT_PUBLIC_KEY', 'is not a public key: it must be PEM, beginning with -----BEGIN PUBLIC KEY----- or -----BEGIN CERTIFICATE-----')
    return undefined
  }
  const bits = key.asymmetricKeyDetails?.modulusLength
  if (bits !== undefined && bits < MIN_RSA_BITS) {
    problems.add('JWT_PUBLIC_KEY', `has ${bits} bits, RSA needs at least ${MIN_RSA_BITS}`)
    return undefined
  }
  const family = familyOf(key)
  if (family.length === 0) {
    problems.add('JWT_PUBLIC_KEY', key.asymmetricKeyType === 'rsa-pss' ? oddPss(key) : 'is of a kind that signs no tokens: RSA, P-256, P-384, P-521 and Ed25519 do')
    return undefined
  }
  const algorithms = allowed(asked ?? family.slice(0, 1), family, 'JWT_PUBLIC_KEY', problems)
  return algorithms && { key: { kind: 'public', key: key.asymmetricKeyType === 'rsa-pss' ? plainRsa(key) : key }, algorithms }
}

function familyOf(key: KeyObject): readonly string[] {
  if (key.asymmetricKeyType === 'rsa') return RSA
  if (key.asymmetricKeyType === 'rsa-pss') return pssFamily(key)
  if (key.asymmetricKeyType === 'ed25519') return ED25519
  const curve = CURVES[key.asymmetricKeyDetails?.namedCurve ?? '']
  return curve === undefined ? [] : [curve]
}

/** A key may be bound to one hash. Source: RFC 7518 section 3.5: the hash and that of MGF1 are one, named by the algorithm. */
function pssFamily(key: KeyObject): readonly string[] {
  const { hashAlgorithm, mgf1HashAlgorithm } = key.asymmetricKeyDetails ?? {}
  return hashAlgorithm === undefined ? RSA_PSS : RSA_PSS.filter((name) => hashAlgorithm === `sha${name.slice(2)}` && mgf1HashAlgorithm === hashAlgorithm)
}

function oddPss(key: KeyObject): string {
  const { hashAlgorithm, mgf1HashAlgorithm } = key.asymmetricKeyDetails ?? {}
  return `is an RSA-PSS key for ${hashAlgorithm} and MGF1 with ${mgf1HashAlgorithm}, which no token algorithm uses: make one for SHA-256, SHA-384 or SHA-512 and MGF1 with the same`
}

/**
 * The same modulus and exponent as a plain RSA key, the only kind that Web Crypto, and so jose, verifies with. In the DER of a key of at least
 * `MIN_RSA_BITS` bits, 4 bytes begin the whole, 2 the algorithm and its parameters, 5 the string that holds the plain key.
 */
function plainRsa(key: KeyObject): KeyObject {
  const der = key.export({ type: 'spki', format: 'der' })
  return createPublicKey({ key: der.subarray(4 + 2 + der.readUInt8(5) + 5), format: 'der', type: 'pkcs1' })
}

function allowed(names: readonly string[], family: readonly string[], keyName: string, problems: Problems): readonly string[] | undefined {
  const wrong = names.filter((name) => !family.includes(name))
  if (wrong.length === 0) return names
  problems.add('JWT_ALGORITHMS', `names ${wrong.join(', ')}, which ${keyName} cannot verify; it can verify ${family.join(', ')}`)
  return undefined
}
