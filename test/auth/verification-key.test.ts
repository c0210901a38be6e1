// Keys at start: which are refused with a message that names the setting, and which algorithms the accepted ones verify.
import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createAuthenticator } from '../../src/auth/authenticator.js'
import type { Fetch } from '../../src/auth/remote-keys.js'
import type { AuthConfig } from '../../src/config/config.js'
import { Secret } from '../../src/config/secret.js'
import { authenticator, good, sign, whyOf } from './tokens.js'

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

  it.each([
    [32, ['HS256']],
    [47, ['HS256']],
    [48, ['HS256', 'HS384']],
    [63, ['HS256', 'HS384']],
    [64, ['HS256', 'HS384', 'HS512']],
  ])('a secret of %i bytes verifies %j and nothing else', async (bytes, algorithms) => {
    const secret = 'é'.repeat(bytes >> 1) + 'x'.repeat(bytes % 2)
    const auth = await authenticator({ key: { kind: 'secret', secret: new Secret(secret) } })
    for (const alg of ['HS256', 'HS384', 'HS512']) {
      const attempt = auth.verify(await sign(good, alg, Buffer.concat([Buffer.from(secret)])))
      if (algorithms.includes(alg)) expect((await attempt).subject).toBe('alice')
      else expect(await whyOf(attempt)).toBe('algorithm_not_allowed')
    }
  })

  it.each([
    ['rsa', [], ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
    ['rsa', ['RS512'], ['RS512']],
    ['rsa', ['PS256', 'RS256'], ['PS256', 'RS256']],
  ] as const)('a public %s key with the algorithms %j verifies %j and nothing else', async (type, algorithms, verified) => {
    const pair = generateKeyPairSync(type, { modulusLength: 2048 })
    const auth = await authenticator({ key: { kind: 'public', pem: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString() }, algorithms })
    for (const alg of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']) {
      const attempt = auth.verify(await sign(good, alg, pair.privateKey))
      if ((verified as readonly string[]).includes(alg)) expect((await attempt).subject).toBe('alice')
      else expect(await whyOf(attempt)).toBe('algorithm_not_allowed')
    }
  })

  it('names every algorithm that would fit if a configured one does not', async () => {
    const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const edwards = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const attempts: [Partial<AuthConfig>, string][] = [
      [{ algorithms: ['RS256'] }, 'JWT_ALGORITHMS: RS256 cannot be used with JWT_SECRET, only HS256, HS384, HS512 can'],
      [{ key: { kind: 'public', pem: pss }, algorithms: ['RS256'] }, 'JWT_ALGORITHMS: RS256 cannot be used with JWT_PUBLIC_KEY, only PS256, PS384, PS512 can'],
      [{ key: { kind: 'public', pem: edwards }, algorithms: ['ES256'] }, 'JWT_ALGORITHMS: ES256 cannot be used with JWT_PUBLIC_KEY, only EdDSA, Ed25519 can'],
      [{ key: { kind: 'public', pem: rsa(2040) } }, 'JWT_PUBLIC_KEY: an RSA key needs at least 2048 bits, it has 2040'],
      [
        { key: { kind: 'public', pem: generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'pem' }).toString() } },
        'JWT_PUBLIC_KEY: keys of type x25519 cannot be used',
      ],
      [
        { key: { kind: 'jwks', url: new URL('http://127.0.0.1:1/') }, audience: 'a', issuer: 'i', algorithms: ['HS256'] },
        'JWT_ALGORITHMS: HS256 cannot be used with JWKS_URL, only RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519 can',
      ],
      [{ key: { kind: 'jwks', url: new URL('http://127.0.0.1:1/') }, issuer: 'i' }, 'JWKS_URL: JWT_ISSUER and JWT_AUDIENCE are required with it'],
    ]
    for (const [over, message] of attempts) await expect(authenticator(over)).rejects.toThrow(message)
  })

  it('fetches a key set at once, before any token and without waiting for it; a configured key needs no fetch', async () => {
    const calls: unknown[] = []
    const config: AuthConfig = {
      key: { kind: 'jwks', url: new URL('https://idp.example/keys') },
      issuer: 'i',
      audience: 'a',
      algorithms: [],
      clockToleranceMs: 0,
      allowQueryToken: false,
    }
    const fetch: Fetch = (url) => {
      calls.push(url)
      return new Promise(() => {})
    }
    await createAuthenticator(config, { fetch })
    expect(calls).toEqual([new URL('https://idp.example/keys')])
    expect(await (await authenticator()).health()).toEqual({ status: 'ok', detail: 'key configured' })
  })
})
