// Tokens against a secret or a public key: what is accepted, what is refused and under which word.
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { type JWK, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { createAuthenticator } from '../../src/auth/authenticator.js'
import { isWellFormedToken } from '../../src/auth/token-syntax.js'
import type { AuthConfig } from '../../src/config-shape.js'
import { RefusalError } from '../../src/core/protocol/errors.js'
import { Secret } from '../../src/core/secret.js'
import type { Authenticator } from '../../src/ports.js'

const SECRET = 'correct-horse-battery-staple-0123456789-abcdefghijklmnopqrstuvwxyz'
const NOW = 1_800_000_000
const base: AuthConfig = {
  key: { kind: 'secret', secret: new Secret(SECRET) },
  issuer: undefined,
  audience: undefined,
  algorithms: [],
  clockToleranceMs: 5000,
  allowQueryToken: false,
}
const authenticator = (over: Partial<AuthConfig> = {}): Promise<Authenticator> => createAuthenticator({ ...base, ...over }, { now: () => NOW * 1000 })

function part(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}
const sign = (claims: Record<string, unknown>, alg = 'HS256', key: Uint8Array | Parameters<SignJWT['sign']>[0] = Buffer.from(SECRET)): Promise<string> =>
  new SignJWT(claims).setProtectedHeader({ alg }).sign(key)
const good = { sub: 'alice', exp: NOW + 60 }

async function whyOf(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(RefusalError)
  expect((error as RefusalError).code).toBe('unauthenticated')
  expect((error as RefusalError).why).toMatch(/^[a-z_]{1,40}$/)
  return (error as RefusalError).why
}

describe('token with a secret', () => {
  it('becomes an identity made of the token alone', async () => {
    const token = await sign({ ...good, iss: 'me', jti: 'id-1', profile: 'vip', exp: NOW + 60.5 })
    const identity = await (await authenticator()).verify(token)
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
    expect(await whyOf((await authenticator()).verify(await sign(claims)))).toBe(why)
  })

  it('tolerates a clock that is off by the tolerance, both ways', async () => {
    const auth = await authenticator()
    await auth.verify(await sign({ ...good, exp: NOW - 4 }))
    await auth.verify(await sign({ ...good, nbf: NOW + 4 }))
  })

  it.each(['a'.repeat(256), 'Zoë', 'user@example.com', '用户', 'a b*?[]{}:%'])('takes the subject %j as it is', async (sub) => {
    expect((await (await authenticator()).verify(await sign({ ...good, sub }))).subject).toBe(sub)
  })

  it('wants issuer and audience, exactly, when configured', async () => {
    const auth = await authenticator({ issuer: 'https://idp.example', audience: 'relay' })
    await auth.verify(await sign({ ...good, iss: 'https://idp.example', aud: 'relay' }))
    await auth.verify(await sign({ ...good, iss: 'https://idp.example', aud: ['other', 'relay'] }))
    for (const iss of [undefined, 'https://idp.example/', 'HTTPS://idp.example', 'https://idp.example.evil', ['https://idp.example']])
      expect(await whyOf(auth.verify(await sign({ ...good, aud: 'relay', ...(iss === undefined ? {} : { iss }) })))).toBe('wrong_issuer')
    for (const aud of [undefined, 'Relay', 'relay2', ['x'], ''])
      expect(await whyOf(auth.verify(await sign({ ...good, iss: 'https://idp.example', ...(aud === undefined ? {} : { aud }) })))).toBe('wrong_audience')
  })

  it('refuses other algorithms, whatever the header says', async () => {
    const auth = await authenticator({ algorithms: ['HS256'] })
    const [, claims = '', signature = ''] = (await sign(good)).split('.')
    for (const header of [{ alg: 'none' }, { alg: 'None' }, { alg: 'HS512' }, {}, { alg: ['HS256'] }, { alg: null }, { alg: 'hs256' }, { alg: 'RS256' }])
      expect(['algorithm_not_allowed', 'malformed_token', 'invalid_token']).toContain(await whyOf(auth.verify(`${part(header)}.${claims}.${signature}`)))
    expect(await whyOf(auth.verify(await sign(good, 'HS512')))).toBe('algorithm_not_allowed')
    expect(await whyOf(auth.verify(`${part('{"alg":"none","alg":"HS256"}')}.${claims}.${signature}`))).toBe('malformed_token')
  })

  it('refuses a foreign signature and a changed payload', async () => {
    const auth = await authenticator()
    expect(await whyOf(auth.verify(await sign(good, 'HS256', Buffer.alloc(32, 1))))).toBe('bad_signature')
    const [header, , signature] = (await sign(good)).split('.')
    expect(await whyOf(auth.verify(`${header}.${part({ ...good, sub: 'bob' })}.${signature}`))).toBe('bad_signature')
  })

  it('refuses critical extensions and unencoded payloads', async () => {
    const auth = await authenticator()
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
    const auth = await authenticator()
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
      `${header}.${claims}.${'A'.repeat(8192)}`,
      `${part({ alg: 'HS256', kid: 'k'.repeat(6000) })}.${claims}.${signature}`,
      `${part(`${'['.repeat(3000)}`)}.${claims}.${signature}`,
      'a.b.c.d.e',
    ])
      expect(await whyOf(auth.verify(bad))).toBe('malformed_token')
    expect(isWellFormedToken(token)).toBe(true)
  })

  it('has one spelling per token: unused bits must be zero', async () => {
    const token = await sign(good)
    const last = token.at(-1) ?? ''
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const other = alphabet[alphabet.indexOf(last) ^ 1] ?? ''
    expect(await whyOf((await authenticator()).verify(token.slice(0, -1) + other))).toBe('malformed_token')
  })

  it('answers 300 bad tokens at once without holding up the loop', async () => {
    const auth = await authenticator()
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
    expect(await whyOf((await authenticator()).authenticate({ headers: {}, query: new URLSearchParams() }))).toBe('no_credential')
  })
})

describe('keys at start', () => {
  const rsa = (bits: number): string => generateKeyPairSync('rsa', { modulusLength: bits }).publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const pem = (type: 'ec', curve: string): string => generateKeyPairSync(type, { namedCurve: curve }).publicKey.export({ type: 'spki', format: 'pem' }).toString()

  it.each<[string, Partial<AuthConfig>, RegExp]>([
    ['a short secret', { key: { kind: 'secret', secret: new Secret('x'.repeat(31)) } }, /JWT_SECRET: HS256 needs at least 32 bytes, it has 31/],
    ['a secret short for HS384', { key: { kind: 'secret', secret: new Secret('x'.repeat(47)) }, algorithms: ['HS384'] }, /HS384 needs at least 48 bytes/],
    ['a secret short for HS512', { key: { kind: 'secret', secret: new Secret('x'.repeat(63)) }, algorithms: ['HS256', 'HS512'] }, /HS512 needs at least 64 bytes/],
    ['RS256 with a secret', { algorithms: ['RS256'] }, /JWT_ALGORITHMS: RS256/],
    ['none', { algorithms: ['none'] }, /JWT_ALGORITHMS: none/],
    ['a prototype name', { algorithms: ['constructor'] }, /JWT_ALGORITHMS: constructor/],
    ['a small RSA key', { key: { kind: 'public', pem: rsa(1024) } }, /at least 2048 bits, it has 1024/],
    ['HS256 with a public key', { key: { kind: 'public', pem: rsa(2048) }, algorithms: ['HS256'] }, /JWT_ALGORITHMS: HS256/],
    ['ES384 with a P-256 key', { key: { kind: 'public', pem: pem('ec', 'P-256') }, algorithms: ['ES384'] }, /JWT_ALGORITHMS: ES384/],
    ['an odd curve', { key: { kind: 'public', pem: pem('ec', 'secp256k1') } }, /curve/],
    ['nonsense', { key: { kind: 'public', pem: 'secret nonsense' } }, /PEM/],
    ['a private key', { key: { kind: 'public', pem: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() } }, /private key/],
    ['a key set without issuer', { key: { kind: 'jwks', url: new URL('http://127.0.0.1:1/') }, audience: 'a' }, /JWT_ISSUER/],
    [
      'a key set with a secret’s algorithm',
      { key: { kind: 'jwks', url: new URL('http://127.0.0.1:1/') }, audience: 'a', issuer: 'i', algorithms: ['HS256'] },
      /JWT_ALGORITHMS: HS256/,
    ],
  ])('refuses %s', async (_name, over, message) => {
    const error = await authenticator(over).then(
      () => undefined,
      (reason: unknown) => reason as Error,
    )
    expect(error?.message).toMatch(message)
    expect(error?.message).not.toMatch(/xxxx|nonsense/)
  })

  it.each([
    ['RS256', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['PS384', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['ES256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['ES384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['ES512', () => generateKeyPairSync('ec', { namedCurve: 'P-521' })],
    ['EdDSA', () => generateKeyPairSync('ed25519')],
  ] as const)('verifies %s, and nothing made with the public key as a secret', async (alg, make) => {
    const pair = make()
    const text = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const auth = await authenticator({ key: { kind: 'public', pem: text } })
    expect((await auth.verify(await sign(good, alg, pair.privateKey))).subject).toBe('alice')
    for (const secret of [text, text.trim(), JSON.stringify(pair.publicKey.export({ format: 'jwk' }))])
      expect(await whyOf(auth.verify(await sign(good, 'HS256', Buffer.from(secret))))).toBe('algorithm_not_allowed')
  })
})

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

  it('refuses every vector as a bearer token', async () => {
    const auth = await authenticator()
    let count = 0
    for (const group of [...groups(corpus), ...groups(keyCorpus)])
      for (const test of group.tests) {
        const token = typeof test.jws === 'string' ? test.jws : JSON.stringify(test.jws)
        await whyOf(auth.authenticate({ headers: { authorization: `Bearer ${token}` }, query: new URLSearchParams() }))
        count++
      }
    expect(count).toBeGreaterThan(150)
  })

  it('gets past the signature under the group’s own key only where a vector is valid', async () => {
    // The vectors carry no claims, so a verified one is refused for that and an invalid one for anything else.
    const verified = new Set(['bad_expiry', 'bad_subject', 'invalid_token'])
    const wrong: string[] = []
    for (const group of groups(corpus)) {
      const jwk = (group.public ?? group.private) as JWK
      if (jwk.use === 'enc' || jwk.key_ops?.every((operation) => operation !== 'verify' && operation !== 'sign')) continue
      const key: AuthConfig['key'] =
        jwk.kty === 'oct'
          ? { kind: 'secret', secret: { reveal: () => Buffer.from(jwk.k ?? '', 'base64url') } as unknown as Secret }
          : {
              kind: 'public',
              pem: createPublicKey({ key: jwk as never, format: 'jwk' })
                .export({ type: 'spki', format: 'pem' })
                .toString(),
            }
      const auth = await authenticator({ key }).catch(() => undefined)
      for (const test of auth ? group.tests : []) {
        const why = await whyOf(auth?.verify(typeof test.jws === 'string' ? test.jws : JSON.stringify(test.jws)) ?? Promise.reject(new Error('unreachable')))
        if (test.result === 'invalid' && (why === 'bad_expiry' || why === 'bad_subject')) wrong.push(`${test.tcId} ${test.comment}: ${why}`)
        // An empty payload is a valid JWS and no JWT.
        if (test.result === 'valid' && !verified.has(why) && test.comment !== 'emptyPayload') wrong.push(`${test.tcId} ${test.comment}: ${why}`)
      }
    }
    expect(wrong).toEqual([])
  })
})
