// Tokens that the relay signs for development: what is in them, and that the relay itself accepts them.
import { generateKeyPairSync } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { expect, it } from 'vitest'
import { createAuthenticator } from '../../src/auth/authenticator.js'
import { mintToken } from '../../src/auth/mint-token.js'
import type { AuthConfig } from '../../src/config/config.js'
import { Secret } from '../../src/config/secret.js'

const auth: AuthConfig = {
  key: { kind: 'secret', secret: new Secret('correct-horse-battery-staple-0123456789-abcdefghijklmnopqrstuvwxyz') },
  issuer: undefined,
  audience: undefined,
  algorithms: ['HS256'],
  clockToleranceMs: 0,
  allowQueryToken: false,
}

it('names the subject, now and its end, and nothing that is not configured', async () => {
  const before = Math.floor(Date.now() / 1000)
  const token = await mintToken(auth, { subject: 'alice', ttlSeconds: 90 })
  const { iat = 0, exp = 0, ...rest } = decodeJwt(token)
  expect(rest).toEqual({ sub: 'alice' })
  expect(iat).toBeGreaterThanOrEqual(before)
  expect(iat).toBeLessThanOrEqual(Date.now() / 1000)
  expect(exp - iat).toBeGreaterThanOrEqual(90)
  expect(exp - iat).toBeLessThanOrEqual(91)
  expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', typ: 'JWT' })
})

it.each([
  [['HS256'], 'HS256'],
  [['HS384'], 'HS384'],
  [['HS512', 'HS256'], 'HS512'],
])('with the algorithms %j it signs with %s, and is accepted', async (algorithms, alg) => {
  const config = { ...auth, algorithms, issuer: 'https://idp.example', audience: 'relay' }
  const token = await mintToken(config, { subject: 'alice', ttlSeconds: 60, claims: { team: 'blue', sub: 'mallory', iss: 'x', aud: 'y', exp: 1 } })
  expect(decodeProtectedHeader(token).alg).toBe(alg)
  const identity = await createAuthenticator(config).verify(token)
  expect(identity).toMatchObject({ subject: 'alice', issuer: 'https://idp.example', claims: { team: 'blue', aud: 'relay' } })
})

it('names the client that is configured, whatever the claims say, and is accepted', async () => {
  const config = { ...auth, clientIds: ['app'] }
  const token = await mintToken(config, { subject: 'alice', ttlSeconds: 60, claims: { client_id: 'other' } })
  expect(decodeJwt(token).client_id).toBe('app')
  expect(await createAuthenticator(config).verify(token)).toMatchObject({ subject: 'alice' })
})

it.each([{}, { scp: 'Read' }, { scp: ['Talk'], typ: 'ID' }])('says what is required, whatever the claims %j say, and is accepted', async (claims) => {
  const config = { ...auth, requiredClaims: { scp: ['Talk', 'Speak'], typ: ['Bearer'], 'realm.roles': ['staff'], checked: [true] } }
  const token = await mintToken(config, { subject: 'alice', ttlSeconds: 60, claims })
  expect(await createAuthenticator(config).verify(token)).toMatchObject({ subject: 'alice', claims: { checked: true, 'realm.roles': 'staff' } })
})

it('cannot be made if the relay has no key that signs', async () => {
  const config: AuthConfig = { ...auth, key: { kind: 'public', key: generateKeyPairSync('ed25519').publicKey }, algorithms: ['EdDSA'] }
  await expect(mintToken(config, { subject: 'alice', ttlSeconds: 60 })).rejects.toThrow('JWT_SECRET is required to sign a token')
})
