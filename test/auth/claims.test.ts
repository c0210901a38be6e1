// Every bound of a token's claims at its edge: the last value that passes, and the first that does not.
import { describe, expect, it } from 'vitest'
import { authenticator, good, sign, whyOf } from './tokens.js'

describe('claims', () => {
  it.each<[string, object, object, string]>([
    ['sub', { sub: 's'.repeat(256) }, { sub: 's'.repeat(257) }, 'bad_subject'],
    ['sub not empty', { sub: 's' }, { sub: '' }, 'bad_subject'],
    ['exp', { exp: 8_640_000_000_000 }, { exp: 8_640_000_000_001 }, 'bad_expiry'],
    ['iss', { iss: 'i'.repeat(1024) }, { iss: 'i'.repeat(1025) }, 'bad_claim_type'],
    ['jti', { jti: 'j'.repeat(1024) }, { jti: 'j'.repeat(1025) }, 'bad_claim_type'],
    ['aud of strings', { aud: ['a', 'b'] }, { aud: ['a', 7] }, 'bad_claim_type'],
  ])('%s', async (_, last, first, why) => {
    const front = authenticator()
    const identity = await front.verify(await sign({ ...good, ...last }))
    expect(identity.claims).toMatchObject(last)
    expect(await whyOf(front.verify(await sign({ ...good, ...first })))).toBe(why)
  })

  it('become a caller that cannot be changed', async () => {
    const identity = await authenticator().verify(await sign({ ...good, iss: 'i', jti: 'j', team: 'blue' }))
    expect(identity).toMatchObject({ subject: 'alice', issuer: 'i', tokenId: 'j', expiresAtMs: good.exp * 1000 })
    expect(Object.isFrozen(identity.claims)).toBe(true)
  })
})
