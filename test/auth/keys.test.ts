// From a key in the environment to a verified token: what each kind of key verifies, and nothing else.
import { createPrivateKey, generateKeyPairSync, type KeyObject, constants as padding, sign as signature } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { createAuthenticator } from '../../src/auth/authenticator.js'
import type { Fetch } from '../../src/auth/remote-keys.js'
import { loadAuthConfig } from '../../src/config/load.js'
import type { Authenticator } from '../../src/ports/caller.js'
import { connectClient } from '../support/realtime-client.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'
import { good, NOW, part, sign, whyOf } from './tokens.js'

let running: RunningRelay | undefined
afterEach(async () => {
  await running?.close()
  running = undefined
})

const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString()
const verifier = (env: Record<string, string>): Authenticator => createAuthenticator(loadAuthConfig(env), { now: () => NOW * 1000 })

/** Of a key of any RSA kind, which jose signs with only if it is a plain one. */
function signPss(claims: object, bits: 256 | 384 | 512, key: KeyObject): string {
  const text = `${part({ alg: `PS${bits}` })}.${part(claims)}`
  const bytes = signature(`sha${bits}`, Buffer.from(text), { key, padding: padding.RSA_PKCS1_PSS_PADDING, saltLength: bits / 8 })
  return `${text}.${bytes.toString('base64url')}`
}

describe('a public key', () => {
  it.each([
    ['RS256', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['PS384', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['ES256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['ES384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['ES512', () => generateKeyPairSync('ec', { namedCurve: 'P-521' })],
    ['EdDSA', () => generateKeyPairSync('ed25519')],
  ] as const)('verifies %s, and nothing made with the public key as a secret', async (alg, make) => {
    const pair = make()
    const text = pem(pair.publicKey)
    const auth = verifier({ JWT_PUBLIC_KEY: text, JWT_ALGORITHMS: alg })
    expect((await auth.verify(await sign(good, alg, pair.privateKey))).subject).toBe('alice')
    for (const secret of [text, text.trim(), JSON.stringify(pair.publicKey.export({ format: 'jwk' }))])
      expect(await whyOf(auth.verify(await sign(good, 'HS256', Buffer.from(secret))))).toBe('algorithm_not_allowed')
  })

  it.each([
    [undefined, ['RS256']],
    ['RS512', ['RS512']],
    ['PS256,RS256', ['PS256', 'RS256']],
  ])('of RSA with the algorithms %s verifies %j and nothing else', async (asked, verified) => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const auth = verifier({ JWT_PUBLIC_KEY: pem(pair.publicKey), ...(asked && { JWT_ALGORITHMS: asked }) })
    for (const alg of RSA) {
      const attempt = auth.verify(await sign(good, alg, pair.privateKey))
      if (verified.includes(alg)) expect((await attempt).subject).toBe('alice')
      else expect(await whyOf(attempt)).toBe('algorithm_not_allowed')
    }
  })

  it.each([
    [{}, undefined, 256],
    [{}, 'PS512', 512],
    [{ hashAlgorithm: 'sha256', mgf1HashAlgorithm: 'sha256', saltLength: 32 }, undefined, 256],
    [{ hashAlgorithm: 'sha384', mgf1HashAlgorithm: 'sha384' }, undefined, 384],
  ] as const)('of RSA-PSS with the parameters %j and the algorithms %s verifies PS%i and no other’s token', async (parameters, asked, bits) => {
    const make = () => generateKeyPairSync('rsa-pss', { modulusLength: 2048, ...parameters } as { modulusLength: number })
    const pair = make()
    const auth = verifier({ JWT_PUBLIC_KEY: pem(pair.publicKey), ...(asked && { JWT_ALGORITHMS: asked }) })
    expect((await auth.verify(signPss(good, bits, pair.privateKey))).subject).toBe('alice')
    expect(await whyOf(auth.verify(signPss(good, bits, make().privateKey)))).toBe('bad_signature')
  })

  it('of RSA-PSS lets a caller into a running relay', async () => {
    const pair = generateKeyPairSync('rsa-pss', { modulusLength: 2048 })
    running = await runRelay({ env: { JWT_SECRET: '', JWT_PUBLIC_KEY: pem(pair.publicKey) } })
    const client = await connectClient(
      `${running.wsUrl}/v1/realtime`,
      signPss({ ...good, exp: Date.now() / 1000 + 60 }, 256, createPrivateKey(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }))),
    )
    await client.next('session.created')
    client.close()
  })
})

describe('a secret', () => {
  it.each([
    [32, 'HS256'],
    [48, 'HS384'],
    [64, 'HS512'],
  ])('of %i bytes verifies %s and nothing else', async (bytes, algorithm) => {
    const secret = 'é'.repeat(bytes >> 1)
    const auth = verifier({ JWT_SECRET: secret, JWT_ALGORITHMS: algorithm })
    for (const alg of ['HS256', 'HS384', 'HS512']) {
      const attempt = auth.verify(await sign(good, alg, Buffer.from(secret)))
      if (alg === algorithm) expect((await attempt).subject).toBe('alice')
      else expect(await whyOf(attempt)).toBe('algorithm_not_allowed')
    }
  })
})

it('asks for a key set at once, without a token and without waiting for it; a configured key needs nobody', async () => {
  const calls: unknown[] = []
  const fetch: Fetch = (url) => {
    calls.push(url)
    return new Promise(() => {})
  }
  createAuthenticator(loadAuthConfig({ JWKS_URL: 'https://idp.example/keys', JWT_ISSUER: 'i', JWT_AUDIENCE: 'a' }), { fetch })
  expect(calls).toEqual([new URL('https://idp.example/keys')])
  expect(await verifier({ JWT_SECRET: 'x'.repeat(32) }).health()).toEqual({ status: 'ok', detail: 'key configured' })
})
