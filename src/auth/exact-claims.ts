// Reads a verified token's claims again, so that a number that JavaScript would change is not silently another one.
import type { JWTPayload } from 'jose'
import { parseExact, plainOrText } from '../json/exact-json.js'

/** These have types of their own, which `identityOf` checks. */
const REGISTERED = new Set(['sub', 'iss', 'aud', 'jti', 'exp', 'nbf', 'iat'])
/** Any number with fewer digits and without an exponent is exact. Text that looks alike only costs the second reading. */
const MAY_CHANGE = /[\d.]{16}|\d[eE][-+]?\d/

/** `payload` as `jose` read it, but for such numbers, which become text as they were written. Throws if the payload cannot be read again. */
export function exactClaims(token: string, payload: JWTPayload): Readonly<Record<string, unknown>> {
  const text = new TextDecoder().decode(Buffer.from(token.split('.')[1] ?? '', 'base64url'))
  if (!MAY_CHANGE.test(text)) return payload
  const exact = plainOrText(parseExact(text)) as Record<string, unknown>
  return Object.fromEntries(Object.entries(payload).map(([name, value]) => [name, REGISTERED.has(name) ? value : exact[name]]))
}
