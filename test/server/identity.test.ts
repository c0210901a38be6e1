// Which callers are admitted, and for how long: keys rotate and fail, tokens expire, and revocations hold on every instance.
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import type { Store } from '../../src/ports/store.js'
import { createRedisStore } from '../../src/store/redis/store.js'
import { connectClient, type RealtimeClient, type Refused } from '../support/realtime-client.js'
import { uniquePrefix } from '../support/redis.js'
import { type RunningRelay, runRelay } from '../support/running-relay.js'

const ISSUER = 'https://login.example.com/'
const AUDIENCE = 'voice'

interface Signer {
  readonly kid: string
  readonly jwk: JWK
  readonly privateKey: CryptoKey
}

async function signer(kid: string): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair('RS256')
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' } }
}

const signed = ({ kid, privateKey }: Signer, claims: object = {}) =>
  new SignJWT({ ...claims }).setProtectedHeader({ alg: 'RS256', kid }).setSubject('alice').setIssuer(ISSUER).setAudience(AUDIENCE).setExpirationTime('10m').sign(privateKey)

const connect = (running: RunningRelay, token: string) => connectClient(`${running.wsUrl}/v1/realtime`, token)
const refusal = (running: RunningRelay, token: string) =>
  connect(running, token).then(
    () => undefined,
    (error: unknown) => error as Refused,
  )

async function converses(client: RealtimeClient): Promise<void> {
  expect((await client.ask('hello')).at(-1)).toMatchObject({ response: { status: 'completed' } })
  client.close()
  await client.closed()
}

describe('keys from a host of their own', () => {
  let host: Server
  let running: RunningRelay
  let answer: (response: ServerResponse) => void
  let asked = 0
  let first: Signer
  const serve = (...signers: Signer[]) => {
    answer = (response) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: signers.map(({ jwk }) => jwk) }))
  }

  beforeAll(async () => {
    host = createServer((_request, response) => {
      asked++
      answer(response)
    }).listen(0, '127.0.0.1')
    await once(host, 'listening')
    first = await signer('first')
    serve(first)
    running = await runRelay({
      env: {
        JWT_SECRET: '',
        JWKS_URL: `http://127.0.0.1:${(host.address() as AddressInfo).port}/keys`,
        JWT_ISSUER: ISSUER,
        JWT_AUDIENCE: AUDIENCE,
      },
    })
  })
  afterAll(async () => {
    await running?.close()
    host?.close()
    host?.closeAllConnections()
  })

  it('are fetched once for all callers, rotate without a refused token, and outlive their host', async () => {
    const [second, stranger] = [await signer('second'), await signer('third')]
    const token = await signed(first)
    const together = await Promise.all(Array.from({ length: 5 }, () => connect(running, token)))
    expect(asked).toBe(1)
    for (const client of together) await converses(client)

    serve(second)
    await converses(await connect(running, await signed(second)))
    expect(asked).toBe(2)

    answer = (response) => response.writeHead(200).write('{"keys":[')
    await converses(await connect(running, await signed(second)))
    answer = (response) => response.writeHead(500).end('broken')
    // A key of the old set is no longer one: its host said so before it broke.
    expect(await refusal(running, token)).toMatchObject({ status: 401 })
    expect(await (await fetch(`${running.relay.url}/readyz`)).json()).toMatchObject({ status: 'degraded', checks: { auth: { status: 'degraded' } } })
    await converses(await connect(running, await signed(second)))
    expect(await refusal(running, await signed({ ...stranger, kid: 'second' }))).toMatchObject({ status: 401 })

    serve(second, stranger)
    await vi.waitFor(async () => converses(await connect(running, await signed(stranger))), { timeout: 12_000, interval: 250 })
  }, 40_000)

  it('verify who the token is for', async () => {
    const known = await signer('known')
    serve(known)
    const token = (audience: string, issuer: string) =>
      new SignJWT({}).setProtectedHeader({ alg: 'RS256', kid: 'known' }).setSubject('alice').setIssuer(issuer).setAudience(audience).setExpirationTime('10m').sign(known.privateKey)
    await vi.waitFor(async () => converses(await connect(running, await token(AUDIENCE, ISSUER))), { timeout: 12_000, interval: 250 })
    expect(await refusal(running, await token('another', ISSUER))).toMatchObject({ status: 401 })
    expect(await refusal(running, await token(AUDIENCE, 'https://login.example.com'))).toMatchObject({ status: 401 })
  }, 20_000)
})

describe('a token’s end', () => {
  it('ends the session, with that reason', async () => {
    const running = await runRelay()
    const ends = Math.floor(Date.now() / 1000) + 2
    const client = await connect(running, await running.token('alice', {}, 2))
    await client.next('session.created')
    const { code, reason } = await client.closed()
    expect(code).toBe(4401)
    expect(reason).toBe('unauthenticated: new_token')
    expect(client.events.at(-1)).toMatchObject({ type: 'error', error: { code: 'unauthenticated' } })
    expect(Date.now() / 1000 - ends).toBeGreaterThanOrEqual(-0.01)
    expect(Date.now() / 1000 - ends).toBeLessThan(1.5)
    await running.close()
  })
})

describe('revocation through Redis, on two instances', () => {
  const prefix = uniquePrefix()
  const url = process.env.REDIS_URL ?? ''
  let relays: RunningRelay[] = []
  let operator: Store

  beforeAll(async () => {
    const env = { REDIS_URL: url, REDIS_KEY_PREFIX: prefix }
    relays = [await runRelay({ env }), await runRelay({ env })]
    operator = createRedisStore({ url: new Secret(url), keyPrefix: prefix, usageRetentionDays: 1 })
    const healthy = async (running: RunningRelay) => expect(await (await fetch(`${running.relay.url}/readyz`)).json()).toMatchObject({ checks: { limits: { status: 'ok' } } })
    await vi.waitFor(() => Promise.all(relays.map(healthy)), { timeout: 8000, interval: 50 })
    await vi.waitFor(async () => expect(await operator.health()).toMatchObject({ status: 'ok' }))
  })
  afterEach(() => vi.restoreAllMocks())
  afterAll(async () => {
    await operator?.close(100)
    for (const running of relays) await running.close()
  })

  it.each<[string, { subject?: string; tokenId?: string }]>([
    ['a subject', { subject: 'mallory' }],
    ['a token', { tokenId: 'token-77' }],
  ])('of %s ends its sessions within a second, refuses it from then on, and leaves the others alone', async (_what, target) => {
    const claims = { jti: 'token-77' }
    const name = target.subject ?? 'trent'
    const sessions = await Promise.all(relays.map(async (running) => connect(running, await running.token(name, claims))))
    const others = await Promise.all(relays.map(async (running) => connect(running, await running.token('bob', { jti: 'token-78' }))))
    await Promise.all([...sessions, ...others].map((client) => client.next('session.created')))
    const before = performance.now()
    await operator.revocations.revoke(target, Date.now() + 60_000)
    for (const client of sessions) {
      expect(await client.closed()).toMatchObject({ code: 4401 })
      expect(client.events.at(-1)).toMatchObject({ type: 'error', error: { code: 'unauthenticated' } })
    }
    expect(performance.now() - before).toBeLessThan(1000)
    for (const running of relays) expect(await refusal(running, await running.token(name, claims))).toMatchObject({ status: 401 })
    for (const client of others) await converses(client)
  })
})
