// Which keys of a fetched key set are used.
import { describe, expect, it } from 'vitest'
import { usableKeys } from '../../src/auth/key-set.js'

describe('usableKeys', () => {
  const strong = 'w'.repeat(342)
  it.each<[string, unknown, number | undefined]>([
    ['an RSA key', { kty: 'RSA', n: strong, e: 'AQAB' }, 1],
    ['exponent 3', { kty: 'RSA', n: strong, e: 'Aw' }, 1],
    ['exponent 1', { kty: 'RSA', n: strong, e: 'AQ' }, 0],
    ['an even exponent', { kty: 'RSA', n: strong, e: 'AQAC' }, 0],
    ['no exponent', { kty: 'RSA', n: strong }, 0],
    ['2047 bits behind zeros', { kty: 'RSA', n: Buffer.concat([Buffer.alloc(50), Buffer.alloc(256, 0x7f)]).toString('base64url'), e: 'AQAB' }, 0],
    ['2048 bits behind zeros', { kty: 'RSA', n: Buffer.concat([Buffer.alloc(50), Buffer.alloc(256, 0x80)]).toString('base64url'), e: 'AQAB' }, 1],
    ['a modulus of nothing but zeros', { kty: 'RSA', n: Buffer.alloc(300).toString('base64url'), e: 'AQAB' }, 0],
    ['a modulus that is no text', { kty: 'RSA', n: 7, e: 'AQAB' }, 0],
    ['an exponent of 64 bits', { kty: 'RSA', n: strong, e: Buffer.alloc(8, 0xff).toString('base64url') }, 1],
    ['an exponent of 65 bits', { kty: 'RSA', n: strong, e: Buffer.from('01ffffffffffffffff', 'hex').toString('base64url') }, 0],
    ['exponent 2', { kty: 'RSA', n: strong, e: 'Ag' }, 0],
    ['an EC key', { kty: 'EC', crv: 'P-256', x: 'AQ', y: 'AQ' }, 1],
    ['an Ed25519 key', { kty: 'OKP', crv: 'Ed25519', x: 'AQ' }, 1],
    ['a private EC key', { kty: 'EC', crv: 'P-256', x: 'AQ', y: 'AQ', d: 'AQ' }, 0],
    ['an EC key with a secret in it', { kty: 'EC', crv: 'P-256', x: 'AQ', y: 'AQ', k: 'AQ' }, 0],
    ['a strong key of another type', { kty: 'EC2', n: strong, e: 'AQAB' }, 0],
    ['a private key', { kty: 'RSA', n: strong, e: 'AQAB', d: 'AQAB' }, 0],
    ['a secret', { kty: 'oct', k: 'AQAB' }, 0],
    ['an unknown type', { kty: 'constructor' }, 0],
  ])('%s', (_name, key, count) => {
    expect(usableKeys({ keys: [key] })?.length).toBe(count)
  })
  it('refuses a value that is no key set, and a key set that is too big', () => {
    for (const document of [null, 7, [], {}, { keys: {} }, { keys: Array(201).fill({ kty: 'EC' }) }]) expect(usableKeys(document)).toBeUndefined()
    expect(usableKeys({ keys: [] })).toEqual([])
    expect(usableKeys({ keys: Array(200).fill({ kty: 'EC' }) })).toHaveLength(200)
  })
  it('keeps keys that share a kid, and of those only keys for signatures', () => {
    const ec = (kid: string, more: object = {}) => ({ kty: 'EC', kid, ...more })
    const keys = [
      ec('a'),
      ec('a', { use: 'sig' }),
      ec('a', { key_ops: ['verify'] }),
      ec('a', { use: 'enc' }),
      ec('a', { use: 7 }),
      ec('a', { key_ops: ['encrypt'] }),
      ec('a', { key_ops: 'verify' }),
      { kty: 'oct', k: 'AQ', kid: 'a' },
    ]
    expect(usableKeys({ keys })).toEqual(keys.slice(0, 3))
  })
})
