// The WebSocket link, accepted and dialled, against real sockets on loopback.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import type { Link } from '../../src/ports.js'
import { acceptLink, DialError, dialLink, serverOptions } from '../../src/ws-link.js'
import { closeOf, collect, describeLink, type LinkPair, type Peer } from './link.js'

const MAX_PAYLOAD = 4 * 1024 * 1024
const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const dialOptions = (over: Partial<Parameters<typeof dialLink>[1]> = {}): Parameters<typeof dialLink>[1] => ({
  headers: {},
  timeoutMs: 5000,
  signal: new AbortController().signal,
  maxPayloadBytes: MAX_PAYLOAD,
  pingIntervalMs: 60_000,
  ...over,
})

function peerOf(socket: WebSocket): Peer {
  const frames: { text: string; isBinary: boolean }[] = []
  const waiting: ((frame: { text: string; isBinary: boolean }) => void)[] = []
  socket.on('error', () => {})
  socket.on('message', (data: Buffer, isBinary) => {
    const frame = { text: data.toString(), isBinary }
    const waiter = waiting.shift()
    if (waiter) waiter(frame)
    else frames.push(frame)
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) => socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })))
  return {
    send: (data) => socket.send(data),
    close: (code, reason) => socket.close(code, reason),
    destroy: () => socket.terminate(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    next: () => {
      const frame = frames.shift()
      return frame ? Promise.resolve(frame) : new Promise((resolve) => waiting.push(resolve))
    },
    closed,
  }
}

async function listen(server: Server | ReturnType<typeof createTlsServer> | ReturnType<typeof createTcpServer>): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

const tlsFile = (name: string): Buffer => readFileSync(new URL(`../support/tls/localhost-${name}.pem`, import.meta.url))

/** A WebSocket server whose every socket becomes an accepted link. */
async function linkServer(pingIntervalMs = 60_000, tls = false): Promise<{ port: number; nextLink: () => Promise<Link> }> {
  const http = tls ? createTlsServer({ cert: tlsFile('cert'), key: tlsFile('key') }) : createServer()
  const sockets = new WebSocketServer({ ...serverOptions({ maxPayloadBytes: MAX_PAYLOAD, chooseSubprotocol: () => undefined }), server: http })
  const links: Link[] = []
  const waiting: ((link: Link) => void)[] = []
  sockets.on('connection', (socket, request) => {
    const link = acceptLink(socket, request.socket, { pingIntervalMs })
    const waiter = waiting.shift()
    if (waiter) waiter(link)
    else links.push(link)
  })
  const port = await listen(http)
  const nextLink = (): Promise<Link> => {
    const link = links.shift()
    return link ? Promise.resolve(link) : new Promise((resolve) => waiting.push(resolve))
  }
  return { port, nextLink }
}

async function wsServer(onSocket: (socket: WebSocket) => void): Promise<number> {
  const http = createServer()
  new WebSocketServer({ server: http, closeTimeout: 500 } as never).on('connection', onSocket)
  return listen(http)
}

const dispose = async (): Promise<void> => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
}

describeLink('accepted', async (): Promise<LinkPair> => {
  const server = await linkServer()
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}`)
  const peer = peerOf(socket)
  const [link] = await Promise.all([server.nextLink(), once(socket, 'open')])
  return { link, peer, dispose }
})

describeLink('accepted over TLS', async (): Promise<LinkPair> => {
  const server = await linkServer(60_000, true)
  const socket = new WebSocket(`wss://127.0.0.1:${server.port}`, { rejectUnauthorized: false })
  const peer = peerOf(socket)
  const [link] = await Promise.all([server.nextLink(), once(socket, 'open')])
  return { link, peer, dispose }
})

describeLink('dialled', async (): Promise<LinkPair> => {
  let accepted: (socket: WebSocket) => void = () => {}
  const socket = new Promise<WebSocket>((resolve) => {
    accepted = resolve
  })
  const port = await wsServer((opened) => accepted(opened))
  const link = await dialLink(`ws://127.0.0.1:${port}`, dialOptions())
  return { link, peer: peerOf(await socket), dispose }
})

describe('accepted link', () => {
  it('keeps frames that come in the packet of the upgrade request', async () => {
    const server = await linkServer()
    const socket = connect(server.port, '127.0.0.1')
    const head = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
    socket.write(Buffer.concat([Buffer.from(head), Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69])]))
    const link = await server.nextLink()
    const frames = collect(link, 1)
    await new Promise((resolve) => setImmediate(resolve))
    link.resume()
    expect(await frames).toEqual([['hi', false]])
    socket.destroy()
  })

  it('cuts off a peer that vanished, as 1006, and keeps one that only pongs', async () => {
    const server = await linkServer(40)
    const alive = new WebSocket(`ws://127.0.0.1:${server.port}`)
    const aliveLink = await server.nextLink()
    aliveLink.resume()
    let aliveClosed = false
    aliveLink.onClose(() => {
      aliveClosed = true
    })
    const silent = new WebSocket(`ws://127.0.0.1:${server.port}`, { autoPong: false })
    silent.on('error', () => {})
    const silentLink = await server.nextLink()
    silentLink.resume()
    expect(await closeOf(silentLink)).toBe(1006)
    let pings = 0
    await new Promise<void>((resolve) => alive.on('ping', () => ++pings === 4 && resolve()))
    expect(aliveClosed).toBe(false)
  })

  it('does not count silence against a peer while paused', async () => {
    const server = await linkServer(20)
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}`, { autoPong: false })
    const link = await server.nextLink()
    let closed = false
    link.onClose(() => {
      closed = true
    })
    let pings = 0
    await new Promise<void>((resolve) => socket.on('ping', () => ++pings === 6 && resolve()))
    expect(closed).toBe(false)
  })

  it('destroys a peer that never answers a close, within the close time limit', async () => {
    const server = await linkServer()
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n')
    const link = await server.nextLink()
    const started = performance.now()
    link.close(4408, 'idle')
    expect(await closeOf(link)).toBe(1006)
    expect(performance.now() - started).toBeLessThan(4000)
  })

  it.each([
    ['a message over the limit', 1009, (socket: WebSocket) => socket.send('x'.repeat(MAX_PAYLOAD + 1))],
    ['text that is not UTF-8', 1007, (socket: WebSocket) => socket.send(Buffer.from([0xff, 0xfe]), { binary: false })],
    [
      'endless fragments',
      1008,
      (socket: WebSocket) => {
        for (let n = 0; n < 5000; n++) socket.send('x', { fin: false })
      },
    ],
  ])('answers %s with %i and reports that code', async (_name, code, offend) => {
    const server = await linkServer()
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}`)
    socket.on('error', () => {})
    const peer = peerOf(socket)
    const [link] = await Promise.all([server.nextLink(), once(socket, 'open')])
    const closed = closeOf(link)
    link.resume()
    offend(socket)
    expect(await closed).toBe(code)
    expect((await peer.closed).code).toBe(code)
  })

  it('writes the frames of one turn in one packet train and a lone frame at once', async () => {
    const http = createServer()
    const sockets = new WebSocketServer({ server: http })
    const accepted = new Promise<{ link: Link; raw: Socket }>((resolve) => {
      sockets.on('connection', (socket, request) => resolve({ link: acceptLink(socket, request.socket, { pingIntervalMs: 60_000 }), raw: request.socket }))
    })
    const socket = new WebSocket(`ws://127.0.0.1:${await listen(http)}`)
    const peer = peerOf(socket)
    const { link, raw } = await accepted
    link.send('a')
    link.send('b')
    expect(raw.writableCorked).toBe(1)
    await new Promise<void>((resolve) => process.nextTick(resolve))
    expect(raw.writableCorked).toBe(0)
    expect([(await peer.next()).text, (await peer.next()).text]).toEqual(['a', 'b'])
  })

  it('survives a reset of the raw socket at any moment', async () => {
    const server = await linkServer()
    for (let n = 0; n < 20; n++) {
      const socket = new WebSocket(`ws://127.0.0.1:${server.port}`)
      socket.on('error', () => {})
      const [link] = await Promise.all([server.nextLink(), once(socket, 'open')])
      const closed = closeOf(link)
      if (n % 2) link.resume()
      for (let k = 0; k < n; k++) link.send('x'.repeat(10_000))
      ;(socket as unknown as { _socket: Socket })._socket.resetAndDestroy()
      if (n % 2 === 0) link.close(1000, '')
      expect(await closed).toBe(1006)
    }
  })
})

describe('dialLink', () => {
  const failure = async (dial: Promise<Link>): Promise<DialError> => {
    const error = await dial.then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(DialError)
    return error as DialError
  }
  const httpServer = (status: number, headers: Record<string, string>): Promise<number> => {
    const server = createServer()
    server.on('upgrade', (_request, socket) => {
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
      socket.end(`HTTP/1.1 ${status} X\r\n${lines.join('')}content-length: 11\r\n\r\nkey=secret1`)
    })
    return listen(server)
  }

  it.each([
    [401, {}, undefined],
    [404, {}, undefined],
    [429, { 'retry-after': '7' }, 7],
    [429, { 'retry-after-ms': '1500', 'retry-after': '9' }, 1.5],
    [503, { 'retry-after': 'soon' }, undefined],
    [503, { 'retry-after': '99999999' }, 86_400],
    [302, { location: 'ws://127.0.0.1:1/' }, undefined],
    [200, {}, undefined],
  ])('reports HTTP %i with %o', async (status, headers, retryAfterSeconds) => {
    const port = await httpServer(status, headers as Record<string, string>)
    const error = await failure(dialLink(`ws://127.0.0.1:${port}/`, dialOptions()))
    expect({ kind: error.kind, status: error.status, retryAfterSeconds: error.retryAfterSeconds }).toEqual({ kind: 'refused', status, retryAfterSeconds })
    expect(`${error.stack} ${JSON.stringify(error)}`).not.toMatch(/secret1|127\.0\.0\.1/)
  })

  it('understands a date in retry-after', async () => {
    const port = await httpServer(503, { 'retry-after': new Date(Date.now() + 60_000).toUTCString() })
    const error = await failure(dialLink(`ws://127.0.0.1:${port}/`, dialOptions()))
    expect(error.retryAfterSeconds).toBeGreaterThan(50)
    expect(error.retryAfterSeconds).toBeLessThanOrEqual(60)
  })

  it('reports a closed port and a bad URL as unreachable', async () => {
    const probe = createTcpServer()
    const port = await listen(probe)
    await dispose()
    expect((await failure(dialLink(`ws://127.0.0.1:${port}/`, dialOptions()))).kind).toBe('unreachable')
    expect((await failure(dialLink('nonsense', dialOptions()))).kind).toBe('unreachable')
  })

  it('gives up on a server that accepts and says nothing, or drips its answer', async () => {
    const silent = await listen(createTcpServer())
    expect((await failure(dialLink(`ws://127.0.0.1:${silent}/`, dialOptions({ timeoutMs: 50 })))).kind).toBe('timeout')
    const dripping = await listen(
      createTcpServer((socket) => {
        const timer = setInterval(() => socket.write('H'), 10)
        socket.on('close', () => clearInterval(timer))
      }),
    )
    const error = await failure(dialLink(`ws://127.0.0.1:${dripping}/`, dialOptions({ timeoutMs: 80 })))
    expect(['timeout', 'unreachable']).toContain(error.kind)
  })

  it('stops when aborted, before and during the dial, and leaves no socket', async () => {
    expect((await failure(dialLink('ws://127.0.0.1:1/', dialOptions({ signal: AbortSignal.abort() })))).kind).toBe('aborted')
    const controller = new AbortController()
    const server = createTcpServer()
    const port = await listen(server)
    const gone = new Promise<void>((resolve) => server.on('connection', (socket) => socket.on('close', () => resolve()).resume()))
    server.on('connection', () => controller.abort())
    expect((await failure(dialLink(`ws://127.0.0.1:${port}/`, dialOptions({ signal: controller.signal })))).kind).toBe('aborted')
    await gone
  })

  it('is untouched by an abort after the upgrade', async () => {
    const controller = new AbortController()
    const port = await wsServer((socket) => socket.on('message', (data) => socket.send(String(data))))
    const link = await dialLink(`ws://127.0.0.1:${port}/`, dialOptions({ signal: controller.signal }))
    controller.abort()
    const frames = collect(link, 1)
    link.resume()
    link.send('still here')
    expect(await frames).toEqual([['still here', false]])
  })

  it('keeps frames that come in the packet of the answer', async () => {
    const port = await wsServer((socket) => socket.send('first'))
    const link = await dialLink(`ws://127.0.0.1:${port}/`, dialOptions())
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    const frames = collect(link, 1)
    link.resume()
    expect(await frames).toEqual([['first', false]])
  })

  it('refuses an answer with a wrong accept key or an unasked subprotocol', async () => {
    const server = createServer()
    server.on('upgrade', (_request, socket) => {
      socket.on('error', () => {})
      socket.write('HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n')
    })
    const port = await listen(server)
    expect((await failure(dialLink(`ws://127.0.0.1:${port}/`, dialOptions()))).kind).toBe('refused')
  })

  it('verifies certificates, and takes a shared context that trusts one', async () => {
    const https = createTlsServer({ cert: tlsFile('cert'), key: tlsFile('key') })
    new WebSocketServer({ server: https }).on('connection', (socket) => socket.send('secure'))
    const port = await listen(https)
    expect((await failure(dialLink(`wss://localhost:${port}/`, dialOptions()))).kind).toBe('unreachable')
    const link = await dialLink(`wss://localhost:${port}/`, dialOptions({ secureContext: createSecureContext({ ca: tlsFile('cert') }) }))
    const frames = collect(link, 1)
    link.resume()
    expect(await frames).toEqual([['secure', false]])
  })

  it('sends the given headers and subprotocols, and offers no compression', async () => {
    const http = createServer()
    const seen = new Promise<Record<string, unknown>>((resolve) => {
      new WebSocketServer({ server: http }).on('connection', (_socket, request) => resolve(request.headers))
    })
    const port = await listen(http)
    await dialLink(`ws://127.0.0.1:${port}/`, dialOptions({ headers: { 'api-key': 'k' }, protocols: ['realtime'] }))
    const headers = await seen
    expect(headers['api-key']).toBe('k')
    expect(headers['sec-websocket-protocol']).toBe('realtime')
    expect(headers['sec-websocket-extensions']).toBeUndefined()
  })
})
