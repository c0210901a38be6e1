// Shows the claims that a token was refused for beside what the settings say. Its signature was good: claims are looked at after it.
import type { Config } from '../config/config.js'
import { claimAt, unmetClaims } from '../core/policy/claim-values.js'
import { isObject } from '../core/protocol/events.js'

const MAX_SHOWN = 160

/** What, value and why of each row. None for refusals that are not about such a claim. */
export function refusedClaims(token: string, why: string, { auth, profileClaim }: Pick<Config, 'auth' | 'profileClaim'>): readonly (readonly [string, string, string])[] {
  const claims = claimsOf(token)
  const one = (name: string, wanted: string) => [`claim ${name}`, shown(claimAt(claims, name)), wanted] as const
  if (why === 'wrong_issuer') return [one('iss', `JWT_ISSUER is ${shown(auth.issuer)}`)]
  if (why === 'wrong_audience')
    return [one('aud', auth.audience === undefined ? 'only JWT_CLIENT_ID is set, so the token may have none' : `JWT_AUDIENCE is ${shown(auth.audience)}`)]
  if (why === 'wrong_client') return [one('client_id', `JWT_CLIENT_ID is ${shown(auth.clientIds)}`)]
  if (why === 'unknown_profile') return [one(profileClaim, 'each value must be the name of a profile, unless JWT_PROFILE_MAP is set')]
  if (why !== 'claim_required') return []
  const { requiredClaims = {} } = auth
  return unmetClaims(claims, requiredClaims).map((name) => one(name, `JWT_REQUIRED_CLAIMS wants ${shown(requiredClaims[name])}`))
}

function claimsOf(token: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

/** Claims come from elsewhere, so that they are shown as short, printable text. */
function shown(value: unknown): string {
  const text = value === undefined ? 'missing' : JSON.stringify(value).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?')
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text
}
