// Tokens signed with a secret: what is accepted, what is refused, and with which reason.
import { SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { isWellFormedToken } from '../../src/auth/token-syntax.js'
import { authenticator, good, NOW, part, SECRET, sign, whyOf } from './tokens.js'

describe('token with a secret', () => {
  it('becomes an identity that holds nothing but the token’s claims', async () => {
    const token = await sign({ ...good, iss: 'me', jti: 'id-1', profile: 'vip', exp: NOW + 60.5 })
    const identity = await authenticator().verify(token)
    expect(identity).toMatchObject({ subject: 'alice', issuer: 'me', tokenId: 'id-1', expiresAtMs: (NOW + 60.5) * 1000, claims: { profile: 'vip' } })
    expect(Object.isFrozen(identity.claims)).toBe(true)
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['no exp', { sub: 'alice' }, 'bad_expiry'],
    ['exp in the past', { ...good, exp: NOW - 6 }, 'expired'],
    ['exp as text', { ...good, exp: String(NOW + 60) }, 'bad_expiry'],
    ['exp beyond any date', { ...good, exp: 1e300 }, 'bad_expiry'],
    ['nbf in the future', { ...good, nbf: NOW + 6 }, 'not_yet_valid'],
    ['nbf as text', { ...good, nbf: 'now' }, 'not_yet_valid'],
    ['iat as text', { ...good, iat: 'now' }, 'bad_claim'],
    ['no sub', { exp: NOW + 60 }, 'bad_subject'],
    ...[null, 7, {}, [], true, '', 'a'.repeat(257), 'a\r\nb', 'a\u0000', 'a\u202eb', 'a\u200bb', 'a\ud800', 'a\u2028'].map((sub): [string, Record<string, unknown>, string] => [
      `sub ${JSON.stringify(sub)?.slice(0, 20)}`,
      { ...good, sub },
      'bad_subject',
    ]),
    ['iss as list', { ...good, iss: ['me'] }, 'bad_claim_type'],
    ['jti as number', { ...good, jti: 7 }, 'bad_claim_type'],
    ['aud as object', { ...good, aud: { a: 1 } }, 'bad_claim_type'],
    ['aud as mixed list', { ...good, aud: ['a', 7] }, 'bad_claim_type'],
  ])('refuses %s', async (_name, claims, why) => {
    expect(await whyOf(authenticator().verify(await sign(claims)))).toBe(why)
  })

  it('accepts a clock that is off by the tolerance, in both directions', async () => {
    const auth = authenticator()
    await auth.verify(await sign({ ...good, exp: NOW - 4 }))
    await auth.verify(await sign({ ...good, nbf: NOW + 4 }))
  })

  it.each(['a'.repeat(256), 'Zoë', 'user@example.com', '用户', 'a b*?[]{}:%'])('takes the subject %j as it is', async (sub) => {
    expect((await authenticator().verify(await sign({ ...good, sub }))).subject).toBe(sub)
  })

  it('requires the exact issuer and audience if they are configured', async () => {
    const auth = authenticator({ issuer: 'https://idp.example', audience: 'relay' })
    await auth.verify(await sign({ ...good, iss: 'https://idp.example', aud: 'relay' }))
    await auth.verify(await sign({ ...good, iss: 'https://idp.example', aud: ['other', 'relay'] }))
    for (const iss of [undefined, 'https://idp.example/', 'HTTPS://idp.example', 'https://idp.example.evil', ['https://idp.example']])
      expect(await whyOf(auth.verify(await sign({ ...good, aud: 'relay', ...(iss === undefined ? {} : { iss }) })))).toBe('wrong_issuer')
    for (const aud of [undefined, 'Relay', 'relay2', ['x'], ''])
      expect(await whyOf(auth.verify(await sign({ ...good, iss: 'https://idp.example', ...(aud === undefined ? {} : { aud }) })))).toBe('wrong_audience')
  })

  it('refuses other algorithms for any header', async () => {
    const auth = authenticator({ algorithms: ['HS256'] })
    const [, claims = '', signature = ''] = (await sign(good)).split('.')
    for (const header of [{ alg: 'none' }, { alg: 'None' }, { alg: 'HS512' }, {}, { alg: ['HS256'] }, { alg: null }, { alg: 'hs256' }, { alg: 'RS256' }])
      expect(['algorithm_not_allowed', 'malformed_token', 'invalid_token']).toContain(await whyOf(auth.verify(`${part(header)}.${claims}.${signature}`)))
    expect(await whyOf(auth.verify(await sign(good, 'HS512')))).toBe('algorithm_not_allowed')
    expect(await whyOf(auth.verify(`${part('{"alg":"none","alg":"HS256"}')}.${claims}.${signature}`))).toBe('malformed_token')
  })

  it('refuses a foreign signature and a changed payload', async () => {
    const auth = authenticator()
    expect(await whyOf(auth.verify(await sign(good, 'HS256', Buffer.alloc(32, 1))))).toBe('bad_signature')
    const [header, , signature] = (await sign(good)).split('.')
    expect(await whyOf(auth.verify(`${header}.${part({ ...good, sub: 'bob' })}.${signature}`))).toBe('bad_signature')
  })

  it('refuses critical extensions and unencoded payloads', async () => {
    const auth = authenticator()
    const token = await new SignJWT(good).setProtectedHeader({ alg: 'HS256', crit: ['b64'], b64: true }).sign(Buffer.from(SECRET))
    expect((await auth.verify(token)).subject).toBe('alice')
    const [, claims = '', signature = ''] = token.split('.')
    for (const header of [
      { alg: 'HS256', crit: ['x'], x: 1 },
      { alg: 'HS256', crit: ['b64'], b64: false },
    ])
      await whyOf(auth.verify(`${part(header)}.${claims}.${signature}`))
  })

  it('checks the syntax before anything else', async () => {
    const auth = authenticator()
    const token = await sign(good)
    const [header = '', claims = '', signature = ''] = token.split('.')
    for (const bad of [
      '',
      '.',
      '..',
      `${header}..${signature}`,
      `${header}.${claims}.`,
      `${header}.${claims}`,
      `${token}.x`,
      `${token}=`,
      ` ${token}`,
      `${token}\n`,
      `${header}.${claims} .${signature}`,
      `${header}.${claims}.${signature.slice(0, -1)}+`,
      `${header}.${claims}.${signature.slice(0, -1)}é`,
      `${header}.${claims}.${'A'.repeat(16_384)}`,
      `${part({ alg: 'HS256', kid: 'k'.repeat(16_384) })}.${claims}.${signature}`,
      `${part(`${'['.repeat(3000)}`)}.${claims}.${signature}`,
      'a.b.c.d.e',
    ])
      expect(await whyOf(auth.verify(bad))).toBe('malformed_token')
    expect(isWellFormedToken(token)).toBe(true)
  })

  it('takes a token of 16384 bytes, whatever part of it is long, and none that is a byte longer', async () => {
    const auth = authenticator()
    const signed = (claims: object, padding: object) => new SignJWT({ ...good, ...claims }).setProtectedHeader({ alg: 'HS256', ...padding }).sign(Buffer.from(SECRET))
    expect((await auth.verify(await signed({}, { x5c: ['c'.repeat(6000), 'c'.repeat(6000)] }))).subject).toBe('alice')
    const lengths = new Map<number, string>()
    for (let pad = 12_100; pad < 12_250; pad++) {
      const token = await signed({ pad: 'p'.repeat(pad) }, {})
      lengths.set(token.length, token)
    }
    expect((await auth.verify(lengths.get(16_384) ?? '')).subject).toBe('alice')
    expect(await whyOf(auth.verify(lengths.get(16_385) ?? lengths.get(16_386) ?? ''))).toBe('malformed_token')
  })

  it('has one spelling per token: unused bits must be zero', async () => {
    const token = await sign(good)
    const last = token.at(-1) ?? ''
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const other = alphabet[alphabet.indexOf(last) ^ 1] ?? ''
    expect(await whyOf(authenticator().verify(token.slice(0, -1) + other))).toBe('malformed_token')
  })

  it('answers 300 bad tokens at once without blocking the event loop', async () => {
    const auth = authenticator()
    const token = await sign(good, 'HS256', Buffer.alloc(32, 1))
    let longest = 0
    let last = performance.now()
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }, 1)
    await Promise.all(Array.from({ length: 300 }, () => whyOf(auth.verify(token))))
    clearInterval(timer)
    expect(longest).toBeLessThan(1000)
  })

  it('refuses a missing credential', async () => {
    expect(await whyOf(authenticator().authenticate({ headers: {}, query: new URLSearchParams() }))).toBe('no_credential')
  })
})
