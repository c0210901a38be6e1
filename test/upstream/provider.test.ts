// Runs the upstream contract against every kind, and tests what only one kind does.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import type { UpstreamConfig } from '../../src/config/config.js'
import { Secret } from '../../src/config/secret.js'
import { createUpstream, type UpstreamOptions } from '../../src/upstream/provider.js'
import { azureTarget, openaiTarget, voiceLiveTarget } from '../../src/upstream/targets.js'
import { upstreamContract } from '../contract/upstream.js'
import { type LocalUpstream, localUpstream } from './local-upstream.js'

const KEY = 'key-4f1b9c'
const quiet = { warn: () => undefined }

function config(over: Partial<UpstreamConfig> & { port?: number } = {}): UpstreamConfig {
  const { port, ...rest } = over
  return {
    name: 'main',
    provider: 'azure',
    endpoint: new URL(`http://127.0.0.1:${port ?? 1}`),
    deployment: 'deployment-7d',
    apiKey: new Secret(KEY),
    entraScope: 'https://cognitiveservices.azure.com/.default',
    apiVersion: undefined,
    priority: 1,
    weight: 1,
    ...rest,
  }
}

const options = (over: Partial<UpstreamOptions> = {}): UpstreamOptions => ({ connectTimeoutMs: 5_000, pingIntervalMs: 20_000, maxPayloadBytes: 1 << 20, log: quiet, ...over })
const subject =
  (over: Partial<UpstreamConfig>, extra: Partial<UpstreamOptions> = {}) =>
  (at: { port: number; connectTimeoutMs: number }) =>
    createUpstream(config({ ...over, port: at.port }), options({ connectTimeoutMs: at.connectTimeoutMs, ...extra }))
const secrets = [KEY, 'deployment-7d']

upstreamContract('Azure GA', { dialect: 'ga', secrets, requestTarget: '/openai/v1/realtime?model=deployment-7d', create: subject({}) })
upstreamContract('Azure preview', {
  dialect: 'preview',
  secrets,
  requestTarget: '/openai/realtime?api-version=2025-04-01-preview&deployment=deployment-7d',
  create: subject({ apiVersion: '2025-04-01-preview' }),
})
upstreamContract('Azure Voice Live', {
  dialect: 'voice-live',
  secrets,
  requestTarget: '/voice-live/realtime?api-version=2025-10-01&model=deployment-7d',
  create: subject({ provider: 'voice-live' }),
})
upstreamContract('OpenAI', { dialect: 'ga', secrets, requestTarget: '/v1/realtime?model=deployment-7d', create: subject({ provider: 'openai' }) })
upstreamContract('Azure with Entra ID', {
  dialect: 'ga',
  secrets: ['entra-token-1', 'deployment-7d'],
  requestTarget: '/openai/v1/realtime?model=deployment-7d',
  create: subject({ apiKey: undefined }, { credential: { getToken: async () => ({ token: 'entra-token-1', expiresOnTimestamp: Date.now() + 3_600_000 }) } }),
})

describe('targets', () => {
  const url = (target: { url: URL }) => target.url.href
  it.each([
    ['https://res.openai.azure.com', undefined, 'wss://res.openai.azure.com/openai/v1/realtime?model=d'],
    ['https://res.openai.azure.com/', 'v1', 'wss://res.openai.azure.com/openai/v1/realtime?model=d'],
    ['https://res.openai.azure.com/openai/v1/', undefined, 'wss://res.openai.azure.com/openai/v1/realtime?model=d'],
    ['https://res.openai.azure.com/openai', undefined, 'wss://res.openai.azure.com/openai/v1/realtime?model=d'],
    ['https://gateway.example/team-a/', undefined, 'wss://gateway.example/team-a/openai/v1/realtime?model=d'],
    ['https://user:pass@res.openai.azure.com/?api-version=x#y', undefined, 'wss://res.openai.azure.com/openai/v1/realtime?model=d'],
    ['https://res.openai.azure.com:8443', '2024-10-01-preview', 'wss://res.openai.azure.com:8443/openai/realtime?api-version=2024-10-01-preview&deployment=d'],
    ['http://localhost:9000', undefined, 'ws://localhost:9000/openai/v1/realtime?model=d'],
  ])('Azure %s, version %s', (endpoint, apiVersion, expected) => {
    expect(url(azureTarget(config({ endpoint: new URL(endpoint), apiVersion, deployment: 'd' })))).toBe(expected)
  })
  it('encodes a deployment name that would otherwise add parameters', () => {
    expect(url(azureTarget(config({ deployment: 'a&api-version=x#/..' })))).toBe('ws://127.0.0.1:1/openai/v1/realtime?model=a%26api-version%3Dx%23%2F..')
  })
  it.each([
    ['https://api.openai.com', 'wss://api.openai.com/v1/realtime?model=d'],
    ['https://api.openai.com/v1/', 'wss://api.openai.com/v1/realtime?model=d'],
    ['https://gateway.example/openai/v1', 'wss://gateway.example/openai/v1/realtime?model=d'],
  ])('OpenAI %s', (endpoint, expected) => {
    expect(url(openaiTarget(config({ provider: 'openai', endpoint: new URL(endpoint), deployment: 'd' })))).toBe(expected)
  })
  it('Voice Live with a version of its own', () => {
    const target = voiceLiveTarget(config({ endpoint: new URL('https://res.services.ai.azure.com'), apiVersion: '2026-04-10', deployment: 'gpt-realtime' }))
    expect(url(target)).toBe('wss://res.services.ai.azure.com/voice-live/realtime?api-version=2026-04-10&model=gpt-realtime')
  })
})

describe('credentials on the wire', () => {
  let server: LocalUpstream
  afterEach(() => server.close())

  async function headersOf(over: Partial<UpstreamConfig>, extra: Partial<UpstreamOptions> = {}) {
    server = await localUpstream()
    const provider = createUpstream(config({ ...over, port: server.port }), options(extra))
    const { link, deployment, privateWords } = await provider.dial({ correlationId: 'c', signal: new AbortController().signal })
    expect([deployment, privateWords]).toEqual(['deployment-7d', ['127.0.0.1']])
    link.close(1000, '')
    await provider.close()
    return server.requests[0]?.headers ?? {}
  }

  it.each(['azure', 'voice-live'] as const)('%s takes the key as api-key alone', async (provider) => {
    const headers = await headersOf({ provider })
    expect([headers['api-key'], headers.authorization]).toEqual([KEY, undefined])
  })
  it('OpenAI takes the key as a bearer token alone', async () => {
    const headers = await headersOf({ provider: 'openai' })
    expect([headers['api-key'], headers.authorization]).toEqual([undefined, `Bearer ${KEY}`])
  })
  it('the Entra ID token has the configured scope and is the only credential', async () => {
    const scopes: string[] = []
    const getToken = async (scope: string) => {
      scopes.push(scope)
      return { token: 'entra-token-1', expiresOnTimestamp: Date.now() + 3_600_000 }
    }
    const headers = await headersOf({ apiKey: undefined, entraScope: 'https://ai.azure.com/.default' }, { credential: { getToken } })
    expect([headers['api-key'], headers.authorization]).toEqual([undefined, 'Bearer entra-token-1'])
    expect(scopes).toEqual(['https://ai.azure.com/.default'])
  })
  it('a key that is illegal in a header is refused without being quoted', async () => {
    server = await localUpstream()
    const provider = createUpstream(config({ apiKey: new Secret(`${KEY}\n`), port: server.port }), options())
    const dial = provider.dial({ correlationId: 'c', signal: new AbortController().signal })
    await expect(dial).rejects.toMatchObject({ code: 'upstream_refused' })
    await expect(dial).rejects.not.toThrow(KEY)
    await provider.close()
  })
  it('an OpenAI upstream without a key is a mistake found at start', () => {
    expect(() => createUpstream(config({ provider: 'openai', apiKey: undefined }), options())).toThrow('needs an API key')
    server = { close: async () => undefined } as LocalUpstream
  })
})

describe('the log of a failed dial', () => {
  it.each([401, 404, 429, 503])('has the HTTP status %i', async (status) => {
    const server = await localUpstream()
    server.answer = { kind: 'status', status }
    const logged: object[] = []
    const provider = createUpstream(config({ port: server.port }), options({ log: { warn: (fields) => logged.push(fields) } }))
    await expect(provider.dial({ correlationId: 'c', signal: new AbortController().signal })).rejects.toThrow()
    expect(logged).toEqual([expect.objectContaining({ upstream: 'main', status })])
    await provider.close()
    await server.close()
  })

  it('tells an unknown host from one that refuses', async () => {
    const whys: unknown[] = []
    const log = { warn: (fields: Readonly<Record<string, unknown>>) => whys.push(fields.why) }
    for (const endpoint of ['http://nowhere.invalid', 'http://127.0.0.1:1']) {
      const provider = createUpstream(config({ endpoint: new URL(endpoint) }), options({ log }))
      await expect(provider.dial({ correlationId: 'c', signal: new AbortController().signal })).rejects.toThrow()
      await provider.close()
    }
    expect(whys).toEqual(['unknown_host', 'connection_refused'])
  })
})

describe('Entra ID trouble', () => {
  it('a token that never comes ends within the connect timeout, and nothing is dialled', async () => {
    const server = await localUpstream()
    const credential = { getToken: () => new Promise<null>(() => undefined) }
    const provider = createUpstream(config({ apiKey: undefined, port: server.port }), options({ connectTimeoutMs: 50, credential }))
    await expect(provider.dial({ correlationId: 'c', signal: new AbortController().signal })).rejects.toMatchObject({ code: 'upstream_timeout', why: 'entra_token' })
    expect(server.requests).toHaveLength(0)
    await provider.close()
    await server.close()
  })
  it('a failing credential shows in health and in the log, without its message', async () => {
    const logged: unknown[] = []
    const getToken = () => Promise.reject(Object.assign(new Error('tenant contoso.example said no'), { name: 'AuthenticationError', errorResponse: { error: 'invalid_client' } }))
    const provider = createUpstream(config({ apiKey: undefined }), options({ credential: { getToken }, log: { warn: (fields) => logged.push(fields) } }))
    await expect(provider.dial({ correlationId: 'c', signal: new AbortController().signal })).rejects.toMatchObject({ code: 'upstream_refused', why: 'entra_token' })
    expect(await provider.health()).toEqual({ status: 'down', detail: 'no Entra ID token' })
    expect(logged[0]).toEqual({ cause: 'AuthenticationError', oauthError: 'invalid_client', stillValid: false })
    expect(JSON.stringify(logged)).not.toContain('contoso')
    await provider.close()
  })
})

describe('TLS', () => {
  const dialTls = fileURLToPath(new URL('./dial-tls.ts', import.meta.url))
  const cert = fileURLToPath(new URL('../support/tls/localhost-cert.pem', import.meta.url))

  it('refuses an untrusted certificate', async () => {
    const server = await localUpstream({ tls: true })
    const provider = createUpstream(config({ endpoint: new URL(`https://localhost:${server.port}`) }), options())
    await expect(provider.dial({ correlationId: 'c', signal: new AbortController().signal })).rejects.toMatchObject({ code: 'upstream_refused', why: 'certificate' })
    expect(server.requests).toHaveLength(0)
    await provider.close()
    await server.close()
  })

  it('trusts a private authority in NODE_EXTRA_CA_CERTS', async () => {
    const server = await localUpstream({ tls: true })
    const run = promisify(execFile)
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: cert }
    const { stdout } = await run(process.execPath, ['--import', 'tsx', dialTls, `https://localhost:${server.port}`], { env, timeout: 15_000 })
    expect(stdout.trim()).toBe('connected')
    await server.close()
  })
})
