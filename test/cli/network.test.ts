// A company's network: everything that the relay dials goes through its proxy, and trusts its authority. Real processes, a real proxy.
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js'
import { runCommand, startCommand } from '../support/built-relay.js'
import { type ForwardProxy, type ProxyOptions, startForwardProxy } from '../support/forward-proxy.js'
import { startOtlpReceiver } from '../support/otlp-receiver.js'
import { connectClient } from '../support/realtime-client.js'
import { fixtureState, type HttpFixture, startHttpFixture } from '../tools/mcp-fixture.js'

const pem = (name: string) => fileURLToPath(new URL(`../support/tls/company-${name}.pem`, import.meta.url))
const TLS = { cert: readFileSync(pem('cert')), key: readFileSync(pem('key')) }
const CREDENTIAL = 'relay:canary-of-the-proxy'
const portOf = (server: Server) => (server.address() as AddressInfo).port

let simulator: Simulator
let keys: Server
let toolHost: Server
let plainHost: Server
let mcp: HttpFixture
let token: string
let toolRequests: string[]
let proxy: ForwardProxy
let env: Record<string, string>

beforeAll(async () => {
  simulator = await startSimulator({ apiKey: 'key', deployments: ['voice'], speed: Number.POSITIVE_INFINITY, tls: TLS })
  const pair = await generateKeyPair('RS256', { modulusLength: 2048 })
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'k', alg: 'RS256' }
  token = await new SignJWT({ sub: 'alice', iss: 'issuer', aud: 'relay' }).setProtectedHeader({ alg: 'RS256', kid: 'k' }).setExpirationTime('1h').sign(pair.privateKey)
  keys = createTlsServer(TLS, (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [jwk] }))).listen(0, '127.0.0.1')
  const answer = (request: { url?: string | undefined; headers: { host?: string | undefined } }) => {
    toolRequests.push(`${request.headers.host}${request.url}`)
    return 'sunny'
  }
  toolHost = createTlsServer(TLS, (request, response) => response.end(answer(request))).listen(0, '127.0.0.1')
  plainHost = createServer((request, response) => response.end(answer(request))).listen(0, '127.0.0.1')
  await Promise.all([keys, toolHost, plainHost].map((server) => once(server, 'listening')))
  mcp = await startHttpFixture(fixtureState())
})
afterAll(async () => {
  await simulator.close()
  await mcp.close()
  for (const server of [keys, toolHost, plainHost]) server.close()
})

async function useProxy(options: ProxyOptions = {}): Promise<void> {
  const hosts = {
    'model.company.test': simulator.port,
    'keys.company.test': portOf(keys),
    'tools.company.test': portOf(toolHost),
    'plain.company.test': portOf(plainHost),
    'mcp.company.test': mcp.port,
  }
  proxy = await startForwardProxy({ hosts, ...options })
  const http = (name: string, url: string) => ({
    type: 'function',
    name,
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
    run: { http: { method: 'GET', url } },
  })
  env = {
    HOST: '127.0.0.1',
    PORT: '0',
    ADMIN_PORT: '0',
    NODE_EXTRA_CA_CERTS: pem('cert'),
    HTTPS_PROXY: proxy.url,
    HTTP_PROXY: proxy.url,
    AZURE_OPENAI_ENDPOINT: 'https://model.company.test',
    AZURE_OPENAI_DEPLOYMENT: 'voice',
    AZURE_OPENAI_API_KEY: 'key',
    JWKS_URL: 'https://keys.company.test/jwks',
    JWT_ISSUER: 'issuer',
    JWT_AUDIENCE: 'relay',
    TOOLS: JSON.stringify([
      http('get_weather', 'https://tools.company.test/weather'),
      http('get_plain', 'http://plain.company.test/plain'),
      { type: 'mcp', server_label: 'docs', url: `http://mcp.company.test${mcp.url.pathname}` },
    ]),
  }
}

beforeEach(() => {
  toolRequests = []
})
afterEach(() => proxy?.close())

describe('through the proxy', () => {
  it('a session, its key set and its tools, with a password and the company’s own authority', async () => {
    await useProxy({ credential: CREDENTIAL })
    const TOOLS = JSON.stringify((JSON.parse(env.TOOLS ?? '[]') as { type: string }[]).filter(({ type }) => type === 'function'))
    const relay = await startCommand(['serve'], { env: { ...env, TOOLS } })
    const [, url = ''] = await relay.says(/"url":"http([^"]+)"/)
    const client = await connectClient(`ws${url}/v1/realtime`, token)
    await client.next('session.created')
    await client.ask('what is the weather in Lisbon?')
    expect(toolRequests).toContain('tools.company.test/weather?city=Lisbon')
    expect([...new Set(proxy.asked)].filter((one) => one.startsWith('CONNECT')).sort()).toEqual([
      'CONNECT keys.company.test:443',
      'CONNECT model.company.test:443',
      'CONNECT tools.company.test:443',
    ])
    expect(relay.output).not.toContain('canary')
    await relay.stop()
  })

  it('exports to a collector over TLS: each batch by a tunnel, none past the proxy', async () => {
    const collector = await startOtlpReceiver(TLS)
    await useProxy({
      credential: CREDENTIAL,
      hosts: { 'model.company.test': simulator.port, 'keys.company.test': portOf(keys), 'otlp.company.test': Number(new URL(collector.url).port) },
    })
    const relay = await startCommand(['serve'], {
      env: { ...env, TOOLS: '[]', OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otlp.company.test:4318', OTEL_EXPORTER_OTLP_HEADERS: 'api-key=canary' },
    })
    try {
      const [, url = ''] = await relay.says(/"url":"http([^"]+)"/)
      const client = await connectClient(`ws${url}/v1/realtime`, token)
      await client.next('session.created')
      await client.ask('Hello')
      await collector.spansNamed('realtime turn')
      client.close()
      expect(proxy.asked).toContain('CONNECT otlp.company.test:4318')
      expect(collector.requests[0]?.headers).toMatchObject({ host: 'otlp.company.test:4318', 'api-key': 'canary' })
      expect(relay.output).not.toContain('canary')
    } finally {
      await relay.stop()
      await collector.close()
    }
  })

  it.each(['upper', 'lower'])('check says for each part which way it went: %s case', async (letters) => {
    await useProxy({ credential: CREDENTIAL })
    const { HTTPS_PROXY = '', HTTP_PROXY = '', ...rest } = env
    const { code, output } = await runCommand(['check'], { env: letters === 'upper' ? env : { ...rest, https_proxy: HTTPS_PROXY, http_proxy: HTTP_PROXY } })
    const through = `through ${letters === 'upper' ? 'HTTPS_PROXY' : 'https_proxy'} (127.0.0.1:${new URL(proxy.url).port})`
    expect(output).toMatch(/^own authorities +ok +1 certificate\(s\) from NODE_EXTRA_CA_CERTS$/m)
    expect(output).toContain(`JWKS_URL: keys from keys.company.test, ${through}`)
    expect(output).toContain(`model.company.test reached ${through} in `)
    expect(output).toContain(`tool get_weather             ok        TOOLS: tools.company.test reachable, ${through}`)
    expect(output).toMatch(/tools mcp:docs +ok +connected, mcp\.company\.test through /)
    expect(output).not.toContain('canary')
    expect(code).toBe(0)
  })

  it('call runs tools of both schemes', async () => {
    await useProxy({ credential: CREDENTIAL })
    for (const tool of ['get_weather', 'get_plain']) expect((await runCommand(['call', tool, '{}'], { env })).output).toMatch(/^sunny$/m)
    expect(toolRequests).toEqual(['tools.company.test/weather', 'plain.company.test/plain'])
    expect(proxy.asked).toContain('GET http://plain.company.test/plain')
    expect((await runCommand(['call', 'docs__echo', '{"text":"hello"}'], { env })).output).toMatch(/^hello$/m)
    expect(proxy.asked.some((one) => /^POST http:\/\/mcp\.company\.test\//.test(one))).toBe(true)
  })

  it('that speaks TLS itself', async () => {
    const own = (name: string) => readFileSync(fileURLToPath(new URL(`../support/tls/localhost-${name}.pem`, import.meta.url)))
    await useProxy({ credential: CREDENTIAL, tls: { cert: own('cert'), key: own('key') } })
    const folder = mkdtempSync(join(tmpdir(), 'authorities-'))
    env.NODE_EXTRA_CA_CERTS = join(folder, 'both.pem')
    writeFileSync(env.NODE_EXTRA_CA_CERTS, `${own('cert')}${readFileSync(pem('cert'))}`)
    const { output } = await runCommand(['check'], { env })
    rmSync(folder, { recursive: true })
    expect(output).toMatch(/^own authorities +ok +2 certificate/m)
    expect(output).toContain('All parts work.')
    expect(output).toMatch(/model\.company\.test reached through HTTPS_PROXY/)
    expect(output).toMatch(/tool get_weather +ok +TOOLS: tools\.company\.test reachable/)
  })

  it('explain fetches the key set', async () => {
    await useProxy()
    expect((await runCommand(['explain', '--token', token], { env })).output).toMatch(/^subject +alice/m)
  })

  it('Entra ID is asked for a token', async () => {
    await useProxy()
    const { AZURE_OPENAI_API_KEY: _key, JWKS_URL, JWT_ISSUER, JWT_AUDIENCE, TOOLS, ...rest } = env
    const entra = { AZURE_TENANT_ID: '11111111-1111-1111-1111-111111111111', AZURE_CLIENT_ID: '22222222-2222-2222-2222-222222222222', AZURE_CLIENT_SECRET: 'canary' }
    const { output } = await runCommand(['check'], { env: { ...rest, ...entra, JWT_SECRET: 'x'.repeat(32), UPSTREAM_CONNECT_TIMEOUT_SECONDS: '8' } })
    expect(proxy.asked).toContain('CONNECT login.microsoftonline.com:443')
    expect(proxy.asked.filter((one) => one.includes('169.254'))).toEqual([])
    expect(output).not.toContain('canary')
  })
})

describe('what check says of a proxy that does not help', () => {
  const upstream = async () =>
    /^upstream azure +down +(.*)\n +→ (.*)$/m
      .exec((await runCommand(['check'], { env })).output)
      ?.slice(1)
      .join(' | ')

  it('wrong password', async () => {
    await useProxy({ credential: CREDENTIAL })
    env.HTTPS_PROXY = proxy.url.replace('canary', 'wrong')
    expect(await upstream()).toMatch(/^HTTPS_PROXY: the proxy 127\.0\.0\.1:\d+ answers HTTP 407, through .* \| It wants a user and a password/)
  })

  it('a host that it does not let through', async () => {
    await useProxy({ hosts: {} })
    const { output } = await runCommand(['check'], { env })
    expect(output).toMatch(/^upstream azure +down +HTTPS_PROXY: the proxy .* answers HTTP 502.*\n.*allow CONNECT to model\.company\.test:443/m)
    expect(output).toMatch(/^token keys +down +JWKS_URL: keys\.company\.test is refused by the proxy \(HTTP 502\), through HTTPS_PROXY/m)
  })

  it('none at that address', async () => {
    await useProxy()
    env.HTTPS_PROXY = 'http://127.0.0.1:1'
    expect(await upstream()).toMatch(/^HTTPS_PROXY: the proxy 127\.0\.0\.1:1 cannot be reached/)
  })

  it('one that never answers', async () => {
    await useProxy({ silent: true })
    const { TOOLS, JWKS_URL, JWT_ISSUER, JWT_AUDIENCE, ...rest } = env
    env = { ...rest, JWT_SECRET: 'x'.repeat(32), UPSTREAM_CONNECT_TIMEOUT_SECONDS: '1' }
    expect(await upstream()).toMatch(/^AZURE_OPENAI_ENDPOINT: model\.company\.test does not answer in time, through HTTPS_PROXY/)
  })

  it('NO_PROXY leads past it', async () => {
    await useProxy()
    env.NO_PROXY = 'model.company.test'
    expect(await upstream()).toMatch(/^AZURE_OPENAI_ENDPOINT: model\.company\.test is not a known host name \(DNS\), directly/)
    expect(proxy.asked.filter((one) => one.includes('model'))).toEqual([])
  })

  it('an authority that is not known', async () => {
    await useProxy()
    const { NODE_EXTRA_CA_CERTS: _authority, ...rest } = env
    env = rest
    expect(await upstream()).toMatch(/^AZURE_OPENAI_ENDPOINT: model\.company\.test has a certificate that is not trusted.*NODE_EXTRA_CA_CERTS/)
    env.NODE_EXTRA_CA_CERTS = '/nowhere/ca.pem'
    expect((await runCommand(['check'], { env })).output).toMatch(/^own authorities +down +NODE_EXTRA_CA_CERTS names a file that does not exist/m)
  })
})
