// Signs a token with the shared secret, for development and tests: `realtime-relay token` and the demo.
import { SignJWT } from 'jose'
import type { AuthConfig } from '../config/config.js'
import { claimValues } from '../core/policy/claim-values.js'

export interface MintOptions {
  readonly subject: string
  readonly ttlSeconds: number
  /** Further claims. `sub`, `exp`, `iat`, `iss`, `aud` and `client_id` come from elsewhere and win. What the configuration requires is added. */
  readonly claims?: Readonly<Record<string, unknown>>
}

/** Rejects unless tokens are verified with a shared secret: only then does the relay hold a key that can sign. */
export async function mintToken(auth: AuthConfig, options: MintOptions): Promise<string> {
  if (auth.key.kind !== 'secret') throw new Error('JWT_SECRET is required to sign a token')
  const algorithm = auth.algorithms.find((name) => name.startsWith('HS')) ?? 'HS256'
  const jwt = new SignJWT({ ...withRequired(options.claims ?? {}, auth), ...(auth.clientIds && { client_id: auth.clientIds[0] }) })
    .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
    .setSubject(options.subject)
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + options.ttlSeconds)
  if (auth.issuer !== undefined) jwt.setIssuer(auth.issuer)
  if (auth.audience !== undefined) jwt.setAudience(auth.audience)
  return jwt.sign(new TextEncoder().encode(auth.key.secret.reveal()))
}

/** A path stands as one name, which is read first. */
function withRequired(claims: Readonly<Record<string, unknown>>, { requiredClaims = {} }: AuthConfig): Readonly<Record<string, unknown>> {
  const added = Object.entries(requiredClaims).flatMap(([name, allowed]) => {
    const given = claimValues(claims, name)
    if (given.some((value) => allowed.includes(value))) return []
    return [[name, given.length === 0 ? allowed[0] : [...given, allowed[0]]]]
  })
  return { ...claims, ...Object.fromEntries(added) }
}
