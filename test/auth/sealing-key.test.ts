// The key that relays of one configuration share: the same for the same secrets, another for others, none without any.
import { expect, it } from 'vitest'
import { callerKey, sealingKey } from '../../src/auth/sealing-key.js'
import { Secret } from '../../src/config/secret.js'

const webrtc = (secret?: string) => ({ mode: 'shared', journal: undefined, secret: secret === undefined ? undefined : new Secret(secret) }) as const
const auth = (secret?: string) =>
  ({ key: secret === undefined ? { kind: 'jwks', url: new URL('https://keys.example.com') } : { kind: 'secret', secret: new Secret(secret) } }) as never
const upstreams = (...keys: readonly (string | undefined)[]) => keys.map((key) => ({ apiKey: key === undefined ? undefined : new Secret(key) })) as never
const hex = (given: Parameters<typeof sealingKey>[0]) => sealingKey(given)?.toString('hex')

it('comes from the secret for it, else from the one that verifies tokens, else from the first key of an upstream', () => {
  const own = hex({ webrtc: webrtc('own'), auth: auth('jwt'), upstreams: upstreams('key') })
  const jwt = hex({ webrtc: webrtc(), auth: auth('jwt'), upstreams: upstreams('key') })
  const key = hex({ webrtc: webrtc(), auth: auth(), upstreams: upstreams(undefined, 'key') })
  expect(new Set([own, jwt, key]).size).toBe(3)
  for (const one of [own, jwt, key]) expect(one).toMatch(/^[0-9a-f]{64}$/)
  expect(hex({ webrtc: webrtc('own'), auth: auth(), upstreams: upstreams() })).toBe(own)
})

it('is none if the relays share no secret', () => {
  expect(sealingKey({ webrtc: webrtc(), auth: auth(), upstreams: upstreams(undefined) })).toBeUndefined()
})

it('another one names callers on the telephone, and none follows from the other', () => {
  const shared = { webrtc: webrtc('own'), auth: auth('jwt'), upstreams: upstreams('key') }
  expect(callerKey(shared)?.toString('hex')).toMatch(/^[0-9a-f]{64}$/)
  expect(callerKey(shared)).toEqual(callerKey({ ...shared, auth: auth() }))
  expect(callerKey(shared)).not.toEqual(sealingKey(shared))
  expect(callerKey({ webrtc: webrtc(), auth: auth(), upstreams: upstreams(undefined) })).toBeUndefined()
})
