// Faults of peers and parts between the first byte and the 101: nothing hangs, nothing leaks, and the process lives.
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { RefusalError } from '../../src/core/protocol/errors.js'
import type { Revocations } from '../../src/ports/store.js'
import { eventually, type Front, HEAD, open, refused, startFront, token } from './front.js'

let front: Front
afterEach(() => front?.close())
const revocations = (isRevoked: Revocations['isRevoked']): Revocations => ({ isRevoked, isKnown: () => false, onRevoked: () => undefined, revoke: async () => undefined })
const bearer = async (): Promise<{ authorization: string }> => ({ authorization: `Bearer ${await token()}` })

describe('a client that resets during admission', () => {
  it('neither ends the process nor keeps a place, thirty times', async () => {
    const slow = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
    let holding = 0
    front = await startFront({
      deps: {
        store: {
          rates: { take: async () => ({ ok: true, retryAfterMs: 0 }) },
          revocations: revocations(async () => {
            await slow(10)
            return false
          }),
          leases: {
            lease: async () => {
              await slow(10)
              holding++
              return { release: () => holding-- }
            },
          },
        },
        toolsFor: async () => {
          await slow(10)
          return { tools: [], run: async () => ({ output: '', outcome: 'unknown_tool', durationMs: 0, cut: false }) }
        },
      },
    })
    const request = `GET /v1/realtime HTTP/1.1\r\n${HEAD}api-key: ${await token()}\r\n\r\n`
    await Promise.all(
      Array.from({ length: 30 }, async (_, n) => {
        const socket = connect(front.port, '127.0.0.1')
        socket.on('error', () => {})
        await once(socket, 'connect')
        socket.write(request)
        await slow(n * 2)
        socket.resetAndDestroy()
      }),
    )
    await eventually(() => holding === 0 && front.sessions.size === 0)
    const { socket } = await open(`${front.ws}/v1/realtime`, { headers: await bearer() })
    // On a busy machine some of the thirty are admitted only now.
    await eventually(() => holding === 1)
    socket.close()
    await eventually(() => holding === 0)
  })

  it('keeps no place if it ends its half of the connection during admission', async () => {
    let admit: () => void = () => {}
    const gate = new Promise<void>((resolve) => {
      admit = resolve
    })
    front = await startFront({ deps: { toolsFor: () => gate.then(() => ({ tools: [], run: async () => ({ output: '', outcome: 'unknown_tool', durationMs: 0, cut: false }) })) } })
    const socket = connect(front.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.end(`GET /v1/realtime HTTP/1.1\r\n${HEAD}api-key: ${await token()}\r\n\r\n`)
    await eventually(() => front.leases() === 1)
    admit()
    await eventually(() => front.leases() === 0)
    socket.destroy()
  })
})

describe('parts that are slow or broken', () => {
  it('ends the whole handshake at its deadline and gives a late lease back', async () => {
    let grant: () => void = () => {}
    let released = 0
    front = await startFront({
      limits: { handshakeTimeoutMs: 100 },
      deps: {
        store: {
          rates: { take: async () => ({ ok: true, retryAfterMs: 0 }) },
          revocations: revocations(async () => false),
          leases: {
            lease: () =>
              new Promise((resolve) => {
                grant = () => resolve({ release: () => released++ })
              }),
          },
        },
      },
    })
    expect(await refused(`${front.ws}/v1/realtime`, { headers: await bearer() })).toMatchObject({ status: 500, code: 'internal' })
    grant()
    await eventually(() => released === 1)
  })

  it.each<[string, Parameters<typeof startFront>[0], number, string]>([
    ['draining', { deps: { draining: () => true } }, 503, 'draining'],
    [
      'a profile the token does not allow',
      {
        deps: {
          profileFor: () => {
            throw new RefusalError('forbidden', 'profile_not_allowed')
          },
        },
      },
      403,
      'forbidden',
    ],
    ['a profile that fails later', { deps: { profileFor: () => Promise.reject(new RefusalError('forbidden', 'profile_not_allowed')) } }, 403, 'forbidden'],
    [
      'a store that fails',
      {
        deps: {
          store: {
            rates: { take: () => Promise.reject(new Error('redis://:hunter2@host')) },
            revocations: revocations(async () => false),
            leases: { lease: async () => undefined },
          },
        },
      },
      500,
      'internal',
    ],
    ['an authenticator that fails', { deps: { authenticator: { authenticate: () => Promise.reject(new Error('hunter2')) } } }, 500, 'internal'],
  ])('refuses for %s', async (_name, options, status, code) => {
    front = await startFront(options)
    const answer = await refused(`${front.ws}/v1/realtime`, { headers: await bearer() })
    expect(answer).toMatchObject({ status, code })
    if (status === 503) expect(answer.headers['retry-after']).toBe('1')
    expect(answer.text + front.logs()).not.toContain('hunter2')
    expect(front.leases()).toBe(0)
  })

  it('closes with the catalogue’s code if the session cannot be opened', async () => {
    front = await startFront({
      deps: {
        openSession: () => {
          throw new Error('hunter2')
        },
      },
    })
    const socket = new WebSocket(`${front.ws}/v1/realtime`, { headers: await bearer() })
    const closed = once(socket, 'close')
    const [data] = (await once(socket, 'message')) as [Buffer]
    expect(JSON.parse(data.toString())).toMatchObject({ type: 'error', error: { code: 'internal' } })
    expect((await closed)[0]).toBe(4500)
    expect(front.leases()).toBe(0)
    expect(front.logs()).not.toContain('hunter2')
  })
})

describe('REFUSE_AFTER_UPGRADE', () => {
  it('upgrades, sends one error event and closes with the catalogue’s code', async () => {
    front = await startFront({ config: { refuseAfterUpgrade: true, allowedOrigins: ['https://app.example'] }, limits: { connectsPerSecond: 1000, maxSessionsPerUser: 1 } })
    const attempt = async (headers: Record<string, string>, protocols: string[] = []): Promise<[string, number, string]> => {
      const socket = new WebSocket(`${front.ws}/v1/realtime`, protocols, { headers })
      const closed = once(socket, 'close')
      const events: string[] = []
      socket.on('message', (data) => events.push(String(data)))
      const [code, reason] = (await closed) as [number, Buffer]
      expect(events.length).toBe(1)
      const event = JSON.parse(events[0] ?? '') as { type: string; error: { code: string; message: string } }
      expect(event.type).toBe('error')
      return [event.error.code, code, reason.toString()]
    }
    expect(await attempt({}, ['realtime', 'openai-insecure-api-key.bad'])).toEqual(['unauthenticated', 4401, 'unauthenticated: new_token'])
    expect(await attempt({ origin: 'https://evil.example' })).toEqual(['forbidden', 4403, 'forbidden: stop'])
    const { socket } = await open(`${front.ws}/v1/realtime`, { headers: await bearer() })
    expect(await attempt(await bearer())).toEqual(['too_many_sessions', 4429, 'too_many_sessions: back_off; retry after 5 s'])
    socket.terminate()
    expect((await refused(`${front.ws}/nowhere`)).status).toBe(404)
    expect((await refused(`${front.ws}/v1/realtime?model=a&model=b`)).status).toBe(400)
  })
})

it('refuses in the usual shape while the server closes', async () => {
  front = await startFront()
  const { socket } = await open(`${front.ws}/v1/realtime`, { headers: await bearer() })
  const request = `GET /v1/realtime HTTP/1.1\r\n${HEAD}api-key: ${await token()}\r\n\r\n`
  const late = connect(front.port, '127.0.0.1')
  late.on('error', () => {})
  let answer = ''
  late.on('data', (chunk) => {
    answer += String(chunk)
  })
  const accepted = once(front.app.server, 'connection')
  late.write(request.slice(0, 40))
  const [serverSide] = (await accepted) as [{ bytesRead: number }]
  await eventually(() => serverSide.bytesRead > 0)
  const closing = front.app.close()
  await eventually(() => !front.app.server.listening)
  late.write(request.slice(40))
  await once(late, 'close')
  expect(answer).toMatch(/^HTTP\/1\.1 503 /)
  expect(answer).toContain('"code":"draining"')
  const closed = once(socket, 'close')
  for (const session of front.sessions) session.client.close(1012, '')
  expect((await closed)[0]).toBe(1012)
  await closing
})
