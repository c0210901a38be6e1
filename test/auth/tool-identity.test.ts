// What a tool's back end learns of the caller, at a fixed time and compared with values made by hand.
import { createHash, createHmac } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import { expect, it } from 'vitest'
import { createIdentitySigner } from '../../src/auth/tool-identity.js'
import { Secret } from '../../src/config/secret.js'
import type { Identity } from '../../src/ports/caller.js'

const SECRET = 'a secret between relay and tools, 32 bytes'
const NOW = 1_800_000_000
const alice: Identity = { subject: 'alice/ö', issuer: 'https://idp.example', tokenId: 'id-1', expiresAtMs: 0, claims: {} }
const signer = createIdentitySigner(new Secret(SECRET), () => NOW * 1000 + 999)
const url = new URL('https://tools.example:8443/weather?city=Bergen')
const call = { tool: 'weather', method: 'POST', url, body: '{"city":"Bergen"}' } as const

it('jwt: names the caller, the tool and the origin, and is valid for a minute', async () => {
  const headers = await signer({ how: 'jwt', identity: alice, ...call })
  expect(Object.keys(headers)).toEqual(['x-relay-identity'])
  const token = headers['x-relay-identity'] ?? ''
  expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', typ: 'JWT' })
  const { jti, ...claims } = decodeJwt(token)
  expect(claims).toEqual({
    iss: 'realtime-relay',
    sub: 'alice/ö',
    aud: 'https://tools.example:8443',
    iat: NOW,
    exp: NOW + 60,
    tool: 'weather',
    caller_iss: 'https://idp.example',
  })
  expect(jti).toMatch(/^[0-9a-f-]{36}$/)
  await jwtVerify(token, new TextEncoder().encode(SECRET), { currentDate: new Date(NOW * 1000) })
  const again = await signer({ how: 'jwt', identity: alice, ...call })
  expect(decodeJwt(again['x-relay-identity'] ?? '').jti).not.toBe(jti)
})

it('jwt: has no issuer if the caller has none', async () => {
  const headers = await signer({ how: 'jwt', identity: { ...alice, issuer: undefined }, ...call })
  expect(decodeJwt(headers['x-relay-identity'] ?? '')).not.toHaveProperty('caller_iss')
})

it.each([
  ['with a body', call.body, 'https://idp.example', 'https%3A%2F%2Fidp.example'],
  ['without a body and an issuer', undefined, undefined, ''],
])('headers: %s', async (_name, body, issuer, encoded) => {
  const headers = await signer({ how: 'headers', identity: { ...alice, issuer }, ...call, body })
  const digest = createHash('sha256')
    .update(body ?? '')
    .digest('hex')
  const signed = `${NOW}\nalice%2F%C3%B6\n${encoded}\nPOST\nhttps://tools.example:8443/weather?city=Bergen\n${digest}`
  expect(headers).toEqual({
    'x-relay-subject': 'alice%2F%C3%B6',
    'x-relay-issuer': encoded,
    'x-relay-time': String(NOW),
    'x-relay-signature': createHmac('sha256', SECRET).update(signed).digest('hex'),
  })
})
