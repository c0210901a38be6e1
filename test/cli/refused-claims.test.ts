// What `explain` shows beside a refusal: the claim as the token has it, and the setting.
import { expect, it } from 'vitest'
import { refusedClaims } from '../../src/cli/refused-claims.js'
import { Secret } from '../../src/config/secret.js'

const auth = {
  key: { kind: 'secret', secret: new Secret('s') },
  issuer: 'https://sts.example/',
  audience: 'relay',
  clientIds: ['app'],
  requiredClaims: { scp: ['Realtime.Talk'], 'realm.roles': ['talk', 'staff'] },
  algorithms: ['HS256'],
  clockToleranceMs: 0,
  allowQueryToken: false,
} as const
const config = { auth, profileClaim: 'profile' }
const tokenOf = (claims: unknown) => `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`
const claims = { iss: 'https://sts.example', aud: ['a', 'b'], client_id: 'b', scp: 'Other', profile: 'https://a.example\u202e', long: 'x'.repeat(500) }

it.each<[string, readonly (readonly string[])[]]>([
  ['wrong_issuer', [['claim iss', '"https://sts.example"', 'JWT_ISSUER is "https://sts.example/"']]],
  ['wrong_audience', [['claim aud', '["a","b"]', 'JWT_AUDIENCE is "relay"']]],
  ['wrong_client', [['claim client_id', '"b"', 'JWT_CLIENT_ID is ["app"]']]],
  ['unknown_profile', [['claim profile', '"https://a.example?"', 'each value must be the name of a profile, unless JWT_PROFILE_MAP is set']]],
  [
    'claim_required',
    [
      ['claim scp', '"Other"', 'JWT_REQUIRED_CLAIMS wants ["Realtime.Talk"]'],
      ['claim realm.roles', 'missing', 'JWT_REQUIRED_CLAIMS wants ["talk","staff"]'],
    ],
  ],
  ['bad_signature', []],
])('%s', (why, rows) => expect(refusedClaims(tokenOf(claims), why, config)).toEqual(rows))

it('is short, and nothing for what cannot be read', () => {
  expect(refusedClaims(tokenOf({ iss: 'x'.repeat(500) }), 'wrong_issuer', config)[0]?.[1]).toHaveLength(161)
  for (const token of ['', 'a.b.c', tokenOf([1]), tokenOf(null)]) expect(refusedClaims(token, 'wrong_issuer', config)[0]?.[1]).toBe('missing')
})
