// Tokens and an authenticator with a fixed clock for the tests of auth.
import { createHmac } from 'node:crypto'
import { SignJWT } from 'jose'
import { expect } from 'vitest'
import { createAuthenticator } from '../../src/auth/authenticator.js'
import type { AuthConfig } from '../../src/config/config.js'
import { Secret } from '../../src/config/secret.js'
import { RefusalError } from '../../src/core/protocol/errors.js'
import type { Authenticator } from '../../src/ports/caller.js'

export const SECRET = 'correct-horse-battery-staple-0123456789-abcdefghijklmnopqrstuvwxyz'
export const NOW = 1_800_000_000
const base: AuthConfig = {
  key: { kind: 'secret', secret: new Secret(SECRET) },
  issuer: undefined,
  audience: undefined,
  algorithms: ['HS256', 'HS384', 'HS512'],
  clockToleranceMs: 5000,
  allowQueryToken: false,
}
export const authenticator = (over: Partial<AuthConfig> = {}): Authenticator => createAuthenticator({ ...base, ...over }, { now: () => NOW * 1000 })

export function part(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}
export const sign = (claims: Record<string, unknown>, alg = 'HS256', key: Uint8Array | Parameters<SignJWT['sign']>[0] = Buffer.from(SECRET)): Promise<string> =>
  new SignJWT(claims).setProtectedHeader({ alg }).sign(key)
/** Over this very text. */
export function signText(payload: string): string {
  const signed = `${part({ alg: 'HS256' })}.${part(payload)}`
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`
}
export const good = { sub: 'alice', exp: NOW + 60 }

export async function whyOf(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(RefusalError)
  expect((error as RefusalError).code).toBe('unauthenticated')
  expect((error as RefusalError).why).toMatch(/^[a-z_]{1,40}$/)
  return (error as RefusalError).why
}
