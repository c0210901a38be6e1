// The realtime paths as clients see them: real sockets and a real server.
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { collected } from '../support/collected.js'
import { type Front, HEAD, open, raw, refused, startFront, token } from './front.js'

let front: Front
afterEach(() => front?.close())
const bearer = async (claims?: Record<string, unknown>) => ({ authorization: `Bearer ${await token(claims)}` })

it('an open session, which may last an hour, keeps nothing of its request in memory', async () => {
  front = await startFront()
  let request: WeakRef<object> | undefined
  front.app.server.on('upgrade', (message) => {
    request = new WeakRef(message)
  })
  const { socket } = await open(`${front.ws}/v1/realtime`, { headers: await bearer() })
  await collected(request as WeakRef<object>)
  expect(front.sessions.size).toBe(1)
  socket.terminate()
})

describe('paths', () => {
  it('opens on every realtime path in any spelling, with its dialect', async () => {
    front = await startFront()
    const cases: [string, string][] = [
      ['/v1/realtime?model=gpt-realtime', 'ga'],
      ['/openai/v1/realtime?model=gpt-realtime', 'ga'],
      ['/openai/realtime?api-version=2024-10-01-preview&deployment=gpt-realtime', 'preview'],
      ['/realtime?model=gpt-realtime', 'ga'],
      ['/realtime/?model=gpt-realtime&dialect=preview', 'preview'],
      ['//OpenAI//V1/Realtime/?model=gpt-realtime', 'ga'],
    ]
    for (const [path, dialect] of cases) {
      const { socket, first } = await open(`${front.ws}${path}`, { headers: await bearer() })
      expect(first).toEqual({ type: 'session.created', dialect, requestedModel: 'gpt-realtime', subject: 'alice' })
      socket.terminate()
    }
    const beta = await open(`${front.ws}/v1/realtime`, { headers: { ...(await bearer()), 'openai-beta': 'realtime=v1' } })
    expect(beta.first.dialect).toBe('preview')
    beta.socket.terminate()
  })

  it('refuses an upgrade on any other path with 404, with or without a token', async () => {
    front = await startFront()
    for (const path of ['/', '/livez', '/v1', '/v1/realtime/sessions', '/live/sessions', '/metrics', '/v1/realtime%2f', '/socket.io/'])
      for (const headers of [{}, await bearer()]) expect(await refused(`${front.ws}${path}`, { headers })).toMatchObject({ status: 404, code: 'not_found' })
    expect(front.leases()).toBe(0)
  })

  it('answers plain HTTP in JSON, never in HTML', async () => {
    front = await startFront()
    const cases: [string, string, string | undefined, number, string][] = [
      ['GET', '/v1/realtime', undefined, 426, 'upgrade_required'],
      ['GET', '/realtime/', undefined, 426, 'upgrade_required'],
      ['POST', '/v1/realtime', 'application/json', 404, 'not_found'],
      ['DELETE', '/openai/realtime', undefined, 404, 'not_found'],
      ['POST', '/v1/realtime/client_secrets', 'application/json', 404, 'not_found'],
      ['POST', '/openai/v1/realtime/client_secrets', 'application/json', 404, 'not_found'],
      ['POST', '/v1/realtime/calls', 'application/sdp', 404, 'not_found'],
      ['POST', '/openai/v1/realtime/calls', 'multipart/form-data; boundary=x', 404, 'not_found'],
      ['POST', '/v1/realtime/sessions', 'application/json', 404, 'not_found'],
      ['GET', '/.env', undefined, 404, 'not_found'],
      ['GET', '/%zz', undefined, 400, 'bad_request'],
    ]
    for (const [method, path, type, status, code] of cases) {
      const response = await fetch(`${front.http}${path}`, { method, ...(type ? { body: 'not json', headers: { 'content-type': type } } : {}) })
      expect([path, response.status]).toEqual([path, status])
      expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
      expect(((await response.json()) as { error: { code: string } }).error.code).toBe(code)
    }
    expect((await fetch(`${front.http}/livez`)).status).toBe(200)
    expect((await fetch(`${front.http}/v1/realtime`, { method: 'HEAD' })).status).toBe(404)
  })

  it('knows no calls while WebRTC is off, and tells the log alone why', async () => {
    front = await startFront()
    for (const path of ['client_secrets', 'sessions', 'calls?model=x', 'calls/rtc_1/hangup']) {
      const answer = await fetch(`${front.http}/openai/v1//realtime/${path}`, { method: 'POST', headers: await bearer(), body: 'v=0' })
      expect([answer.status, await answer.text()]).toEqual([404, expect.not.stringContaining('WEBRTC')])
    }
    expect(front.logs().match(/"setting":"WEBRTC"/g)).toHaveLength(4)
    expect((await refused(`${front.ws}/v1/realtime?call_id=rtc_1`, { headers: await bearer() })).code).toBe('not_found')
    await fetch(`${front.http}/v1/realtime/other`, { method: 'POST' })
    expect(front.logs().match(/"setting":"WEBRTC"/g)).toHaveLength(4)
  })

  it('answers CORS for listed origins only', async () => {
    front = await startFront({ config: { allowedOrigins: ['https://app.example'] } })
    const preflight = (origin: string): Promise<Response> =>
      fetch(`${front.http}/v1/realtime/calls`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type,x-openai-agents-sdk,x-stainless-lang' },
      })
    const good = await preflight('https://app.example')
    expect(good.status).toBe(204)
    expect(good.headers.get('access-control-allow-origin')).toBe('https://app.example')
    expect(good.headers.get('access-control-allow-headers')).toContain('x-openai-agents-sdk')
    expect(good.headers.get('access-control-allow-headers')).toContain('x-stainless-lang')
    const bad = await preflight('https://evil.example')
    expect(bad.status).toBe(403)
    expect(bad.headers.get('access-control-allow-origin')).toBeNull()
    const post = await fetch(`${front.http}/v1/realtime/calls`, { method: 'POST', headers: { origin: 'https://app.example' } })
    expect(post.status).toBe(404)
    expect(post.headers.get('access-control-expose-headers')).toBe('Location')
  })
})

describe('credentials', () => {
  it('refuses any bad credential with 401 and the same answer', async () => {
    front = await startFront()
    const good = await token()
    const bodies = new Set<string>()
    for (const headers of [
      {},
      { authorization: 'Bearer nonsense' },
      { authorization: `Basic ${good}` },
      { cookie: `token=${good}` },
      { 'api-key': `${good}x` },
      { authorization: 'Bearer null' },
    ] as Record<string, string>[]) {
      const answer = await refused(`${front.ws}/v1/realtime`, { headers })
      expect(answer).toMatchObject({ status: 401, code: 'unauthenticated' })
      expect(answer.headers['www-authenticate']).toBe('Bearer')
      expect(answer.headers.connection).toBe('close')
      bodies.add(answer.text)
    }
    expect(bodies.size).toBe(1)
    expect(await refused(`${front.ws}/v1/realtime`, { headers: { authorization: `Bearer ${good}`, 'api-key': await token({ sub: 'bob' }) } })).toMatchObject({
      status: 401,
      code: 'ambiguous_credentials',
    })
  })

  it('does not try a good credential after a bad one', async () => {
    front = await startFront({ allowQueryToken: true })
    const answer = await refused(`${front.ws}/v1/realtime?api-key=${await token()}`, { headers: { authorization: 'Bearer nonsense' } })
    expect(answer.status).toBe(401)
  })

  it('accepts the token in the query only if that is allowed', async () => {
    front = await startFront()
    const query = `access_token=${await token()}`
    expect((await refused(`${front.ws}/v1/realtime?${query}`)).status).toBe(401)
    await front.close()
    front = await startFront({ allowQueryToken: true })
    for (const path of [`/v1/realtime?${query}`, `/openai/realtime?deployment=d&api-key=${await token()}`, `/openai/realtime?Authorization=Bearer+${await token()}`]) {
      const { socket, first } = await open(`${front.ws}${path}`)
      expect(first.subject).toBe('alice')
      socket.terminate()
    }
  })

  it('never logs a credential or a query, whether admitted or refused', async () => {
    front = await startFront({ allowQueryToken: true, config: { refuseAfterUpgrade: false } })
    const secret = await token()
    for (const [path, options] of [
      [`/v1/realtime?api-key=${secret}`, {}],
      ['/v1/realtime', { protocols: ['realtime', `openai-insecure-api-key.${secret}`] }],
      ['/v1/realtime', { headers: { 'api-key': secret } }],
    ] as const) {
      const { socket } = await open(`${front.ws}${path}`, options as never)
      socket.terminate()
    }
    await refused(`${front.ws}/nowhere?access_token=${secret}`, { headers: { authorization: `Bearer ${secret}` } })
    await refused(`${front.ws}/v1/realtime?api-key=${secret}x`)
    await raw(front.port, `GET /%zz?api-key=${secret} HTTP/1.1\r\n${HEAD}\r\n`)
    await raw(front.port, `GET /v1/realtime HTTP/1.1\r\nauthorization: Bearer ${secret}\r\nbroken\u0000header\r\n\r\n`)
    expect(front.logs()).toContain('upgrade admitted')
    expect(front.logs()).toContain('upgrade refused')
    const signature = secret.split('.')[2] ?? ''
    expect(front.logs()).not.toContain(signature)
    expect(front.logs()).not.toContain('api-key')
  })
})

describe('subprotocol', () => {
  it.each<[string, string | undefined]>([
    ['realtime, TOKEN', 'realtime'],
    ['TOKEN, realtime', 'realtime'],
    ['TOKEN,openai-beta.realtime-v1', 'openai-beta.realtime-v1'],
    ['realtime, TOKEN, openai-agents-sdk.0.20.0', 'realtime'],
  ])('answers %s with %s', async (offer, expected) => {
    front = await startFront()
    const secret = await token()
    const answer = await raw(
      front.port,
      `GET /v1/realtime HTTP/1.1\r\n${HEAD}Sec-WebSocket-Protocol: ${offer.replace('TOKEN', `openai-insecure-api-key.${secret}`)}\r\n\r\n`,
      '\r\n\r\n',
    )
    expect(answer).toMatch(/^HTTP\/1\.1 101 /)
    expect(/sec-websocket-protocol: (.*)\r/i.exec(answer)?.[1]).toBe(expected)
    expect(answer).not.toContain(secret)
    expect(answer).toMatch(/x-request-id: [0-9a-f-]{36}\r/)
  })

  it('sends no header if nothing was offered, and 400 if only the credential was', async () => {
    front = await startFront()
    const secret = await token()
    const none = await raw(front.port, `GET /v1/realtime HTTP/1.1\r\n${HEAD}api-key: ${secret}\r\n\r\n`, '\r\n\r\n')
    expect(none).toMatch(/^HTTP\/1\.1 101 /)
    expect(none).not.toMatch(/sec-websocket-protocol/i)
    expect(none).not.toMatch(/sec-websocket-extensions/i)
    const only = await raw(front.port, `GET /v1/realtime HTTP/1.1\r\n${HEAD}Sec-WebSocket-Protocol: openai-insecure-api-key.${secret}\r\n\r\n`)
    expect(only).toMatch(/^HTTP\/1\.1 400 /)
    expect(only).toContain('subprotocol_required')
    expect(only).not.toContain(secret)
  })
})

it('works through TLS', async () => {
  const file = (name: string): string => new URL(`../support/tls/localhost-${name}.pem`, import.meta.url).pathname
  front = await startFront({ tls: { certFile: file('cert'), keyFile: file('key') } })
  const { socket, first } = await open(`${front.ws}/v1/realtime`, { headers: await bearer(), rejectUnauthorized: false })
  expect(first.subject).toBe('alice')
  socket.send('"echo"')
  expect(String((await once(socket, 'message'))[0])).toBe('"echo"')
  socket.terminate()
})
