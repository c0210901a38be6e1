// The checks between the path and the 101, in order, each with the real store.
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { RefusalError } from '../../src/core/protocol/errors.js'
import { eventually, type Front, HEAD, open, raw, refused, startFront, token } from './front.js'

let front: Front
afterEach(() => front?.close())
const bearer = async (claims?: Record<string, unknown>) => ({ authorization: `Bearer ${await token(claims)}` })

describe('limits before the 101', () => {
  it('checks the origin before the credential', async () => {
    front = await startFront({ config: { allowedOrigins: ['https://app.example'] } })
    expect(await refused(`${front.ws}/v1/realtime`, { headers: { origin: 'https://evil.example' } })).toMatchObject({ status: 403, code: 'forbidden' })
    const twice = await raw(front.port, `GET /v1/realtime HTTP/1.1\r\n${HEAD}Origin: https://app.example\r\nOrigin: https://app.example\r\napi-key: ${await token()}\r\n\r\n`)
    expect(twice).toMatch(/^HTTP\/1\.1 400 /)
    const { socket } = await open(`${front.ws}/v1/realtime`, { headers: { origin: 'https://app.example', ...(await bearer()) } })
    socket.terminate()
  })

  it('admits the relay’s own address as an origin, as native clients send it', async () => {
    for (const config of [{}, { allowedOrigins: ['https://app.example'] }]) {
      front = await startFront({ config })
      const { socket } = await open(`${front.ws}/v1/realtime`, { headers: { origin: front.http, ...(await bearer()) } })
      socket.terminate()
      expect(await refused(`${front.ws}/v1/realtime`, { headers: { origin: front.http } }), 'a token is needed all the same').toMatchObject({ status: 401 })
      const behind = { origin: 'https://voice.example', 'x-forwarded-host': 'voice.example', 'x-forwarded-proto': 'https', ...(await bearer()) }
      expect(await refused(`${front.ws}/v1/realtime`, { headers: behind }), 'no proxy is trusted').toMatchObject({ status: 403 })
      await front.close()
      front = await startFront({ config, trustProxy: true })
      ;(await open(`${front.ws}/v1/realtime`, { headers: behind })).socket.terminate()
      await front.close()
    }
  })

  it('says which origin was refused, and which setting decides', async () => {
    front = await startFront()
    const { text } = await refused(`${front.ws}/v1/realtime`, { headers: { origin: 'https://evil.example' } })
    expect(JSON.parse(text).error.message).toBe("The origin https://evil.example is not allowed here. The relay's setting ALLOWED_ORIGINS decides.")
    expect(front.logs()).toMatch(/"origin":"https:\/\/evil\.example","setting":"ALLOWED_ORIGINS"/)
    for (const odd of ['https://evil.example/"<script>', 'https://alice:script@evil.example']) {
      expect((await refused(`${front.ws}/v1/realtime`, { headers: { origin: odd } })).text).not.toContain('script')
    }
    expect(front.logs()).not.toContain('script')
    const preflight = await fetch(`${front.http}/v1/quota`, { method: 'OPTIONS', headers: { origin: 'https://other.example', 'access-control-request-method': 'GET' } })
    expect([preflight.status, await preflight.text()]).toEqual([403, expect.stringContaining('https://other.example')])
    expect(front.logs()).toContain('"origin":"https://other.example"')
  })

  it('counts an address once, however a trusted proxy writes it', async () => {
    front = await startFront({ limits: { connectsPerSecond: 0.1 }, trustProxy: true })
    const spelled = async (...written: string[]) => {
      const answers = []
      for (const address of written) answers.push(await refused(`${front.ws}/v1/realtime`, { headers: { 'x-forwarded-for': address } }))
      return answers.map((answer) => answer.status)
    }
    expect(await spelled('1.2.3.4', '::ffff:1.2.3.4', '1.2.3.4:5678', '[::ffff:102:304]:80')).toEqual([401, 401, 429, 429])
    expect(await spelled('2001:db8::1', '[2001:DB8:0:0:1::2]:443', '2001:0db8:0:0:2::')).toEqual([401, 401, 429])
    expect(await spelled('unknown', '_hidden1', '_hidden2')).toEqual([401, 401, 429])
    expect(front.logs()).toContain('"address":"1.2.3.4"')
    expect(front.logs()).not.toContain('102:304')
    expect(front.logs()).toContain('"address":"127.0.0.1"')
  })

  it('limits connects per address before it checks the credential', async () => {
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
    await front.store.revocations.revoke({ subject: 'mallory' }, Date.now() + 60_000)
    await front.store.revocations.revoke({ tokenId: 'stolen' }, Date.now() + 60_000)
    expect(await refused(`${front.ws}/v1/realtime`, { headers: await bearer({ sub: 'mallory' }) })).toMatchObject({ status: 401, code: 'unauthenticated' })
    expect(await refused(`${front.ws}/v1/realtime`, { headers: await bearer({ jti: 'stolen' }) })).toMatchObject({ status: 401 })
    expect(front.leases()).toBe(0)
  })

  it('refuses whoever is revoked in the middle of admission, up to the opening of the session', async () => {
    const revoke = () => front.store.revocations.revoke({ subject: 'mallory' }, Date.now() + 60_000)
    const none = { tools: [], run: async () => ({ output: '', outcome: 'ok' as const, durationMs: 0, cut: false }) }
    front = await startFront({ deps: { toolsFor: () => revoke().then(() => none) } })
    expect(await refused(`${front.ws}/v1/realtime`, { headers: await bearer({ sub: 'mallory' }) })).toMatchObject({ status: 401, code: 'unauthenticated' })
    expect(front.leases()).toBe(0)
  })

  it('closes as unauthenticated if the relay refuses the caller after the 101', async () => {
    front = await startFront({
      deps: {
        openSession: () => {
          throw new RefusalError('unauthenticated', 'revoked')
        },
      },
    })
    const { socket, first } = await open(`${front.ws}/v1/realtime`, { headers: await bearer() })
    expect(first).toMatchObject({ type: 'error', error: { code: 'unauthenticated' } })
    expect((await once(socket, 'close'))[0]).toBe(4401)
    await eventually(() => front.leases() === 0)
    expect(front.logs()).not.toContain('admission failed')
  })

  it('keeps the process limit if many connect at once, and frees places', async () => {
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
    for (const { socket } of opened) socket.close()
    await eventually(() => front.leases() === 0 && front.sessions.size === 0)
    ;(await open(`${front.ws}/v1/realtime`, { headers })).socket.terminate()
  })

  it('refuses every caller while memory is nearly full, before it authenticates', async () => {
    let full = true
    front = await startFront({ deps: { overloaded: () => full } })
    expect(await refused(`${front.ws}/v1/realtime`, {})).toMatchObject({ status: 503, code: 'overloaded', headers: { 'retry-after': '5' } })
    full = false
    const { socket } = await open(`${front.ws}/v1/realtime`, { headers: await bearer() })
    full = true
    expect(await refused(`${front.ws}/v1/realtime`, { headers: await bearer() })).toMatchObject({ status: 503, code: 'overloaded' })
    expect(socket.readyState).toBe(socket.OPEN)
    socket.terminate()
  })

  it('lets a profile set its own limit per subject', async () => {
    front = await startFront({ limits: { maxSessionsPerUser: 1 }, deps: { sessionsAllowed: (identity) => (identity.claims.vip ? 2 : 1) } })
    const headers = await bearer({ vip: true })
    const two = [await open(`${front.ws}/v1/realtime`, { headers }), await open(`${front.ws}/v1/realtime`, { headers })]
    expect((await refused(`${front.ws}/v1/realtime`, { headers })).code).toBe('too_many_sessions')
    for (const { socket } of two) socket.terminate()
  })

  it('keeps the limit per subject', async () => {
    front = await startFront({ limits: { maxSessionsPerUser: 1 } })
    const { socket } = await open(`${front.ws}/v1/realtime`, { headers: await bearer() })
    expect(await refused(`${front.ws}/v1/realtime`, { headers: await bearer() })).toMatchObject({ status: 429, code: 'too_many_sessions' })
    const other = await open(`${front.ws}/v1/realtime`, { headers: await bearer({ sub: 'bob' }) })
    socket.close()
    await eventually(() => front.leases() === 1)
    ;(await open(`${front.ws}/v1/realtime`, { headers: await bearer() })).socket.terminate()
    other.socket.terminate()
  })
})
