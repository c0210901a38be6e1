// A key host that rotates, fails, hangs, floods and redirects: real HTTP, real tokens, a clock that can be moved.
import { createSign, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createAuthenticator } from '../../src/auth/authenticator.js'
import type { AuthConfig } from '../../src/config/config.js'
import { RefusalError } from '../../src/core/protocol/errors.js'
import type { Authenticator } from '../../src/ports/caller.js'

const ISSUER = 'https://idp.example'
const AUDIENCE = 'relay'
interface Signer {
  readonly jwk: JWK
  token(kid?: string | null): Promise<string>
}
const signers: Signer[] = []
const cleanups: (() => void)[] = []
let now = 1_800_000_000_000

async function makeSigner(kid: string, alg = 'ES256'): Promise<Signer> {
  const pair = await generateKeyPair(alg, { extractable: true, modulusLength: 2048 })
  const token = (named: string | null = kid): Promise<string> =>
    new SignJWT({ sub: 'alice', iss: ISSUER, aud: AUDIENCE, exp: now / 1000 + 60 }).setProtectedHeader(named === null ? { alg } : { alg, kid: named }).sign(pair.privateKey)
  return { jwk: { ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' }, token }
}

beforeAll(async () => {
  for (const kid of ['one', 'two', 'three']) signers.push(await makeSigner(kid))
})
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
  now = 1_800_000_000_000
})

interface KeyHost {
  readonly url: URL
  requests: number
  answer: RequestListener
  serve(keys: unknown[]): void
}

async function keyHost(): Promise<KeyHost> {
  const server = createServer((request, response) => {
    host.requests++
    host.answer(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => server.close().closeAllConnections())
  const host: KeyHost = {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`),
    requests: 0,
    answer: (_request, response) => response.writeHead(404).end(),
    serve: (keys) => {
      host.answer = (_request, response) => response.end(JSON.stringify({ keys }))
    },
  }
  return host
}

function authenticator(host: KeyHost): Authenticator {
  const config: AuthConfig = {
    key: { kind: 'jwks', url: host.url },
    issuer: ISSUER,
    audience: AUDIENCE,
    algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    clockToleranceMs: 5000,
    allowQueryToken: false,
  }
  return createAuthenticator(config, { now: () => now })
}

async function outcome(auth: Authenticator, token: string): Promise<string> {
  return auth.verify(token).then(
    (identity) => identity.subject,
    (error: unknown) => (error instanceof RefusalError && error.code === 'unauthenticated' ? error.why : String(error)),
  )
}
const [one, two, three] = [() => signers[0] as Signer, () => signers[1] as Signer, () => signers[2] as Signer]

const endless: RequestListener = (_request, response) => {
  const pump = (): void => {
    while (!response.destroyed && response.write(' '.repeat(65_536)));
  }
  response.on('drain', pump)
  pump()
}

describe('remote key set', () => {
  it('fetches once for many callers and keeps the keys', async () => {
    const host = await keyHost()
    host.serve([one().jwk, two().jwk])
    const auth = authenticator(host)
    const tokens = await Promise.all(Array.from({ length: 50 }, (_, n) => (n % 2 ? one() : two()).token()))
    expect(await Promise.all(tokens.map((token) => outcome(auth, token)))).toEqual(Array(50).fill('alice'))
    expect(host.requests).toBe(1)
    expect(await auth.health()).toEqual({ status: 'ok', detail: 'signing keys present' })
  })

  it('accepts a token of a new key at once after the cool-down, and drops the old key', async () => {
    const host = await keyHost()
    host.serve([one().jwk])
    const auth = authenticator(host)
    expect(await outcome(auth, await one().token())).toBe('alice')
    now += 10_000
    host.serve([two().jwk])
    expect(await outcome(auth, await two().token())).toBe('alice')
    expect(await outcome(auth, await one().token())).toBe('unknown_key')
  })

  it('lets a token of a new key wait for the next fetch during the cool-down', async () => {
    const host = await keyHost()
    host.serve([one().jwk])
    const auth = authenticator(host)
    expect(await outcome(auth, await one().token())).toBe('alice')
    host.serve([one().jwk, two().jwk])
    now += 1900
    const waiting = await Promise.all(Array.from({ length: 20 }, () => two().token()))
    expect(await Promise.all(waiting.map((token) => outcome(auth, token)))).toEqual(Array(20).fill('alice'))
    expect(host.requests).toBe(2)
  })

  it('does not let made-up kids cause fetches without bound', async () => {
    const host = await keyHost()
    host.serve([one().jwk])
    const auth = authenticator(host)
    await outcome(auth, await one().token())
    for (let second = 0; second < 120; second++) {
      // The clock moves, the timers do not.
      now += 1000
      if (second % 8 === 7) expect(await outcome(auth, await one().token(`made-up-${second}`))).toBe('unknown_key')
    }
    expect(host.requests).toBeLessThanOrEqual(9)
  })

  it('uses the kept keys while the key host fails in any way', async () => {
    const host = await keyHost()
    host.serve([one().jwk])
    const auth = authenticator(host)
    expect(await outcome(auth, await one().token())).toBe('alice')
    const failures: RequestListener[] = [
      (_request, response) => response.writeHead(500).end('boom'),
      (_request, response) => response.end('not json'),
      (_request, response) => response.end('{"keys":7}'),
      (_request, response) => response.end('[]'),
      (_request, response) => response.writeHead(302, { location: `${host.url.origin}/elsewhere` }).end(),
      (request) => request.socket.resetAndDestroy(),
      endless,
    ]
    for (const failure of failures) {
      const before = host.requests
      host.answer = failure
      now += 660_000
      expect(await outcome(auth, await one().token())).toBe('alice')
      expect(host.requests).toBe(before + 1)
      expect((await auth.health()).status).toBe('degraded')
    }
    host.serve([two().jwk])
    now += 60_000
    expect(await outcome(auth, await two().token())).toBe('alice')
    expect(await auth.health()).toEqual({ status: 'ok', detail: 'signing keys present' })
  })

  it('gives up on a hanging key host within its time limit', async () => {
    const host = await keyHost()
    host.answer = () => {}
    const auth = authenticator(host)
    const started = performance.now()
    expect(await outcome(auth, await one().token())).toBe('no_keys')
    expect(performance.now() - started).toBeLessThan(8000)
    expect(host.requests).toBe(1)
  })

  it('says it is down without keys, and recovers', async () => {
    const host = await keyHost()
    const auth = authenticator(host)
    expect(await auth.health()).toEqual({ status: 'down', detail: 'no signing keys' })
    host.serve([one().jwk])
    now += 3000
    expect(await outcome(auth, await one().token())).toBe('alice')
  })

  it('refuses kept keys after a day without a fetch', async () => {
    const host = await keyHost()
    host.serve([one().jwk])
    const auth = authenticator(host)
    expect(await outcome(auth, await one().token())).toBe('alice')
    host.answer = (_request, response) => response.writeHead(500).end()
    now += 25 * 3600_000
    expect(await outcome(auth, await one().token())).toBe('no_keys')
  })

  it('uses no key that is secret, private or weak', async () => {
    const weak = weakSigner()
    const shared = Buffer.alloc(32, 7)
    const host = await keyHost()
    host.serve([one().jwk, { kty: 'oct', kid: 'secret', k: shared.toString('base64url'), alg: 'HS256' }, weak.jwk, null, 7, { kty: {} }])
    const auth = authenticator(host)
    expect(await outcome(auth, await one().token())).toBe('alice')
    expect(await outcome(auth, await weak.token())).toBe('unknown_key')
    const hmac = await new SignJWT({ sub: 'alice', iss: ISSUER, aud: AUDIENCE, exp: now / 1000 + 60 }).setProtectedHeader({ alg: 'HS256', kid: 'secret' }).sign(shared)
    expect(await outcome(auth, hmac)).toBe('algorithm_not_allowed')
  })

  it.each<[string, () => Promise<unknown[]>]>([
    ['an encryption key', async () => [{ ...(await makeSigner('one', 'RS256')).jwk, use: 'enc', alg: 'RSA-OAEP' }]],
    ['a key that only encrypts', async () => [{ ...two().jwk, use: undefined, key_ops: ['encrypt'], kid: 'one' }]],
    ['a key of another type', async () => [(await makeSigner('one', 'RS256')).jwk]],
    ['a key for another algorithm', async () => [{ ...one().jwk, alg: 'ES384' }]],
    ['a key of another curve', async () => [{ ...(await makeSigner('one', 'ES384')).jwk, alg: undefined }]],
    ['a key of an unknown type', async () => [{ kty: 'AKP', kid: 'one', alg: 'ML-DSA-44', pub: 'AAAA' }]],
    ['broken keys', async () => [{ ...one().jwk, x: 'AA' }, { kty: 'EC', kid: 'one' }, { kty: 'EC', crv: 'P-256', x: 7, y: {}, kid: 'one' }, { kid: 'one' }, 7, null]],
    ['a secret', async () => [{ kty: 'oct', kid: 'one', k: 'AQAB' }]],
    [
      'another key that would fit',
      async () => [
        { ...two().jwk, kid: 'one' },
        { ...three().jwk, kid: 'one' },
      ],
    ],
    ['itself', async () => [one().jwk]],
    [
      'odd members',
      async () => [
        { ...one().jwk, ext: 'yes' },
        { ...one().jwk, key_ops: ['verify', 'verify'] },
        { ...one().jwk, alg: 7 },
      ],
    ],
  ])('finds the key that fits beside %s of the same kid', async (_what, others) => {
    const host = await keyHost()
    const auth = authenticator(host)
    host.serve([...(await others()), one().jwk, ...(await others())])
    expect(await outcome(auth, await one().token())).toBe('alice')
    expect(await outcome(auth, await (await makeSigner('one')).token())).toBe('bad_signature')
  })

  it('tries eight keys and no more', async () => {
    const host = await keyHost()
    const auth = authenticator(host)
    const others = Array.from({ length: 7 }, () => ({ ...two().jwk, kid: 'one' }))
    host.serve([...others, one().jwk, ...others])
    expect(await outcome(auth, await one().token())).toBe('alice')
    now += 3_600_000
    host.serve([...others, two().jwk, { ...two().jwk, kid: 'one' }, one().jwk])
    expect(await outcome(auth, await one().token())).toBe('ambiguous_key')
  })

  it('tries the keys that fit with a token without kid', async () => {
    const host = await keyHost()
    host.serve([one().jwk])
    const auth = authenticator(host)
    expect(await outcome(auth, await one().token(null))).toBe('alice')
    now += 60_000
    host.serve([one().jwk, two().jwk])
    expect(await outcome(auth, await two().token())).toBe('alice')
    expect(await outcome(auth, await one().token(null))).toBe('alice')
    expect(await outcome(auth, await three().token(null))).toBe('bad_signature')
  })

  it('never fetches a URL that a token names', async () => {
    const host = await keyHost()
    const evil = await keyHost()
    host.serve([one().jwk])
    evil.serve([two().jwk])
    const auth = authenticator(host)
    await outcome(auth, await one().token())
    const claims = { sub: 'alice', iss: evil.url.origin, aud: AUDIENCE, exp: now / 1000 + 60 }
    const pair = await generateKeyPair('ES256', { extractable: true })
    for (const extra of [{ jku: evil.url.href }, { x5u: evil.url.href }, { jwk: await exportJWK(pair.publicKey) }, { kid: '../../keys' }, { kid: '__proto__' }]) {
      const token = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'one', ...extra }).sign(pair.privateKey)
      now += 60_000
      expect(['bad_signature', 'unknown_key']).toContain(await outcome(auth, token))
    }
    expect(evil.requests).toBe(0)
  })
})

function weakSigner(): Signer {
  const pair = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid: 'weak', alg: 'RS256', use: 'sig' } as JWK
  const token = async (): Promise<string> => {
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const text = `${encode({ alg: 'RS256', kid: 'weak' })}.${encode({ sub: 'alice', iss: ISSUER, aud: AUDIENCE, exp: now / 1000 + 60 })}`
    return `${text}.${createSign('RSA-SHA256').update(text).sign(pair.privateKey).toString('base64url')}`
  }
  return { jwk, token }
}
