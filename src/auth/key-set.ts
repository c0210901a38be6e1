// Picks the usable keys of a remote key set: asymmetric, strong and for signatures. Entries of other kinds are as good as absent.
import type { JWK } from 'jose'
import { MIN_RSA_BITS } from '../config/key-strength.js'
import { isObject } from '../core/protocol/events.js'

const MAX_KEYS = 200

/** The usable keys of a fetched document, or undefined if it is no key set. */
export function usableKeys(document: unknown): JWK[] | undefined {
  if (!isObject(document) || !Array.isArray(document.keys) || document.keys.length > MAX_KEYS) return undefined
  // Several may share a kid (RFC 7517, section 4.5): those that fit a token are tried.
  return document.keys.filter(isObject).filter((key) => isForSignatures(key) && isStrongPublicKey(key)) as JWK[]
}

function isForSignatures({ use, key_ops: operations }: Record<string, unknown>): boolean {
  return (use === undefined || use === 'sig') && (operations === undefined || (Array.isArray(operations) && operations.includes('verify')))
}

/** A public document that holds a secret or a private key gives it away, so such a key is not used. */
function isStrongPublicKey(key: Record<string, unknown>): boolean {
  if (key.d !== undefined || key.k !== undefined) return false
  if (key.kty === 'EC' || key.kty === 'OKP') return true
  return key.kty === 'RSA' && bitsOf(key.n) >= MIN_RSA_BITS && isSaneExponent(key.e)
}

function bitsOf(number: unknown): number {
  if (typeof number !== 'string') return 0
  const bytes = Buffer.from(number, 'base64url')
  const first = bytes.findIndex((byte) => byte !== 0)
  return first < 0 ? 0 : (bytes.length - first) * 8 - (Math.clz32(bytes[first] ?? 0) - 24)
}

/** With an exponent of one, every message is its own signature. */
function isSaneExponent(exponent: unknown): boolean {
  const bits = bitsOf(exponent)
  return bits >= 2 && bits <= 64 && ((Buffer.from(String(exponent), 'base64url').at(-1) ?? 0) & 1) === 1
}
