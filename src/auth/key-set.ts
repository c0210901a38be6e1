// Picks the usable keys of a remote key set: asymmetric, strong, and with a kid that names no other key.
import type { JWK } from 'jose'
import { MIN_RSA_BITS } from '../config/key-strength.js'
import { isObject } from '../core/protocol/events.js'

const MAX_KEYS = 200

/** The usable keys of a fetched document, or undefined if it is no key set. */
export function usableKeys(document: unknown): JWK[] | undefined {
  if (!isObject(document) || !Array.isArray(document.keys) || document.keys.length > MAX_KEYS) return undefined
  const keys = document.keys.filter(isObject)
  const timesUsed = new Map<unknown, number>()
  for (const key of keys) timesUsed.set(key.kid, (timesUsed.get(key.kid) ?? 0) + 1)
  // If a kid names two keys, neither is used: nothing says which one a signer meant.
  return keys.filter((key) => (key.kid === undefined || timesUsed.get(key.kid) === 1) && isStrongPublicKey(key)) as JWK[]
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
