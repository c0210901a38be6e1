// The ways in, as clients meet them: real sockets against a real server.
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { type Front, HEAD, open, raw, refused, startFront, token } from './front.js'

let front: Front
afterEach(() => front?.close())
const bearer = async (claims?: Record<string, unknown>) => ({ authorization: `Bearer ${await token(claims)}` })

describe('paths', () => {
  it('opens on every realtime path, however it is spelled, with its dialect', async () => {
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

  it('refuses an upgrade anywhere else with 404, token or not', async () => {
    front = await startFront()
    for (const path of ['/', '/livez', '/v1', '/v1/realtime/sessions', '/live/sessions', '/metrics', '/v1/realtime%2f', '/socket.io/'])
      for (const headers of [{}, await bearer()]) expect(await refused(`${front.ws}${path}`, { headers })).toMatchObject({ status: 404, code: 'not_found' })
    expect(front.leases()).toBe(0)
  })

  it('answers plain HTTP in JSON, never HTML', async () => {
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
  it('refuses with 401 whatever is wrong, and says so in one way', async () => {
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

  it('does not fall through from a bad credential to a good one', async () => {
    front = await startFront({ allowQueryToken: true })
    const answer = await refused(`${front.ws}/v1/realtime?api-key=${await token()}`, { headers: { authorization: 'Bearer nonsense' } })
    expect(answer.status).toBe(401)
  })

  it('takes the token from the query only when allowed', async () => {
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

  it('never prints a credential or a query, admitted or refused', async () => {
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

  it('sends no header when nothing was offered, and 400 when only the credential was', async () => {
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

describe('limits before the 101', () => {
  it('checks the origin before the credential', async () => {
    front = await startFront({ config: { allowedOrigins: ['https://app.example'] } })
    expect(await refused(`${front.ws}/v1/realtime`, { headers: { origin: 'https://evil.example' } })).toMatchObject({ status: 403, code: 'forbidden' })
    const twice = await raw(front.port, `GET /v1/realtime HTTP/1.1\r\n${HEAD}Origin: https://app.example\r\nOrigin: https://app.example\r\napi-key: ${await token()}\r\n\r\n`)
    expect(twice).toMatch(/^HTTP\/1\.1 400 /)
    const { socket } = await open(`${front.ws}/v1/realtime`, { headers: { origin: 'https://app.example', ...(await bearer()) } })
    socket.terminate()
  })

  it('limits connects per address before it looks at the credential', async () => {
    front = await startFront({ limits: { connectsPerSecond: 0.1 } })
    const answers = []
    for (let n = 0; n < 3; n++) answers.push(await refused(`${front.ws}/v1/realtime`))
    expect(answers.map((answer) => answer.status)).toEqual([401, 401, 429])
    expect(Number(answers[2]?.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    expect(answers[2]?.code).toBe('rate_limited')
  })

  it('limits connects per subject across addresses, and a /64 is one address', async () => {
    front = await startFront({ limits: { connectsPerSecond: 0.1 }, trustProxy: true })
    const from = async (address: string, claims?: Record<string, unknown>): Promise<number> => {
      const headers = { ...(await bearer(claims)), 'x-forwarded-for': address }
      return open(`${front.ws}/v1/realtime`, { headers }).then(
        ({ socket }) => {
          socket.terminate()
          return 101
        },
        (error: Error) => Number(/\d{3}$/.exec(error.message)?.[0]),
      )
    }
    expect([await from('10.0.0.1'), await from('10.0.0.2'), await from('10.0.0.3')]).toEqual([101, 101, 429])
    const v6 = ['2001:db8::1', '2001:db8:0:0:ffff::2', '2001:DB8:0:0::3', '2001:db8:0:1::1']
    expect(await Promise.all([from(v6[0] ?? '', { sub: 'b1' }), from(v6[1] ?? '', { sub: 'b2' })])).toEqual([101, 101])
    expect([await from(v6[2] ?? '', { sub: 'b3' }), await from(v6[3] ?? '', { sub: 'b4' })]).toEqual([429, 101])
  })

  it('refuses revoked tokens and subjects', async () => {
    front = await startFront()
    await front.store.revoke({ subject: 'mallory' }, Date.now() + 60_000)
    await front.store.revoke({ tokenId: 'stolen' }, Date.now() + 60_000)
    expect(await refused(`${front.ws}/v1/realtime`, { headers: await bearer({ sub: 'mallory' }) })).toMatchObject({ status: 401, code: 'unauthenticated' })
    expect(await refused(`${front.ws}/v1/realtime`, { headers: await bearer({ jti: 'stolen' }) })).toMatchObject({ status: 401 })
    expect(front.leases()).toBe(0)
  })

  it('holds the process limit when many come at once, and frees places', async () => {
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    front = await startFront({
      limits: { maxSessions: 3 },
      deps: {
        toolsFor: () =>
          turn()
            .then(turn)
            .then(() => ({ tools: [], run: async () => ({ output: '', outcome: 'ok', durationMs: 0, cut: false }) })),
      },
    })
    const headers = await bearer()
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => open(`${front.ws}/v1/realtime`, { headers })))
    const opened = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    expect(opened.length).toBe(3)
    expect(await refused(`${front.ws}/v1/realtime`, { headers })).toMatchObject({ status: 429, code: 'too_many_sessions', headers: { 'retry-after': '5' } })
    for (const { socket } of opened) {
      socket.close()
      await once(socket, 'close')
    }
    expect(front.leases()).toBe(0)
    ;(await open(`${front.ws}/v1/realtime`, { headers })).socket.terminate()
  })

  it('lets a profile set its own limit per subject', async () => {
    front = await startFront({ limits: { maxSessionsPerUser: 1 }, deps: { sessionsAllowed: (identity) => (identity.claims.vip ? 2 : 1) } })
    const headers = await bearer({ vip: true })
    const two = [await open(`${front.ws}/v1/realtime`, { headers }), await open(`${front.ws}/v1/realtime`, { headers })]
    expect((await refused(`${front.ws}/v1/realtime`, { headers })).code).toBe('too_many_sessions')
    for (const { socket } of two) socket.terminate()
  })

  it('holds the limit per subject', async () => {
    front = await startFront({ limits: { maxSessionsPerUser: 1 } })
    const { socket } = await open(`${front.ws}/v1/realtime`, { headers: await bearer() })
    expect(await refused(`${front.ws}/v1/realtime`, { headers: await bearer() })).toMatchObject({ status: 429, code: 'too_many_sessions' })
    const other = await open(`${front.ws}/v1/realtime`, { headers: await bearer({ sub: 'bob' }) })
    socket.close()
    await once(socket, 'close')
    ;(await open(`${front.ws}/v1/realtime`, { headers: await bearer() })).socket.terminate()
    other.socket.terminate()
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
