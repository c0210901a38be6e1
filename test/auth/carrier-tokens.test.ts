// Proofs of ACS and of Event Grid: what each must say, keys that change, and a key host that is asked seldom whatever comes.
import { describe, expect, it } from 'vitest'
import { createCarrierTokens } from '../../src/auth/carrier-tokens.js'
import { Secret } from '../../src/config/secret.js'
import type { RefusalError } from '../../src/core/protocol/errors.js'
import { createAcsTokens, type TokenOptions } from '../../src/simulator/carriers/acs-tokens.js'

const ISSUER = 'https://acscallautomation.communication.azure.com'
const RESOURCE = '5f3c0000-0000-4000-8000-000000000001'
const TENANT = { issuer: 'https://login.microsoftonline.com/t/v2.0', audience: 'api://relay', appId: 'app-1' }
const DELIVERED: TokenOptions = { issuer: TENANT.issuer, audience: TENANT.audience, claims: { azp: 'app-1' } }

function setUp({ secrets = [] as string[], anyApp = false, withToken = true, keysFail = false } = {}) {
  let now = 1_800_000_000_000
  const fetched: string[] = []
  const tokens = createAcsTokens({ issuer: () => ISSUER, audience: RESOURCE, now: () => now })
  const fetch = async (url: URL) => {
    fetched.push(url.href)
    return keysFail ? new Response('no', { status: 500 }) : new Response(JSON.stringify(tokens.keySet()))
  }
  const token = withToken ? { ...TENANT, appId: anyApp ? undefined : TENANT.appId, keysUrl: new URL('https://login.example/keys') } : undefined
  const config = { issuer: ISSUER, resourceId: RESOURCE, keysUrl: new URL('https://acs.example/keys'), eventGrid: { secrets: secrets.map((secret) => new Secret(secret)), token } }
  const carrier = createCarrierTokens(config, { fetch: fetch as never, now: () => now })
  const why = (attempt: Promise<void>) =>
    attempt.then(
      () => 'ok',
      (error: RefusalError) => `${error.code} ${error.why}`,
    )
  return {
    tokens,
    fetched,
    pass: (ms: number) => {
      now += ms
    },
    call: (token: string) => why(carrier.checkCall([`Bearer ${token}`])),
    raw: (authorization: readonly string[] | undefined) => why(carrier.checkCall(authorization)),
    delivery: (token: string | undefined, query = '') =>
      why(carrier.checkDelivery({ authorization: token === undefined ? undefined : [`Bearer ${token}`], query: new URLSearchParams(query) })),
  }
}

describe('a token of the service', () => {
  it('is taken with our issuer and our resource, for its life and a minute', async () => {
    const { call, tokens, pass } = setUp()
    const token = tokens.token({ lifeSeconds: 300 })
    expect(await call(token)).toBe('ok')
    expect(await call(tokens.token({ claims: { aud: ['other', RESOURCE] } }))).toBe('ok')
    pass(359_000)
    expect(await call(token)).toBe('ok')
    pass(2000)
    expect(await call(token)).toBe('unauthenticated expired')
  })

  it.each<[string, (tokens: ReturnType<typeof createAcsTokens>) => string]>([
    ['wrong_audience', (tokens) => tokens.token({ audience: 'other' })],
    ['wrong_audience', (tokens) => tokens.token({ claims: { aud: undefined } })],
    ['wrong_issuer', (tokens) => tokens.token({ issuer: `${ISSUER}/` })],
    ['expired', (tokens) => tokens.token({ lifeSeconds: -61 })],
    ['bad_expiry', (tokens) => tokens.token({ claims: { exp: undefined } })],
    ['not_yet_valid', (tokens) => tokens.token({ claims: { nbf: 1_800_000_061 } })],
    ['malformed_token', (tokens) => tokens.forged('none')],
    ['algorithm_not_allowed', (tokens) => tokens.forged('hs256')],
    ['bad_signature', (tokens) => tokens.forged('stranger')],
    ['bad_signature', (tokens) => tokens.forged('altered')],
    ['malformed_token', () => 'a.b'],
    ['malformed_token', () => 'x'.repeat(100_000)],
  ])('is refused as %s', async (why, make) => {
    const { call, tokens } = setUp()
    expect(await call(make(tokens))).toBe(`unauthenticated ${why}`)
  })

  it('must be the only credential, and a bearer', async () => {
    const { raw, tokens } = setUp()
    const token = tokens.token()
    expect(await raw(undefined)).toBe('unauthenticated no_credential')
    expect(await raw([])).toBe('unauthenticated no_credential')
    for (const one of ['', token, `Basic ${token}`, 'Bearer', `Bearer ${token} x`]) expect(await raw([one])).toBe('unauthenticated no_credential')
    expect(await raw([`Bearer ${token}`, `Bearer ${token}`])).toBe('unauthenticated two_credentials')
    expect(await raw([`bearer ${token}`])).toBe('ok')
  })
})

describe('keys', () => {
  it('are fetched once for many, again for a new one, and no oftener for made-up ones', async () => {
    const { call, tokens, fetched, pass } = setUp({ withToken: false })
    await Promise.all(Array.from({ length: 20 }, () => call(tokens.token())))
    expect(fetched).toHaveLength(1)
    pass(10_000)
    tokens.rotate()
    expect(await call(tokens.token())).toBe('ok')
    expect(fetched).toHaveLength(2)
    pass(10_000)
    const old = tokens.token()
    tokens.rotate(true)
    expect(await call(tokens.token())).toBe('ok')
    expect(await call(old)).toBe('unauthenticated unknown_key')
    expect(fetched.length).toBeLessThanOrEqual(4)
  })

  it('that cannot be had refuse everybody', async () => {
    const { call, tokens, pass } = setUp({ keysFail: true })
    pass(10_000)
    expect(await call(tokens.token())).toBe('unauthenticated no_keys')
  })
})

describe('a delivery', () => {
  it('has one of our secrets', async () => {
    const { delivery, tokens } = setUp({ secrets: ['first-secret', 'second-secret'], withToken: false })
    expect(await delivery(undefined, 'secret=first-secret')).toBe('ok')
    expect(await delivery(undefined, 'a=b&secret=second-secret')).toBe('ok')
    for (const query of ['secret=', 'secret=first', 'secret=first-secretx', 'secret=FIRST-SECRET', 'secret=first-secret&secret=first-secret', `secret=${'x'.repeat(2000)}`])
      expect(await delivery(undefined, query), query.slice(0, 40)).toBe('unauthenticated wrong_secret')
    expect(await delivery(undefined)).toBe('unauthenticated no_credential')
    expect(await delivery(tokens.token(DELIVERED))).toBe('unauthenticated no_credential')
  })

  it('or a token of our tenant, for our application', async () => {
    const { delivery, tokens } = setUp()
    expect(await delivery(tokens.token(DELIVERED))).toBe('ok')
    expect(await delivery(tokens.token({ ...DELIVERED, claims: { appid: 'app-1' } }))).toBe('ok')
    for (const claims of [{}, { appid: 'app-2' }, { azp: 'app-1', appid: 'app-2' }, { appid: ['app-1'] }]) {
      expect(await delivery(tokens.token({ ...DELIVERED, claims })), JSON.stringify(claims)).toBe('unauthenticated wrong_client')
    }
    expect(await delivery(tokens.token({ ...DELIVERED, audience: RESOURCE }))).toBe('unauthenticated wrong_audience')
    expect(await delivery(tokens.token())).toMatch(/wrong_(issuer|audience)/)
    expect(await delivery(undefined)).toBe('unauthenticated no_credential')
    expect(await delivery(tokens.token(DELIVERED), 'secret=guess')).toBe('unauthenticated wrong_secret')
  })

  it('needs no application if none is set', async () => {
    const { delivery, tokens } = setUp({ anyApp: true })
    expect(await delivery(tokens.token({ ...DELIVERED, claims: {} }))).toBe('ok')
  })
})
