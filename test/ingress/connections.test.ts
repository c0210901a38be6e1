// Connections that are no session yet: no number of them keeps anybody out, none lasts, and a refused one hears the answer.
import { EventEmitter, once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as tlsConnect } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type DropReason, watchConnections } from '../../src/ingress/connections.js'
import type { Note } from '../../src/ports/notes.js'
import { eventually, type Front, HEAD, open, raw, refused, startFront, token } from './front.js'

let front: Front
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await front?.close()
})
const bearer = async (): Promise<{ authorization: string }> => ({ authorization: `Bearer ${await token()}` })
const pem = (name: string): string => new URL(`../support/tls/localhost-${name}.pem`, import.meta.url).pathname
const tls = { certFile: pem('cert'), keyFile: pem('key') }

async function dial(bytes?: string | Buffer): Promise<Socket> {
  const socket = connect(front.port, '127.0.0.1')
  sockets.push(socket)
  socket.on('error', () => {})
  await once(socket, 'connect')
  if (bytes !== undefined) socket.write(bytes)
  return socket
}

/** Milliseconds until the server has closed the connection, and what it said. */
async function lasts(socket: Socket): Promise<{ ms: number; text: string }> {
  const from = performance.now()
  let text = ''
  socket.on('data', (chunk) => {
    text += String(chunk)
  })
  await once(socket, 'close')
  return { ms: performance.now() - from, text }
}

describe('a flood of one address', () => {
  it('of half-said requests keeps nobody out, not even callers of the same address', async () => {
    const notes: Note[] = []
    front = await startFront({ limits: { maxSessions: 10, handshakeTimeoutMs: 60_000, connectsPerSecond: 200 }, deps: { recorder: { note: (note) => void notes.push(note) } } })
    for (let n = 0; n < 1120; n += 70) await Promise.all(Array.from({ length: 70 }, () => dial('GET /v1/realtime HTTP/1.1\r\nHost: x\r\nx-half: ')))
    expect((await fetch(`${front.http}/livez`)).status).toBe(200)
    const { socket } = await open(`${front.ws}/v1/realtime`, { headers: await bearer() })
    await eventually(() => sockets.filter((one) => one.closed).length >= 620)
    expect(notes.filter((note) => note.type === 'connection_dropped' && note.why === 'address_full').length).toBeGreaterThanOrEqual(620)
    for (let n = 0; n < 700; n += 70) await Promise.all(Array.from({ length: 70 }, () => dial('GET / HTT')))
    socket.send('still here')
    expect(String((await once(socket, 'message'))[0])).toBe('still here')
    socket.terminate()
  })
})

describe('time', () => {
  it.each([
    ['says nothing', undefined],
    ['says half of a TLS hello', Buffer.from([0x16, 3, 1, 2, 0, 1, 0])],
  ])('ends a socket that %s to a TLS port', async (_name, bytes) => {
    front = await startFront({ limits: { handshakeTimeoutMs: 300 }, tls })
    expect((await lasts(await dial(bytes))).ms).toBeLessThan(1500)
  })

  it('ends a TLS connection without a request, and says so', async () => {
    front = await startFront({ limits: { handshakeTimeoutMs: 600 }, tls })
    const tcp = await dial()
    const socket = tlsConnect({ socket: tcp, rejectUnauthorized: false })
    socket.on('error', () => {})
    await once(socket, 'secureConnect')
    const { text } = await lasts(socket)
    expect(text).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('serves TLS callers as before', async () => {
    front = await startFront({ tls, limits: { maxSessions: 10 } })
    const opened = []
    for (let n = 0; n < 3; n++) opened.push(await open(`${front.ws}/v1/realtime`, { headers: await bearer(), rejectUnauthorized: false }))
    for (const { socket } of opened) socket.terminate()
    await eventually(() => front.leases() === 0)
  })

  it('of the handshake holds for what comes after the request too', async () => {
    front = await startFront({ limits: { handshakeTimeoutMs: 600 }, deps: { toolsFor: () => new Promise(() => {}) } })
    const socket = await dial()
    socket.write(`GET /v1/realtime HTTP/1.1\r\n${HEAD}api-key: ${await token()}\r\n\r\n`)
    expect((await lasts(socket)).text).toContain('"internal"')
  })
})

describe('a refused client that still sends', () => {
  const post = (path: string, chunks: number, chunk: Buffer): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const request = httpRequest(`${front.http}${path}`, { method: 'POST' }, async (response: IncomingMessage) => {
        let text = ''
        for await (const part of response) text += String(part)
        resolve({ status: response.statusCode ?? 0, text })
      })
      request.on('error', reject)
      const send = async () => {
        for (let n = 0; n < chunks && !request.destroyed; n++) {
          request.write(chunk)
          await sleep(5)
        }
        request.end()
      }
      void send()
    })

  it.each([
    ['an unknown path', '/nowhere', 404],
    ['a path that takes no POST', '/v1/realtime', 404],
  ])('its body to %s reads the answer', async (_name, path, status) => {
    front = await startFront()
    expect(await post(path, 40, Buffer.alloc(20_000))).toMatchObject({ status, text: expect.stringContaining('"error"') })
  })

  it('its body without end is cut off after a while', async () => {
    front = await startFront()
    const socket = await dial('POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
    const timer = setInterval(() => socket.write('1\r\nx\r\n'), 20)
    socket.resume()
    const { ms, text } = await lasts(socket)
    clearInterval(timer)
    expect(ms).toBeLessThan(3500)
    expect(text).toMatch(/^HTTP\/1\.1 404 /)
  })

  it('frames behind its upgrade reads the answer', async () => {
    front = await startFront()
    const socket = await dial(`GET /v1/realtime HTTP/1.1\r\n${HEAD}\r\n`)
    const timer = setInterval(() => socket.write(Buffer.alloc(10_000)), 1)
    const { text } = await lasts(socket)
    clearInterval(timer)
    expect(text).toMatch(/^HTTP\/1\.1 401 [\s\S]*"unauthenticated"/)
  })

  it('a head without end reads the answer', async () => {
    front = await startFront()
    expect(await raw(front.port, `GET / HTTP/1.1\r\nHost: x\r\nx-long: ${'x'.repeat(3_000_000)}`)).toMatch(/^HTTP\/1\.1 431 /)
  })

  it('is gone once it has read the answer', async () => {
    front = await startFront()
    expect((await refused(`${front.ws}/v1/realtime`)).status).toBe(401)
    await eventually(() => (front.app.server as unknown as { _connections: number })._connections === 0)
  })
})

describe('the watch', () => {
  let server: EventEmitter
  let dropped: DropReason[]
  let port = 1
  const fakes = (limits: { max?: number; maxOfAddress?: number; isShared?: (address: string | undefined) => boolean }) =>
    watchConnections(server as unknown as Server, {
      handshakeMs: 1000,
      max: 4,
      maxOfAddress: 2,
      isShared: () => false,
      tooLate: (socket) => void socket.destroy(),
      onDropped: (why) => void dropped.push(why),
      ...limits,
    })
  const caller = (remoteAddress: string): Socket => {
    const events = new EventEmitter()
    const socket = Object.assign(events, {
      remoteAddress,
      remotePort: port++,
      localAddress: '10.0.0.1',
      destroyed: false,
      destroy() {
        this.destroyed = true
        events.emit('close')
      },
    })
    server.emit('connection', socket)
    return socket as unknown as Socket
  }
  const gone = (...callers: Socket[]) => callers.map(({ destroyed }) => destroyed)
  const works = (socket: Socket): EventEmitter => {
    const response = new EventEmitter()
    server.emit('request', { socket }, response)
    return response
  }
  beforeEach(() => {
    vi.useFakeTimers()
    server = new EventEmitter()
    dropped = []
  })
  afterEach(() => vi.useRealTimers())

  it('counts from TCP on, whatever time TLS takes, to the end of the first request’s head', () => {
    Object.assign(server, { setSecureContext() {} })
    const watch = fakes({})
    const tcp = caller('1.1.1.1')
    vi.advanceTimersByTime(400)
    const { remoteAddress, remotePort, localAddress } = tcp
    const http = Object.assign(new EventEmitter(), { remoteAddress, remotePort, localAddress, destroyed: false, destroy: () => tcp.destroy() }) as unknown as Socket
    server.emit('secureConnection', http)
    server.emit('upgrade', { socket: http })
    expect(watch.msLeft(http)).toBe(600)
  })

  it('lets the longest idle of an address give way, an IPv6 /64 being one', () => {
    fakes({})
    const [a, b, c] = [caller('2001:db8::1'), caller('2001:db8::2'), caller('2001:db8::ffff:3')]
    const other = caller('2001:db8:0:1::1')
    expect(gone(a, b, c, other)).toEqual([true, false, false, false])
    expect(dropped).toEqual(['address_full'])
  })

  it('keeps one whose request is being answered, and drops the new one if all are', () => {
    fakes({})
    const [a, b] = [caller('1.1.1.1'), caller('::ffff:1.1.1.1')]
    const answer = works(a)
    const c = caller('1.1.1.1')
    expect(gone(a, b, c)).toEqual([false, true, false])
    works(c)
    const d = caller('1.1.1.1')
    expect(gone(a, c, d)).toEqual([false, false, true])
    answer.emit('close')
    caller('1.1.1.1')
    expect(gone(a, c)).toEqual([true, false])
  })

  it('bounds all addresses together, and those of a shared one only so', () => {
    fakes({ isShared: (address) => address === '10.0.0.9' })
    const callers = ['10.0.0.9', '10.0.0.9', '10.0.0.9', '10.0.0.9', '10.0.0.9', '2.2.2.2'].map(caller)
    expect(gone(...callers)).toEqual([true, true, false, false, false, false])
    expect(dropped).toEqual(['full', 'full'])
  })

  it('drops what is too slow, but no session and nothing that is being answered', () => {
    const watch = fakes({})
    const [slow, session, working] = [caller('1.1.1.1'), caller('2.2.2.2'), caller('3.3.3.3')] as const
    vi.advanceTimersByTime(400)
    server.emit('upgrade', { socket: session })
    expect(watch.msLeft(session)).toBe(600)
    watch.opened(session)
    works(working)
    vi.advanceTimersByTime(600)
    expect(gone(slow, session, working)).toEqual([true, false, false])
    expect([session.listenerCount('close'), session.listenerCount('finish')]).toEqual([0, 0])
    expect(dropped).toEqual(['time'])
    for (let n = 0; n < 10; n++) caller('2.2.2.2')
    expect(session.destroyed).toBe(false)
  })
})
