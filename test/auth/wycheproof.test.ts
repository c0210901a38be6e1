// Wycheproof's vectors of broken and odd signatures against the token front.
import { createPublicKey } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import type { JWK } from 'jose'
import { describe, expect, it } from 'vitest'
import { loadAuthConfig } from '../../src/config/load.js'
import type { Secret } from '../../src/config/secret.js'
import type { Authenticator } from '../../src/ports/caller.js'
import { authenticator, whyOf } from './tokens.js'

const corpus = new URL('../../../shared/corpora/wycheproof-jws/json_web_signature_test.json', import.meta.url)
const keyCorpus = new URL('../../../shared/corpora/wycheproof-jws/json_web_key_test.json', import.meta.url)

describe.skipIf(!existsSync(corpus))('Wycheproof vectors (skipped where ../shared/corpora is absent)', () => {
  interface Group {
    comment: string
    public?: JWK | { keys: JWK[] }
    private?: JWK | { keys: JWK[] }
    tests: { tcId: number; comment: string; jws: unknown; result: string }[]
  }
  const groups = (file: URL): Group[] => JSON.parse(readFileSync(file, 'utf8')).testGroups

  /** Undefined for a key that no relay can be configured with. */
  function verifierFor(jwk: JWK): Authenticator | undefined {
    if (jwk.kty === 'oct') {
      const secret = Buffer.from(jwk.k ?? '', 'base64url')
      const algorithms = ['HS256', 'HS384', 'HS512'].filter((name) => Number(name.slice(2)) / 8 <= secret.length)
      return algorithms.length > 0 ? authenticator({ key: { kind: 'secret', secret: { reveal: () => secret } as unknown as Secret }, algorithms }) : undefined
    }
    const JWT_PUBLIC_KEY = createPublicKey({ key: jwk as never, format: 'jwk' })
      .export({ type: 'spki', format: 'pem' })
      .toString()
    try {
      return authenticator(loadAuthConfig({ JWT_PUBLIC_KEY, ...(jwk.kty === 'RSA' && { JWT_ALGORITHMS: 'RS256,RS384,RS512,PS256,PS384,PS512' }) }))
    } catch {
      return undefined
    }
  }

  it('refuses every vector as a bearer token', async () => {
    const auth = authenticator()
    let count = 0
    for (const group of [...groups(corpus), ...groups(keyCorpus)])
      for (const test of group.tests) {
        const token = typeof test.jws === 'string' ? test.jws : JSON.stringify(test.jws)
        await whyOf(auth.authenticate({ headers: { authorization: `Bearer ${token}` }, query: new URLSearchParams() }))
        count++
      }
    expect(count).toBeGreaterThan(150)
  })

  it('accepts the signature under the group’s own key only if the vector is valid', async () => {
    // The vectors carry no claims, so a verified one is refused for its claims and an invalid one for another reason.
    const verified = new Set(['bad_expiry', 'bad_subject', 'invalid_token'])
    const wrong: string[] = []
    for (const group of groups(corpus)) {
      const jwk = (group.public ?? group.private) as JWK
      if (jwk.use === 'enc' || jwk.key_ops?.every((operation) => operation !== 'verify' && operation !== 'sign')) continue
      const auth = verifierFor(jwk)
      for (const test of auth ? group.tests : []) {
        const why = await whyOf(auth?.verify(typeof test.jws === 'string' ? test.jws : JSON.stringify(test.jws)) ?? Promise.reject(new Error('unreachable')))
        if (test.result === 'invalid' && (why === 'bad_expiry' || why === 'bad_subject')) wrong.push(`${test.tcId} ${test.comment}: ${why}`)
        // An empty payload is a valid JWS but not a JWT.
        if (test.result === 'valid' && !verified.has(why) && test.comment !== 'emptyPayload') wrong.push(`${test.tcId} ${test.comment}: ${why}`)
      }
    }
    expect(wrong).toEqual([])
  })
})
