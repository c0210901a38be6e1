// Checks what Azure Communication Services and Event Grid show: RS256 tokens of one issuer for one audience, or a secret in the query.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { JWTPayload } from 'jose'
import type { AcsConfig } from '../config/config.js'
import type { Secret } from '../config/secret.js'
import { RefusalError } from '../core/protocol/errors.js'
import type { CarrierTokens } from '../ports/carrier-tokens.js'
import { causeOf, verifyWithKeys } from './jwt.js'
import { createRemoteKeys, type RemoteKeysDeps } from './remote-keys.js'
import { isWellFormedToken } from './token-syntax.js'

/** The clocks of two companies. */
const CLOCK_TOLERANCE_S = 60
const BEARER = /^bearer +(\S+) *$/i
/** The query's name for the secret of Event Grid. */
const SECRET_NAME = 'secret'
const MAX_SECRET_LENGTH = 1024

type Verify = (authorization: readonly string[] | undefined) => Promise<void>

/** Asks for key sets at once and does not wait for them. `deps.fetch` reaches both key hosts. */
export function createCarrierTokens(config: Pick<AcsConfig, 'issuer' | 'resourceId' | 'keysUrl' | 'eventGrid'>, deps: RemoteKeysDeps): CarrierTokens {
  const { secrets, token } = config.eventGrid
  const checkCall = createVerify({ issuer: config.issuer, audience: config.resourceId, keysUrl: config.keysUrl }, deps)
  const byToken = token && createVerify(token, deps)
  const digests = secrets.map((secret: Secret) => digestOf(secret.reveal()))
  return {
    checkCall,
    async checkDelivery({ authorization, query }) {
      const shown = query.getAll(SECRET_NAME)
      if (shown.length > 0) {
        if (shown.length > 1 || !isOneOf(shown[0] ?? '', digests)) throw new RefusalError('unauthenticated', 'wrong_secret')
        return
      }
      if (!byToken) throw new RefusalError('unauthenticated', 'no_credential')
      await byToken(authorization)
    },
  }
}

function createVerify(expected: { issuer: string; audience: string; keysUrl: URL; appId?: string | undefined }, deps: RemoteKeysDeps): Verify {
  const keys = createRemoteKeys(expected.keysUrl, deps)
  void keys.health()
  const options = { algorithms: ['RS256'], issuer: expected.issuer, audience: expected.audience, clockTolerance: CLOCK_TOLERANCE_S, requiredClaims: ['exp'] }
  return async (authorization = []) => {
    const token = authorization.length === 1 ? BEARER.exec(authorization[0] ?? '')?.[1] : undefined
    if (token === undefined) throw new RefusalError('unauthenticated', authorization.length > 1 ? 'two_credentials' : 'no_credential')
    if (!isWellFormedToken(token)) throw new RefusalError('unauthenticated', 'malformed_token')
    let payload: JWTPayload
    try {
      payload = (await verifyWithKeys(token, keys.keyFor, { ...options, currentDate: new Date(deps.now()) })).payload
    } catch (error) {
      throw error instanceof RefusalError ? error : new RefusalError('unauthenticated', causeOf(error))
    }
    if (expected.appId !== undefined && !isOfApp(payload, expected.appId)) throw new RefusalError('unauthenticated', 'wrong_client')
  }
}

/** Entra's first version of tokens says `appid`, its second `azp`. A token that says both must mean one. */
function isOfApp({ appid, azp }: JWTPayload, appId: string): boolean {
  const named = [appid, azp].filter((name) => name !== undefined)
  return named.length > 0 && named.every((name) => name === appId)
}

/** Compares digests, so neither the time nor a difference in length tells anything. All are compared, whichever fits. */
function isOneOf(shown: string, digests: readonly Buffer[]): boolean {
  if (shown.length === 0 || shown.length > MAX_SECRET_LENGTH) return false
  const digest = digestOf(shown)
  return digests.filter((one) => timingSafeEqual(one, digest)).length > 0
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
