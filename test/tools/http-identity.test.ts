// The caller's identity as an HTTP tool's back end sees it, checked as a back end would, with the secret and the received request.
import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { jwtVerify } from 'jose'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createIdentitySigner } from '../../src/auth/tool-identity.js'
import type { HttpToolRun } from '../../src/config/config.js'
import { Secret } from '../../src/config/secret.js'
import type { Identity } from '../../src/ports/caller.js'
import { createHttpSource } from '../../src/tools/http.js'
import { alice, testOptions } from './tool-context.js'

const SECRET = 'a secret between relay and tools, 32 bytes'
const key = new TextEncoder().encode(SECRET)
interface Got {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}
let server: Server
let origin: string
let got: Got

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    got = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body }
    response.end('ok')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.close()
  server.closeAllConnections()
})

async function call(how: HttpToolRun['identity'], method: HttpToolRun['method'] = 'POST', identity: Partial<Identity> = {}): Promise<Got> {
  const run: HttpToolRun = { method, url: `${origin}/weather`, headers: {}, timeoutMs: undefined, idempotent: false, denyPrivateAddresses: false, identity: how }
  const parameters = { type: 'object', properties: { city: { type: 'string' } } }
  const signIdentity = createIdentitySigner(new Secret(SECRET))
  const source = createHttpSource([{ kind: 'http', definition: { type: 'function', name: 'weather', parameters }, run }], { ...testOptions(), signIdentity })
  await source.call('weather', { city: 'Bergen' }, { identity: { ...alice, ...identity }, sessionId: 's', signal: new AbortController().signal })
  await source.close()
  return got
}

it('jwt: a token of the relay’s own for this origin and tool, over within a minute', async () => {
  const { headers } = await call('jwt')
  const { payload } = await jwtVerify(String(headers['x-relay-identity']), key, {
    issuer: 'realtime-relay',
    audience: origin,
    algorithms: ['HS256'],
    requiredClaims: ['exp', 'jti'],
  })
  expect(payload).toMatchObject({ sub: 'alice', tool: 'weather', caller_iss: 'https://issuer.example' })
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60)
  expect(payload.jti).not.toBe(alice.tokenId)
  await expect(jwtVerify(String(headers['x-relay-identity']), key, { audience: 'https://elsewhere.example' })).rejects.toThrow()
})

it.each(['GET', 'POST'] as const)('headers: signed with method, URL and body of this %s', async (method) => {
  const { headers, url, body } = await call('headers', method, { subject: 'Ålice\u00a0/ 1' })
  const { 'x-relay-time': time, 'x-relay-subject': subject, 'x-relay-issuer': issuer, 'x-relay-signature': signature } = headers
  const lines = [time, subject, issuer, method, origin + url, createHash('sha256').update(body).digest('hex')]
  expect(signature).toBe(createHmac('sha256', key).update(lines.join('\n')).digest('hex'))
  expect(decodeURIComponent(String(subject))).toBe('Ålice\u00a0/ 1')
  expect(Math.abs(Date.now() / 1000 - Number(time))).toBeLessThan(60)
})

it('sends neither unless the tool asks for it', async () => {
  const { headers } = await call(undefined)
  expect(Object.keys(headers).filter((name) => name.startsWith('x-relay'))).toEqual([])
})

it('a tool that asks for it is never called without', async () => {
  const run: HttpToolRun = { method: 'POST', url: origin, headers: {}, timeoutMs: undefined, idempotent: false, denyPrivateAddresses: false, identity: 'jwt' }
  const source = createHttpSource([{ kind: 'http', definition: { type: 'function', name: 'weather' }, run }], testOptions())
  await expect(source.call('weather', {}, { identity: alice, sessionId: 's', signal: new AbortController().signal })).rejects.toThrow('The tool failed.')
  await source.close()
})
