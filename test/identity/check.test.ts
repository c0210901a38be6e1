// What `check` says of a key set and its issuer: a wrong path, tenant or version, a page, a redirect, and keys of another kind.
import { describe, expect, it, onTestFinished } from 'vitest'
import { checkKeys } from '../../src/cli/check-keys.js'
import { loadConfig } from '../../src/config/load.js'
import { checkTools } from '../../src/tools/check.js'
import { type IssuerForm, type LocalIssuer, startIssuer } from './local-issuer.js'

const KEYS = '/acme/keys'
const entry: IssuerForm['entry'] = ({ kty, n, e }, kid) => ({ kty, n, e, kid, use: 'sig' }) as ReturnType<IssuerForm['entry']>

async function issuerOf(form: Partial<IssuerForm> = {}): Promise<LocalIssuer> {
  const issuer = await startIssuer({ keysPath: KEYS, entry, ...form })
  onTestFinished(() => issuer.close())
  return issuer
}

async function lines(settings: Record<string, string>): Promise<Record<string, string>> {
  const config = loadConfig(
    checkTools,
    { AZURE_OPENAI_ENDPOINT: 'https://r.openai.azure.com', AZURE_OPENAI_DEPLOYMENT: 'voice', JWT_ISSUER: 'issuer', JWT_AUDIENCE: 'relay', ...settings },
    { mode: 'serve', cwd: process.cwd() },
  )
  return Object.fromEntries(
    (await checkKeys(config)).map(([part, { status, detail, advice }]) => [part, [status, detail, advice].filter((word) => word !== undefined).join(' | ')]),
  )
}

describe('the key set', () => {
  it('is there', async () => {
    const issuer = await issuerOf({ hasEncryptionKey: true })
    expect(await lines({ JWKS_URL: issuer.origin + KEYS })).toEqual({ 'token keys': `ok | JWKS_URL: keys from ${new URL(issuer.origin).host}, directly` })
  })

  it.each<[string, { status: number; body: string; location?: string }, RegExp]>([
    ['a page', { status: 200, body: '<!doctype html>' }, /^down \| JWKS_URL: \S+ answers with a web page, not with a key set, directly \| It must be/],
    ['a wrong tenant', { status: 400, body: '{"error":"invalid_tenant"}' }, /^down \| JWKS_URL: \S+ answers HTTP 400, directly/],
    ['a redirect', { status: 302, body: '', location: '/elsewhere' }, /answers with a redirect, which is not followed/],
    [
      'the discovery document',
      { status: 200, body: '{"issuer":"i","jwks_uri":"https://x.example/keys"}' },
      /answers with the discovery document, not with the key set that it names/,
    ],
    ['an empty set', { status: 200, body: '{"keys":[]}' }, /^down \| JWKS_URL: \S+ has no key for RS256, directly \| It has no key that verifies signatures/],
    [
      'keys of another kind',
      { status: 200, body: '{"keys":[{"kty":"EC","crv":"P-256","x":"x","y":"y"}]}' },
      /has no key for RS256, directly \| Its keys are for ES256: set JWT_ALGORITHMS/,
    ],
    ['more than the relay takes', { status: 200, body: `{"keys":[${' '.repeat(1024 * 1024)}]}` }, /^down \| /],
  ])('is %s', async (_what, answer, says) => {
    const issuer = await issuerOf()
    issuer.answerWith(answer)
    expect((await lines({ JWKS_URL: issuer.origin + KEYS }))['token keys']).toMatch(says)
  })

  it('is elsewhere, where the issuer says', async () => {
    const form = { path: '/acme/.well-known/openid-configuration', issuer: '' }
    const issuer = await issuerOf({ discovery: form })
    form.issuer = `${issuer.origin}/acme`
    expect((await lines({ JWKS_URL: `${issuer.origin}/wrong`, JWT_ISSUER: form.issuer }))['token keys']).toMatch(
      new RegExp(`answers HTTP 404, directly \\| It must be .* names as jwks_uri: ${issuer.origin}${KEYS}\\.$`),
    )
  })
})

describe('the issuer', () => {
  async function issuerLine(says: (origin: string) => string, set: (origin: string) => string, more: Record<string, string> = {}) {
    const form = { path: '/acme/.well-known/openid-configuration', issuer: '' }
    const issuer = await issuerOf({ discovery: form })
    form.issuer = says(issuer.origin)
    return (await lines({ JWKS_URL: issuer.origin + KEYS, JWT_ISSUER: set(issuer.origin), ...more }))['token issuer']?.replaceAll(issuer.origin, 'ORIGIN')
  }

  it.each([
    ['says the same', '/acme', '/acme', 'ok | JWT_ISSUER: its discovery document says the same'],
    [
      'has a slash at its end',
      '/acme/',
      '/acme',
      'degraded | JWT_ISSUER: its discovery document says that it is "ORIGIN/acme/" | Tokens say exactly that in iss, each slash included: set JWT_ISSUER to it.',
    ],
    [
      'has none',
      '/acme',
      '/acme/',
      'degraded | JWT_ISSUER: its discovery document says that it is "ORIGIN/acme" | Tokens say exactly that in iss, each slash included: set JWT_ISSUER to it.',
    ],
    [
      'is all tenants',
      '/{tenantid}/v2.0',
      '/acme',
      'degraded | JWT_ISSUER: its discovery document says that it is "ORIGIN/{tenantid}/v2.0" | That is the address for all tenants. Name your own tenant in JWT_ISSUER and JWKS_URL.',
    ],
    [
      'writes what cannot be shown',
      '/a\u202e\u0000"x',
      '/acme',
      'degraded | JWT_ISSUER: its discovery document says that it is "ORIGIN/a??"x" | Tokens say exactly that in iss, each slash included: set JWT_ISSUER to it.',
    ],
  ])('%s', async (_what, says, set, line) => {
    expect(
      await issuerLine(
        (origin) => origin + says,
        (origin) => origin + set,
      ),
    ).toBe(line)
  })

  it('without a document, or without an address, is not judged', async () => {
    const issuer = await issuerOf()
    for (const JWT_ISSUER of ['issuer', `${issuer.origin}/acme`]) expect(Object.keys(await lines({ JWKS_URL: issuer.origin + KEYS, JWT_ISSUER }))).toEqual(['token keys'])
  })
})
