// Keys at start: which are refused, with a message that names the setting, and what the accepted ones verify.
import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { AuthConfig } from '../../src/config-shape.js'
import { Secret } from '../../src/core/secret.js'
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
})
