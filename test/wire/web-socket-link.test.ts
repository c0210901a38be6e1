// An accepted link over real TCP and TLS sockets whose peer writes raw bytes: frames cut anywhere, and bytes after an error or a close.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Link } from '../../src/ports/link.js'
import { closeOf, collect } from '../contract/link.js'
import { fc } from '../support/property.js'
import { frameBytes } from '../support/wire-frames.js'
import { cut, settled } from './frame-reading.js'
import { dispose, linkServer } from './link-peers.js'

const HEAD = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'

afterEach(async () => {
  vi.useRealTimers()
  await dispose()
})

const text = fc.integer({ min: 0, max: 70_000 }).map((length) => Buffer.alloc(length, 0x62))
const message = fc.oneof(
  { weight: 4, arbitrary: text.map((data) => ({ wire: [frameBytes(0x81, data, true)], heard: [String(data), false] as [string, boolean] })) },
  text.map((data) => ({ wire: [frameBytes(0x82, data, true)], heard: [String(data), true] as [string, boolean] })),
  text.map((data) => ({
    wire: [frameBytes(0x01, data, true), frameBytes(0x89, Buffer.from('beat'), true), frameBytes(0x80, Buffer.from('end'), true)],
    heard: [`${data}end`, false] as [string, boolean],
  })),
)

describe.each(['TCP', 'TLS'])('an accepted link over %s', (transport) => {
  async function open(): Promise<{ link: Link; socket: Socket }> {
    const server = await linkServer(60_000, transport === 'TLS')
    const socket = transport === 'TLS' ? connectTls({ host: '127.0.0.1', port: server.port, rejectUnauthorized: false }) : connect({ host: '127.0.0.1', port: server.port })
    socket.on('error', () => {})
    socket.setNoDelay(true)
    socket.write(HEAD)
    const [link] = await Promise.all([server.nextLink(), once(socket, 'data')])
    return { link, socket }
  }

  it('delivers all frames, wherever the packets are cut', async () => {
    const { link, socket } = await open()
    socket.resume()
    link.resume()
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 6 }), fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }), async (messages, cuts) => {
        const bytes = Buffer.concat(messages.flatMap(({ wire }) => wire))
        const heard = collect(link, messages.length)
        for (const piece of cut(
          bytes,
          cuts.map((part) => Math.floor(part * bytes.length)),
        )) {
          socket.write(piece)
          await settled()
        }
        expect(await heard).toEqual(messages.map((one) => one.heard))
      }),
      { numRuns: 60 },
    )
    socket.destroy()
  })

  it.each([4096, 100_000])('gives other sockets a turn while a peer sends frames of %i bytes without end', async (size) => {
    const { link, socket } = await open()
    const frame = frameBytes(0x81, Buffer.alloc(size, 0x61), true)
    const frames = Math.floor(6_500_000 / size)
    socket.write(Buffer.concat(Array.from({ length: frames }, () => frame)))
    // As much as the system takes is there before the first byte is read.
    for (let left = -1; left !== socket.writableLength; ) {
      left = socket.writableLength
      await settled()
    }
    let bytes = 0
    let total = 0
    let most = 0
    const all = new Promise<void>((resolve) => {
      link.onFrame((data) => {
        bytes += data.length
        total += data.length
        if (total === frames * size) resolve()
      })
    })
    const turn = (): void => {
      most = Math.max(most, bytes)
      bytes = 0
      if (total < frames * size) setImmediate(turn)
    }
    setImmediate(turn)
    link.resume()
    await all
    expect(most).toBeLessThanOrEqual(2 * 256 * 1024)
    socket.destroy()
  })

  it.each([
    ['a reserved bit', frameBytes(0xc1, Buffer.from('no'), true), 1002],
    ['text that is not UTF-8', frameBytes(0x81, Buffer.from([0xff, 0xfe]), true), 1007],
    ['a close', frameBytes(0x88, Buffer.from([0x03, 0xe9]), true), 1001],
  ])('ends without waiting for a time limit after %s with more behind it', async (_name, last, code) => {
    const { link, socket } = await open()
    // `ws` ends a close that the peer leaves unanswered after a time limit: with its clock standing still, only the peer's own end can.
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    const more = frameBytes(0x81, Buffer.alloc(20_000, 0x61), true)
    const closed = closeOf(link)
    link.resume()
    const ended = once(socket, 'end')
    socket.resume()
    socket.write(Buffer.concat([last, more]))
    socket.write(more)
    await ended
    socket.end(more)
    expect(await closed).toBe(code)
  })

  it('counts what is no message, reads nothing behind it while paused, and loses nothing', async () => {
    const { link, socket } = await open()
    const extras: number[] = []
    link.onExtra?.((bytes) => {
      extras.push(bytes)
      if (extras.length % 3 === 0) link.pause()
    })
    const heard: string[] = []
    link.onFrame((frame) => heard.push(String(frame)))
    const half = frameBytes(0x01, Buffer.from('ha'), true)
    const frames = [
      ...[frameBytes(0x89, Buffer.from('ping'), true), frameBytes(0x8a, Buffer.from('pong'), true), half, frameBytes(0x00, Buffer.alloc(0), true)],
      ...[frameBytes(0x89, Buffer.alloc(0), true), frameBytes(0x80, Buffer.from('lf'), true), frameBytes(0x81, Buffer.from('one'), true), frameBytes(0x8a, Buffer.alloc(0), true)],
      ...[
        frameBytes(0x81, Buffer.from('two'), true),
        frameBytes(0x8a, Buffer.alloc(0), true),
        frameBytes(0x01, Buffer.alloc(1024, 0x61), true),
        frameBytes(0x80, Buffer.from('b'), true),
      ],
    ]
    link.resume()
    socket.write(Buffer.concat(frames))
    await vi.waitFor(() => expect(extras).toEqual([10, 10, 6]))
    await settled()
    expect(heard).toEqual([])
    link.resume()
    await vi.waitFor(() => expect(extras).toEqual([10, 10, 6, 6, 6, 6]))
    expect(heard).toEqual(['half', 'one'])
    link.resume()
    await vi.waitFor(() => expect(heard).toHaveLength(4))
    expect([heard[2], heard[3]?.length, extras.length]).toEqual(['two', 1025, 7])
    socket.destroy()
  })

  it('waits for no peer that floods after the close', async () => {
    const { link, socket } = await open()
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    link.resume()
    socket.resume()
    link.close(1000, '')
    const closed = closeOf(link)
    socket.write(Buffer.concat(Array.from({ length: 2000 }, () => frameBytes(0x8a, Buffer.alloc(0), true))))
    expect(await closed).toBe(1006)
    socket.destroy()
  })

  it('answers in order: frames sent in a turn go out before the answer to a close in the same packet', async () => {
    const { link, socket } = await open()
    link.onFrame((frame) => link.send(frame))
    link.resume()
    const received: Buffer[] = []
    socket.on('data', (chunk: Buffer) => received.push(chunk))
    const ended = once(socket, 'end')
    socket.write(Buffer.concat([frameBytes(0x81, Buffer.from('one'), true), frameBytes(0x82, Buffer.from('two'), true), frameBytes(0x88, Buffer.from([0x03, 0xe8]), true)]))
    await ended
    const answers = ['one', 'two'].map((answer) => frameBytes(0x81, Buffer.from(answer), false))
    expect(Buffer.concat(received)).toEqual(Buffer.concat([...answers, frameBytes(0x88, Buffer.from([0x03, 0xe8]), false)]))
    socket.destroy()
  })
})
