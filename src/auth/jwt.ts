// Verifies one bare token: syntax first, then signature and claims with jose. Every failure is the same refusal, with a fixed word for the log.
import type { KeyObject, webcrypto } from 'node:crypto'
import { errors, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions, type JWTVerifyResult, jwtVerify } from 'jose'
import type { AuthConfig } from '../config/config.js'
import type { Secret } from '../config/secret.js'
import { unmetClaims } from '../core/policy/claim-values.js'
import { RefusalError } from '../core/protocol/errors.js'
import type { Identity } from '../ports/caller.js'
import type { Health } from '../ports/health.js'
import { identityOf } from './claims.js'
import { createRemoteKeys, type RemoteKeysDeps } from './remote-keys.js'
import { isWellFormedToken } from './token-syntax.js'

/** Most keys of a set that one token is tried with, so that a forged token costs little. */
const MAX_TRIED_KEYS = 8

export interface TokenVerifier {
  /** Rejects with a `RefusalError` (`unauthenticated`) whose `why` is one fixed word. */
  verify(token: string): Promise<Identity>
  health(): Promise<Health>
}

/** Trusts the configuration that the key is strong enough and fits the algorithms. */
export function createTokenVerifier(config: AuthConfig, deps: RemoteKeysDeps): TokenVerifier {
  const { key } = config
  if (key.kind === 'jwks') {
    const keys = createRemoteKeys(key.url, deps)
    return { verify: createVerify(config, keys.keyFor, deps.now), health: keys.health }
  }
  const fixed = key.kind === 'secret' ? importedOnce(key.secret) : key.key
  return { verify: createVerify(config, fixed, deps.now), health: async () => ({ status: 'ok', detail: 'key configured' }) }
}

function createVerify(config: AuthConfig, key: KeyObject | JWTVerifyGetKey, now: () => number): TokenVerifier['verify'] {
  const options: JWTVerifyOptions = { algorithms: [...config.algorithms], clockTolerance: config.clockToleranceMs / 1000, requiredClaims: ['exp', 'sub'] }
  if (config.issuer !== undefined) options.issuer = config.issuer
  if (config.audience !== undefined) options.audience = config.audience
  return async (token) => {
    if (!isWellFormedToken(token)) throw new RefusalError('unauthenticated', 'malformed_token')
    try {
      const dated = { ...options, currentDate: new Date(now()) }
      const { payload } = await verifyWithKeys(token, key, dated)
      checkClient(payload, config)
      const identity = identityOf(payload, token)
      if (unmetClaims(identity.claims, config.requiredClaims ?? {}).length > 0) throw new RefusalError('unauthenticated', 'claim_required')
      return identity
    } catch (error) {
      throw error instanceof RefusalError ? error : new RefusalError('unauthenticated', causeOf(error))
    }
  }
}

/** Rejects with an error of jose, for which `causeOf` has a word, or with what finding the key failed with. */
export function verifyWithKeys(token: string, key: KeyObject | JWTVerifyGetKey, options: JWTVerifyOptions): Promise<JWTVerifyResult> {
  // jose takes a key or a function that finds one in the same place, but its types tell them apart.
  return jwtVerify(token, key as JWTVerifyGetKey, options).catch((error: unknown) => verifyWithOneOf(error, token, options))
}

/** A token for another service may name the same client, so without an audience to compare only a token that names none is taken. */
function checkClient(payload: JWTPayload, { audience, clientIds }: AuthConfig): void {
  if (!clientIds) return
  if (typeof payload.client_id !== 'string' || !clientIds.includes(payload.client_id)) throw new RefusalError('unauthenticated', 'wrong_client')
  if (audience === undefined && payload.aud !== undefined) throw new RefusalError('unauthenticated', 'wrong_audience')
}

/** Tries the keys that fit the token's kid, type and algorithm, if there are several. Rejects with `error` if there are not. */
async function verifyWithOneOf(error: unknown, token: string, options: JWTVerifyOptions): Promise<JWTVerifyResult> {
  if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
  let tried = 0
  for await (const key of error) {
    if (++tried > MAX_TRIED_KEYS) throw error
    try {
      return await jwtVerify(token, key, options)
    } catch (problem) {
      if (!(problem instanceof errors.JWSSignatureVerificationFailed)) throw problem
    }
  }
  throw new errors.JWSSignatureVerificationFailed()
}

/** Importing the secret for each token would cost as much as checking the token. jose asks only for algorithms that it was told to accept. */
function importedOnce(secret: Secret): JWTVerifyGetKey {
  const bytes = new Uint8Array(Buffer.from(secret.reveal(), 'utf8'))
  const keys = new Map<string, Promise<webcrypto.CryptoKey>>()
  return ({ alg }) => {
    let key = keys.get(alg)
    if (!key) {
      key = crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: `SHA-${alg.slice(2)}` }, false, ['verify'])
      keys.set(alg, key)
    }
    return key
  }
}

export function causeOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'expired'
  if (error instanceof errors.JWTClaimValidationFailed) return claimCause(error.claim)
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'bad_signature'
  if (error instanceof errors.JOSEAlgNotAllowed) return 'algorithm_not_allowed'
  if (error instanceof errors.JWKSNoMatchingKey) return 'unknown_key'
  if (error instanceof errors.JWKSMultipleMatchingKeys) return 'ambiguous_key'
  return 'invalid_token'
}

function claimCause(claim: string): string {
  const causes: Readonly<Record<string, string>> = { iss: 'wrong_issuer', aud: 'wrong_audience', nbf: 'not_yet_valid', exp: 'bad_expiry', sub: 'bad_subject' }
  return Object.hasOwn(causes, claim) ? (causes[claim] ?? 'bad_claim') : 'bad_claim'
}
