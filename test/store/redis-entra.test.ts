// Signing in to a real Redis with tokens that change: while commands and subscriptions go on, after a lost connection, with none yet, and with one that is refused.
import { once } from 'node:events'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { Secret } from '../../src/config/secret.js'
import type { Store } from '../../src/ports/store.js'
import { redisTokens } from '../../src/server/redis-tokens.js'
import { keepSignedIn, type SignInTokens } from '../../src/store/redis/sign-in.js'
import { createRedisStore } from '../../src/store/redis/store.js'
import { type IdentityEndpoint, startIdentityEndpoint } from '../support/identity-endpoint.js'
import { type OwnRedis, startRedis, uniquePrefix } from '../support/redis.js'

/** As an object id of a managed identity. */
const IDENTITY = '6497c918-11ad-41e7-1b0f-7c518a87d0b0'
const eventually = (check: () => Promise<void> | void) => vi.waitFor(check, { timeout: 20_000, interval: 10 })

let server: OwnRedis
let raw: Redis
let logged: string[]
const open: Store[] = []

/** The tokens of one relay, which the test changes. */
function changing(token: string | undefined, lookMs = 60_000): SignInTokens & { token: string | undefined; closed: boolean } {
  const source = {
    token,
    lookMs,
    closed: false,
    get: async () => {
      if (source.token === undefined) throw new Error('no token')
      return new Secret(source.token)
    },
    close: () => {
      source.closed = true
    },
  }
  return source
}

function storeWith(tokens: SignInTokens, keyPrefix = uniquePrefix()): Store {
  const url = new Secret(`redis://${IDENTITY}@127.0.0.1:${server.port}`)
  const made = createRedisStore({ url, tokens, keyPrefix, usageRetentionDays: 1, log: ({ msg }) => void logged.push(msg) })
  open.push(made)
  return made
}

const accepts = (...passwords: readonly string[]) => raw.call('ACL', 'SETUSER', IDENTITY, 'reset', 'on', 'allkeys', 'allchannels', '+@all', ...passwords.map((one) => `>${one}`))
const isOk = (store: Store) => eventually(async () => expect(await store.health()).toMatchObject({ status: 'ok' }))
const signedIn = async () => [...String(await raw.client('LIST')).matchAll(/^id=(\d+) .* user=6497c918-\S+/gm)].map((match) => match[1] ?? '')
const count = async (section: 'commandstats' | 'stats', field: RegExp) => Number(field.exec(await raw.info(section))?.[1] ?? 0)
const auths = () => count('commandstats', /cmdstat_auth:calls=(\d+)/)

beforeAll(async () => {
  server = await startRedis()
  raw = new Redis(server.url)
  // Whoever does not sign in may do nothing, as in Azure.
  await raw.call('ACL', 'SETUSER', 'tester', 'on', '>tester', 'allkeys', 'allchannels', '+@all')
  await raw.auth('tester', 'tester')
  await raw.call('ACL', 'SETUSER', 'default', 'off')
})
afterAll(async () => {
  raw.disconnect()
  await server.stop()
})
beforeEach(async () => {
  logged = []
  await accepts('token-1')
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close(500)))
  expect(logged.filter((line) => line.includes('token-'))).toEqual([])
})

describe('Redis with Entra ID', () => {
  it('connects with the first token, and closes what gives them', async () => {
    const tokens = changing('token-1')
    const store = storeWith(tokens)
    await isOk(store)
    expect(await signedIn()).toHaveLength(2)
    await store.close(500)
    expect(tokens.closed).toBe(true)
  })

  it('tells both connections the next token, while commands and subscriptions go on', async () => {
    const tokens = changing('token-1', 20)
    const store = storeWith(tokens)
    await isOk(store)
    await eventually(async () => expect(await signedIn()).toHaveLength(2))
    const [before, told] = [await signedIn(), await auths()]
    await accepts('token-1', 'token-2')
    tokens.token = 'token-2'
    await eventually(async () => expect(await auths()).toBe(told + 2))
    expect(await signedIn(), 'the same connections').toEqual(before)
    await store.revocations.revoke({ subject: 'mallory' }, Date.now() + 60_000)
    expect(await store.health()).toMatchObject({ status: 'ok' })
    // Azure ends connections whose last token is over; these have the next one, so only who has the first would go.
    await accepts('token-2')
    expect(await store.health()).toMatchObject({ status: 'ok' })
    expect(await signedIn()).toEqual(before)
    expect(logged).toEqual(['redis is connected'])
  })

  it('hears what is published after a new token', async () => {
    const tokens = changing('token-1', 20)
    const prefix = uniquePrefix()
    const [hears, says] = [storeWith(tokens, prefix), storeWith(tokens, prefix)]
    await Promise.all([isOk(hears), isOk(says)])
    const told = await auths()
    await accepts('token-1', 'token-2')
    tokens.token = 'token-2'
    await eventually(async () => expect(await auths()).toBe(told + 4))
    const heard: unknown[] = []
    hears.revocations.onRevoked((target) => void heard.push(target))
    await says.revocations.revoke({ subject: 'mallory' }, Date.now() + 60_000)
    await eventually(() => expect(heard).toEqual([{ subject: 'mallory' }]))
  })

  it('opens a subscription anew that speaks the older protocol, in which it takes no AUTH', async () => {
    const tokens = changing('token-1', 20)
    const client = new Redis({ port: server.port, username: IDENTITY, protocol: 2, lazyConnect: true, retryStrategy: () => 20 })
    client.on('error', () => undefined)
    const stop = keepSignedIn(client, tokens, { none: () => undefined, refused: () => undefined })
    try {
      await once(client, 'ready')
      await client.subscribe('channel')
      const [before] = await signedIn()
      await accepts('token-1', 'token-2')
      tokens.token = 'token-2'
      await once(client, 'ready')
      expect(await signedIn()).not.toContain(before)
      expect(client.options.password).toBe('token-2')
    } finally {
      stop()
      client.disconnect()
    }
  })

  it('comes back with the newest token when Redis ends its connections', async () => {
    const tokens = changing('token-1')
    const store = storeWith(tokens)
    await isOk(store)
    const before = await signedIn()
    // No look is due for a minute: that the connections were lost is what makes the store look.
    await accepts('token-2')
    tokens.token = 'token-2'
    await raw.client('KILL', 'USER', IDENTITY)
    await eventually(async () => expect((await signedIn()).filter((id) => !before.includes(id))).toHaveLength(2))
    await isOk(store)
    expect(logged).not.toContain('redis refuses the credentials')
  })

  it('waits without a token, says so, and connects when there is one', async () => {
    const tokens = changing(undefined, 20)
    const store = storeWith(tokens)
    await eventually(async () => expect(await store.health()).toEqual({ status: 'degraded', detail: 'redis waits for an Entra ID token' }))
    expect(await store.rates.take('alone', 1, { perSecond: 1, burst: 1 }), 'it decides alone').toMatchObject({ ok: true })
    tokens.token = 'token-1'
    await isOk(store)
    expect(logged).toEqual(['redis waits for an Entra ID token', 'redis is connected'])
  })

  it('does not ask at every look for a token that there is not', async () => {
    const tokens = changing(undefined, 20)
    const asked = vi.spyOn(tokens, 'get')
    const store = storeWith(tokens)
    await eventually(() => expect(asked.mock.calls.length).toBeGreaterThan(4))
    const [before, since] = [asked.mock.calls.length, performance.now()]
    await eventually(() => expect(asked.mock.calls.length).toBeGreaterThan(before + 8))
    expect(performance.now() - since, 'two connections, each 80 ms at least').toBeGreaterThan(300)
    await store.close(0)
  })

  it('keeps its connections if the next token is refused, and tries it again', async () => {
    const tokens = changing('token-1', 20)
    const store = storeWith(tokens)
    await isOk(store)
    await eventually(async () => expect(await signedIn()).toHaveLength(2))
    const before = await signedIn()
    tokens.token = 'token-2'
    await eventually(() => expect(logged).toContain('redis refuses the credentials'))
    expect(await signedIn()).toEqual(before)
    const told = await auths()
    await accepts('token-1', 'token-2')
    await eventually(async () => expect(await auths()).toBeGreaterThan(told))
    expect(await store.health()).toMatchObject({ status: 'ok' })
  })
})

describe('the tokens of a managed identity', () => {
  let endpoint: IdentityEndpoint

  beforeAll(async () => {
    endpoint = await startIdentityEndpoint('token-1')
    for (const [name, value] of Object.entries({ ...endpoint.env, AZURE_CLIENT_ID: '11111111-2222-3333-4444-555555555555' })) vi.stubEnv(name, value)
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await endpoint.stop()
  })

  it('sign in to Redis, asked for with the scope of Redis and the client id of the identity', async () => {
    const redis = { url: new Secret('unused'), keyPrefix: 'relay:', entra: true }
    const tokens = redisTokens({ redis }, { warn: () => undefined })
    if (!tokens) throw new Error('no tokens')
    await isOk(storeWith(tokens))
    expect(endpoint.asked.map((url) => [url.pathname, url.searchParams.get('resource'), url.searchParams.get('client_id')])).toContainEqual([
      '/msi/token',
      'https://redis.azure.com',
      '11111111-2222-3333-4444-555555555555',
    ])
  })

  it('are not asked for without REDIS_ENTRA', () => {
    const redis = { url: new Secret('unused'), keyPrefix: 'relay:', entra: false }
    expect(redisTokens({ redis }, { warn: () => undefined })).toBeUndefined()
    expect(redisTokens({}, { warn: () => undefined })).toBeUndefined()
  })
})
