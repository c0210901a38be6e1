// Which keys of a fetched key set are used at all.
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
    ['a private key', { kty: 'RSA', n: strong, e: 'AQAB', d: 'AQAB' }, 0],
    ['a secret', { kty: 'oct', k: 'AQAB' }, 0],
    ['an unknown type', { kty: 'constructor' }, 0],
  ])('%s', (_name, key, count) => {
    expect(usableKeys({ keys: [key] })?.length).toBe(count)
  })
  it('knows what is no key set, and what is too much of one', () => {
    for (const document of [null, 7, [], {}, { keys: {} }, { keys: Array(201).fill({ kty: 'EC' }) }]) expect(usableKeys(document)).toBeUndefined()
    expect(usableKeys({ keys: [] })).toEqual([])
  })
})
