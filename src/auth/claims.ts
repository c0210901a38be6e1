// Turns the claims of a verified token into an Identity, or refuses claims of the wrong type.
import type { JWTPayload } from 'jose'
import { RefusalError } from '../core/protocol/errors.js'
import type { Identity } from '../ports/caller.js'
import { exactClaims } from './exact-claims.js'

const MAX_SUBJECT_LENGTH = 256
/** The last moment that a Date can hold, in seconds. */
const MAX_EXPIRY_SECONDS = 8_640_000_000_000

/** Control and format characters (bidirectional and zero-width ones), lone surrogates, line and paragraph separators. */
const ODD_CHARACTER = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

/** `jose` has checked the signature, `exp`, `nbf`, `iss` and `aud` of `token`. This checks the types that it leaves open. */
export function identityOf(payload: JWTPayload, token: string): Identity {
  const claims = exactClaims(token, payload)
  const { sub, iss, jti, exp, aud } = claims
  if (typeof sub !== 'string' || sub.length === 0 || sub.length > MAX_SUBJECT_LENGTH || ODD_CHARACTER.test(sub)) throw new RefusalError('unauthenticated', 'bad_subject')
  if (typeof exp !== 'number' || !(exp <= MAX_EXPIRY_SECONDS)) throw new RefusalError('unauthenticated', 'bad_expiry')
  if (!isOptionalText(iss) || !isOptionalText(jti)) throw new RefusalError('unauthenticated', 'bad_claim_type')
  if (aud !== undefined && typeof aud !== 'string' && !(Array.isArray(aud) && aud.every((one) => typeof one === 'string')))
    throw new RefusalError('unauthenticated', 'bad_claim_type')
  return { subject: sub, issuer: iss, tokenId: jti, expiresAtMs: exp * 1000, claims: Object.freeze({ ...claims }) }
}

function isOptionalText(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === 'string' && value.length <= 1024)
}
