// Dials: every way in which a server can refuse, stall or break, and what the caller learns of it.
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createTcpServer } from 'node:net'
import { createSecureContext } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import type { Link } from '../../src/ports/link.js'
import { DialError, dialLink } from '../../src/wire/dial-accept.js'
import { collect } from '../contract/link.js'
import { collected } from '../support/collected.js'
import { dialOptions, dispose, listen, tlsFile, wsServer } from './link-peers.js'

afterEach(dispose)

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

  it('an open link, which may last an hour, keeps nothing of the dial in memory', async () => {
    const port = await wsServer(() => undefined)
    const dial = async (): Promise<[Link, WeakRef<object>]> => {
      const options = dialOptions()
      return [await dialLink(`ws://127.0.0.1:${port}/`, options), new WeakRef(options)]
    }
    const [link, options] = await dial()
    await collected(options)
    link.close(1000, '')
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

  it('gives up on a server that accepts and sends nothing, or drips its answer', async () => {
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

  it('keeps frames from the same packet as the answer', async () => {
    const port = await wsServer((socket) => socket.send('first'))
    const link = await dialLink(`ws://127.0.0.1:${port}/`, dialOptions())
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    const frames = collect(link, 1)
    link.resume()
    expect(await frames).toEqual([['first', false]])
  })

  it('refuses an answer with a wrong accept key or a subprotocol that was not offered', async () => {
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
