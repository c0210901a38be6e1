// The link contract for accepted and dialled WebSockets, with real sockets on loopback.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import type { Link } from '../../src/ports/link.js'
import { acceptLink, dialLink } from '../../src/wire/dial-accept.js'
import { settled } from '../wire/frame-reading.js'
import { dialOptions, dispose, linkServer, listen, MAX_PAYLOAD, peerOf, wsServer } from '../wire/link-peers.js'
import { closeOf, collect, describeLink, type LinkPair } from './link.js'

afterEach(async () => {
  vi.useRealTimers()
  await dispose()
})

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
  it('keeps frames from the same packet as the upgrade request', async () => {
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

  it.each([
    ['both', ['link', 'peer'], 0],
    ['the peer', ['peer'], 5],
    ['the link', ['link'], 5],
    ['neither', [], 5],
  ])('pings once per interval unless there is traffic both ways: %s', async (_name, talking, expected) => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const server = await linkServer(3200)
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}`)
    const [link] = await Promise.all([server.nextLink(), once(socket, 'open')])
    link.resume()
    let pings = 0
    socket.on('ping', () => pings++)
    for (let half = 0; half < 10; half++) {
      const heard = [...(talking.includes('link') ? [once(socket, 'message')] : []), ...(talking.includes('peer') ? [collect(link, 1)] : [])]
      if (talking.includes('link')) link.send('to the peer')
      if (talking.includes('peer')) socket.send('to the link')
      await Promise.all(heard)
      vi.advanceTimersByTime(1600)
      // A ping and its pong: each is there at the next turn of the loop.
      for (let turn = 0; turn < 8; turn++) await settled()
    }
    expect(pings).toBe(expected)
    socket.terminate()
    await closeOf(link)
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

  it('writes the frames of one turn at once and within that turn', async () => {
    const http = createServer()
    const sockets = new WebSocketServer({ server: http })
    const accepted = new Promise<{ link: Link; raw: Socket }>((resolve) => {
      const options = { pingIntervalMs: 60_000, maxPayloadBytes: MAX_PAYLOAD }
      sockets.on('connection', (socket, request) => resolve({ link: acceptLink(socket, request.socket, options), raw: request.socket }))
    })
    const socket = new WebSocket(`ws://127.0.0.1:${await listen(http)}`)
    const peer = peerOf(socket)
    const { link, raw } = await accepted
    const writes = vi.spyOn(raw, 'write')
    link.send('a')
    link.send('b')
    expect(writes).not.toHaveBeenCalled()
    await new Promise<void>((resolve) => process.nextTick(resolve))
    expect(writes).toHaveBeenCalledTimes(1)
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
