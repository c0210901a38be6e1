// Every bound of a token's claims at its edge: the last value that passes, and the first that does not.
import { describe, expect, it } from 'vitest'
import type { AuthConfig } from '../../src/config/config.js'
import { authenticator, good, sign, signText, whyOf } from './tokens.js'

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

  it.each([
    ['2512292042121000001', '2512292042121000001'],
    ['-9007199254740993', '-9007199254740993'],
    ['1e400', '1e400'],
    ['3.14159265358979323846', '3.14159265358979323846'],
    ['9007199254740991', 9007199254740991],
    ['1.0', 1],
    ['12e2', 1200],
  ])('the number %s is read as %o, at any depth', async (number, value) => {
    const identity = await authenticator().verify(signText(`{"sub":"alice","exp":${good.exp},"org":{"ids":[${number}]},"account":${number},"text":"1234567890123456"}`))
    expect(identity.claims).toEqual({ ...good, org: { ids: [value] }, account: value, text: '1234567890123456' })
  })

  it.each<[string, { audience?: string; clientIds?: readonly string[] }, object, string]>([
    ['the client of an access token', { clientIds: ['app'] }, { client_id: 'app' }, 'accepted'],
    ['one of several clients', { clientIds: ['web', 'app'] }, { client_id: 'app' }, 'accepted'],
    ['several clients at once', { clientIds: ['web', 'app'] }, { client_id: 'web,app' }, 'wrong_client'],
    ['another client', { clientIds: ['app'] }, { client_id: 'App' }, 'wrong_client'],
    ['no client', { clientIds: ['app'] }, {}, 'wrong_client'],
    ['a list of clients', { clientIds: ['app'] }, { client_id: ['app'] }, 'wrong_client'],
    ['a token made for a service, by the same client', { clientIds: ['app'] }, { client_id: 'app', aud: 'other' }, 'wrong_audience'],
    ['an ID token', { clientIds: ['app'] }, { aud: 'app' }, 'wrong_client'],
    ['an empty audience', { clientIds: ['app'] }, { client_id: 'app', aud: [] }, 'wrong_audience'],
    ['both', { clientIds: ['app'], audience: 'relay' }, { client_id: 'app', aud: 'relay' }, 'accepted'],
    ['both wanted, one there', { clientIds: ['app'], audience: 'relay' }, { client_id: 'app' }, 'wrong_audience'],
    ['both wanted, the other there', { clientIds: ['app'], audience: 'relay' }, { aud: 'relay' }, 'wrong_client'],
    ['no audience, as ever', { audience: 'relay' }, { client_id: 'relay' }, 'wrong_audience'],
  ])('%s', async (_what, config, claims, outcome) => {
    const attempt = authenticator(config).verify(await sign({ ...good, ...claims }))
    if (outcome === 'accepted') expect((await attempt).subject).toBe('alice')
    else expect(await whyOf(attempt)).toBe(outcome)
  })

  it.each<[string, Required<AuthConfig>['requiredClaims'], object, string]>([
    ['what is required', { scp: ['Talk'], 'realm.roles': ['a', 'staff'] }, { scp: 'Read Talk', realm: { roles: ['staff'] } }, 'accepted'],
    ['a number beyond 2^53, digit by digit', { org: ['9007199254740993'] }, { org: '9007199254740993' }, 'accepted'],
    ['one of two', { scp: ['Talk'], typ: ['Bearer'] }, { scp: 'Talk' }, 'claim_required'],
    ['another spelling', { typ: ['Bearer'] }, { typ: 'bearer' }, 'claim_required'],
    ['nothing', { typ: ['Bearer'] }, {}, 'claim_required'],
    ['a wrong audience, which is told first', { typ: ['Bearer'] }, { aud: 'other' }, 'wrong_audience'],
  ])('%s', async (_what, requiredClaims, claims, outcome) => {
    const attempt = authenticator({ audience: 'relay', requiredClaims }).verify(await sign({ ...good, aud: 'relay', ...claims }))
    if (outcome === 'accepted') expect((await attempt).subject).toBe('alice')
    else expect(await whyOf(attempt)).toBe(outcome)
  })

  it('a number is no subject, however long', async () => {
    expect(await whyOf(authenticator().verify(signText(`{"sub":2512292042121000001,"exp":${good.exp}}`)))).toBe('bad_subject')
    expect((await authenticator().verify(signText(`{"sub":"2512292042121000001","exp":${good.exp}.0000000000000001}`))).subject).toBe('2512292042121000001')
  })

  it.each(['iss', 'jti', 'aud'])('a number is no %s, however long', async (claim) => {
    expect(await whyOf(authenticator().verify(signText(`{"sub":"alice","exp":${good.exp},"${claim}":2512292042121000001}`)))).toBe('bad_claim_type')
  })

  it.each(['iat', 'nbf'])('%s stays a number, however it is written', async (claim) => {
    const identity = await authenticator().verify(signText(`{"sub":"alice","exp":${good.exp},"${claim}":1700000000.0000000000000001}`))
    expect(identity.claims[claim]).toBe(1_700_000_000)
  })

  it('nested beyond reading are refused', async () => {
    const deep = '['.repeat(2500)
    const attempt = authenticator().verify(signText(`{"sub":"alice","exp":${good.exp},"n":1e400,"a":${deep}${deep.replaceAll('[', ']')}}`))
    await attempt.catch((error) => expect(error).toMatchObject({ code: 'unauthenticated' }))
  })

  it('become a caller that cannot be changed', async () => {
    const identity = await authenticator().verify(await sign({ ...good, iss: 'i', jti: 'j', team: 'blue' }))
    expect(identity).toMatchObject({ subject: 'alice', issuer: 'i', tokenId: 'j', expiresAtMs: good.exp * 1000 })
    expect(Object.isFrozen(identity.claims)).toBe(true)
  })
})
