// Claims by name and by path, and what they say: the difference between a list, words and one text with a blank.
import { describe, expect, it } from 'vitest'
import { claimAt, claimValues, unmetClaims } from '../../../src/core/policy/claim-values.js'

const claims = {
  roles: ['a', 7, null, ['b'], 'c d'],
  scope: ' openid  relay:read ',
  scp: 'Realtime.Talk',
  title: 'relay:read relay:admin',
  verified: true,
  level: 2,
  realm_access: { roles: ['staff'], scope: 'x y' },
  'https://acme.example/profile': 'vip',
  'realm_access.flat': 'whole name',
  nothing: null,
}

describe('a claim', () => {
  it.each<[string, unknown]>([
    ['realm_access.roles', ['staff']],
    ['https://acme.example/profile', 'vip'],
    ['realm_access.flat', 'whole name'],
    ['realm_access.none', undefined],
    ['realm_access.roles.0', undefined],
    ['constructor', undefined],
    ['__proto__.constructor', undefined],
    ['scope.length', undefined],
  ])('%s is found or not', (name, value) => expect(claimAt(claims, name)).toEqual(value))

  it('whose whole name fits wins over a path', () => {
    expect(claimAt({ a: { b: 'path' }, 'a.b': 'name' }, 'a.b')).toBe('name')
  })

  it.each<[string, readonly (string | boolean)[]]>([
    ['roles', ['a', 'c d']],
    ['scope', ['openid', 'relay:read']],
    ['realm_access.scope', ['x', 'y']],
    ['scp', ['Realtime.Talk']],
    ['title', ['relay:read relay:admin']],
    ['verified', [true]],
    ['level', ['2']],
    ['realm_access', []],
    ['nothing', []],
    ['absent', []],
  ])('%s says %j', (name, values) => expect(claimValues(claims, name)).toEqual(values))
})

describe('required claims', () => {
  it.each<[Parameters<typeof unmetClaims>[1], readonly string[]]>([
    [{}, []],
    [{ scope: ['relay:read'], verified: [true], level: ['2'] }, []],
    [{ 'realm_access.roles': ['admin', 'staff'] }, []],
    [{ scope: ['relay'] }, ['scope']],
    [{ title: ['relay:read'] }, ['title']],
    [{ roles: ['c'] }, ['roles']],
    [{ verified: ['true'] }, ['verified']],
    [{ absent: ['x'], scp: ['realtime.talk'], scope: ['openid'] }, ['absent', 'scp']],
  ])('%j are not met by %j', (required, unmet) => expect(unmetClaims(claims, required)).toEqual(unmet))
})
