// Checks a token's syntax before any cryptography: one spelling, three parts, small, and a header that says one thing.
import { MAX_TOKEN_BYTES } from '../core/protocol/credentials.js'

/**
 * Whether `token` is a compact JWS in canonical base64url. `jose` also takes padding and white space, which would give one signature many
 * spellings.
 */
export function isWellFormedToken(token: string): boolean {
  if (token.length > MAX_TOKEN_BYTES) return false
  const parts = token.split('.')
  if (parts.length !== 3 || !parts.every(isCanonicalBase64Url)) return false
  return namesAlgorithmOnce(Buffer.from(parts[0] ?? '', 'base64url').toString('utf8'))
}

function isCanonicalBase64Url(part: string): boolean {
  return part.length > 0 && Buffer.from(part, 'base64url').toString('base64url') === part
}

/** JSON readers differ on which of two equal names wins. */
function namesAlgorithmOnce(header: string): boolean {
  return (header.match(/"alg"\s*:/g) ?? []).length === 1
}
