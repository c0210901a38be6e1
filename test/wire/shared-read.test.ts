// Dialled links read into one memory that the next read overwrites: over real TCP and TLS sockets no byte of one session is lost, changed, or found in another.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import { createSecureContext, type TLSSocket } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { Link } from '../../src/ports/link.js'
import { dialLink } from '../../src/wire/dial-accept.js'
import { isShared, ownBytes } from '../../src/wire/shared-read.js'
import { collect } from '../contract/link.js'
import { fc } from '../support/property.js'
import '../support/wipe-reads.js'
import { frameBytes } from '../support/wire-frames.js'
import { cut, settled } from './frame-reading.js'
import { dialOptions, dispose, linkServer, listen, tlsFile } from './link-peers.js'

afterEach(dispose)

/** Of 150 kB each: more than the buffers of a system take. */
const MANY = 100

/** A service that writes raw bytes once it was dialled. */
async function service(tls: boolean): Promise<{ url: string; nextSocket: () => Promise<Socket> }> {
  const server = tls ? createTlsServer({ cert: tlsFile('cert'), key: tlsFile('key') }) : createServer()
  const port = await listen(server)
  const nextSocket = async (): Promise<Socket> => {
    const [request, socket] = (await once(server, 'upgrade')) as [{ headers: Record<string, string> }, Socket]
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    socket.on('error', () => {})
    socket.write(`HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`)
    return socket
  }
  return { url: `${tls ? 'wss' : 'ws'}://localhost:${port}/`, nextSocket }
}

describe.each(['TCP', 'TLS'])('over %s', (transport) => {
  const tls = transport === 'TLS'
  const options = () => dialOptions(tls ? { secureContext: createSecureContext({ ca: tlsFile('cert') }) } : {})

  async function open(): Promise<{ link: Link; socket: Socket }> {
    const { url, nextSocket } = await service(tls)
    const [socket, link] = await Promise.all([nextSocket(), dialLink(url, options())])
    return { link, socket }
  }

  it('what three sessions are sent goes on to each of their clients, slow ones too', async () => {
    const clients = await linkServer()
    const pair = async () => {
      const up = await open()
      const client = new WebSocket(`ws://127.0.0.1:${clients.port}/`)
      const [down] = await Promise.all([clients.nextLink(), once(client, 'open')])
      up.link.onFrame((frame) => down.send(frame))
      up.link.resume()
      return { ...up, client, down }
    }
    const pairs = [await pair(), await pair(), await pair()]
    const lengths = fc.array(fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 150_000 })), { minLength: 1, maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(fc.tuple(lengths, lengths, lengths), fc.integer({ min: 0, max: 2 }), async (sizes, slow) => {
        pairs[slow]?.client.pause()
        const texts = sizes.map((each, at) => each.map((length, number) => `${at}.${number}:${'abc'.charAt(at).repeat(length)}`))
        const heard = pairs.map(({ client }, at) => messages(client, texts[at]?.length ?? 0))
        for (const [at, { socket }] of pairs.entries()) socket.write(Buffer.concat((texts[at] ?? []).map((text) => frameBytes(0x81, Buffer.from(text), false))))
        // By then the slow one has a backlog, and the others have overwritten what it was read into.
        await Promise.all(heard.filter((_, at) => at !== slow))
        if ((sizes[slow]?.length ?? 0) >= MANY) await expect.poll(() => pairs[slow]?.down.bufferedBytes).toBeGreaterThan(0)
        pairs[slow]?.client.resume()
        for (const [at, each] of heard.entries()) expect((await each).every((text, number) => text === texts[at]?.[number])).toBe(true)
      }),
      { numRuns: 25, examples: [[[Array(MANY).fill(150_000), [70_000, 0, 3000], [200_000]], 0]] },
    )
    for (const { socket, client } of pairs) {
      socket.destroy()
      client.terminate()
    }
  })

  it('all is read in order, wherever it is cut: fragments, binary messages, pings, and messages larger than a read', async () => {
    const { link, socket } = await open()
    link.resume()
    const data = fc.integer({ min: 0, max: 70_000 }).map((length) => Buffer.alloc(length, 0x62))
    const message = fc.oneof(
      data.map((bytes) => ({ wire: [frameBytes(0x81, bytes, false)], heard: [String(bytes), false] })),
      data.map((bytes) => ({ wire: [frameBytes(0x82, bytes, false)], heard: [String(bytes), true] })),
      data.map((bytes) => ({
        wire: [frameBytes(0x01, bytes, false), frameBytes(0x89, Buffer.from('beat'), false), frameBytes(0x80, Buffer.from('end'), false)],
        heard: [`${bytes}end`, false],
      })),
      fc.constant({ wire: [frameBytes(0x81, Buffer.alloc(600_000, 0x63), false)], heard: ['c'.repeat(600_000), false] }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 6 }), fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }), async (sent, cuts) => {
        const bytes = Buffer.concat(sent.flatMap(({ wire }) => wire))
        const heard = collect(link, sent.length)
        for (const piece of cut(
          bytes,
          cuts.map((part) => Math.floor(part * bytes.length)),
        )) {
          socket.write(piece)
          await settled()
        }
        expect(await heard).toEqual(sent.map((one) => one.heard))
      }),
      { numRuns: 40 },
    )
    socket.destroy()
  })

  it('what is put back waits until the link reads on, and comes before what was read later', async () => {
    const { link, socket } = await open()
    link.onExtra?.(() => link.pause())
    const heard: string[] = []
    link.onFrame((frame) => heard.push(frame.toString()))
    link.resume()
    const beat = frameBytes(0x89, Buffer.from('x'), false)
    const paused = once(socket, 'data')
    socket.write(Buffer.concat([beat, ...['a', 'b'].map((text) => frameBytes(0x81, Buffer.from(text), false)), beat, frameBytes(0x81, Buffer.from('c'), false)]))
    await paused
    socket.write(frameBytes(0x81, Buffer.from('d'), false))
    await settled()
    expect(heard).toEqual([])
    link.resume()
    await expect.poll(() => heard.join('')).toBe('ab')
    link.resume()
    await expect.poll(() => heard.join('')).toBe('abcd')
    socket.destroy()
  })

  it('a link that was never resumed delivers nothing, and loses nothing that came early', async () => {
    const { link, socket } = await open()
    const heard: string[] = []
    socket.write(frameBytes(0x81, Buffer.from('early'), false))
    // The bytes have arrived by the time another socket's answer to a later write has.
    const other = await open()
    const later = collect(other.link, 1)
    other.socket.write(frameBytes(0x81, Buffer.from('later'), false))
    link.onFrame((frame) => heard.push(frame.toString()))
    other.link.resume()
    await later
    for (let turn = 0; turn < 20; turn++) await settled()
    expect(heard).toEqual([])
    link.resume()
    await expect.poll(() => heard).toEqual(['early'])
    socket.destroy()
    other.socket.destroy()
  })

  // Node resets no TLS socket.
  it.each((['end', 'destroy', 'resetAndDestroy'] as const).slice(0, tls ? 2 : 3))('a paused link hears that its peer is gone: %s', async (how) => {
    const { link, socket } = await open()
    link.resume()
    link.pause()
    const gone = new Promise<number>((resolve) => link.onClose(resolve))
    socket[how]()
    expect(await gone).toBe(1006)
  })

  it('a flood is read where it lies, though others get their turns: of a read, only what it cuts is copied', async () => {
    const { link, socket } = await open()
    const frame = frameBytes(0x81, Buffer.alloc(996, 0x61), false)
    let copies = 0
    let heard = 0
    link.onFrame((each) => {
      heard++
      if (!isShared(each)) copies++
    })
    link.resume()
    socket.write(Buffer.alloc(4096 * frame.length, frame))
    await expect.poll(() => heard).toBe(4096)
    expect(copies).toBeLessThan(4096 / 8)
    socket.destroy()
  })

  it('a flood leaves the event loop to others after 256 KiB, or the read that reaches them', async () => {
    const { link, socket } = await open()
    const frame = frameBytes(0x81, Buffer.alloc(996, 0x61), false)
    let heard = 0
    let before = 0
    let most = 0
    link.onFrame(() => void heard++)
    // The system holds some megabytes of it by then.
    socket.write(Buffer.alloc(8192 * frame.length, frame))
    for (let turn = 0; turn < 20; turn++) await settled()
    link.resume()
    while (heard < 8192) {
      await settled()
      most = Math.max(most, heard - before)
      before = heard
    }
    expect(most).toBeLessThan(512 * 1.05)
    socket.destroy()
  })

  it('a link that is paused by the last of its turn hears that its peer is gone', async () => {
    const { link, socket } = await open()
    const flood = Array<Buffer>(300).fill(frameBytes(0x81, Buffer.alloc(1000, 0x61), false))
    let heard = 0
    link.onFrame(() => {
      // By then it has read 256 KiB, and others have their turn.
      if (++heard === flood.length) link.pause()
    })
    const gone = new Promise<number>((resolve) => link.onClose(resolve))
    link.resume()
    socket.write(Buffer.concat(flood))
    await expect.poll(() => heard).toBe(flood.length)
    socket.end()
    expect(await gone).toBe(1006)
  })

  it('a single byte that is put back comes before the rest of its frame, which TLS has deciphered by then', async () => {
    const { link, socket } = await open()
    link.onExtra?.(() => link.pause())
    const heard: string[] = []
    link.onFrame((frame) => heard.push(frame.toString()))
    link.resume()
    const [beat, whole] = [frameBytes(0x89, Buffer.from('x'), false), frameBytes(0x81, Buffer.from('whole'), false)]
    // The largest record of TLS ends behind the first byte of the frame.
    const before = frameBytes(0x81, Buffer.alloc(16_384 - 4 - beat.length - 1, 0x62), false)
    const paused = once(socket, 'data')
    socket.write(Buffer.concat([before, beat, whole]))
    await paused
    await settled()
    link.resume()
    await expect.poll(() => heard.at(-1)).toBe('whole')
    expect(heard).toHaveLength(2)
    socket.destroy()
  })

  it('a frame is a view of the shared memory, which is other bytes soon; a copy is not', async () => {
    const { link, socket } = await open()
    const frames: { view: Buffer; own: Buffer; shared: boolean }[] = []
    link.onFrame((frame) => frames.push({ view: frame, own: ownBytes(frame), shared: isShared(frame) }))
    link.resume()
    socket.write(frameBytes(0x81, Buffer.from('first'), false))
    await expect.poll(() => frames.length).toBe(1)
    expect(frames[0]?.shared).toBe(true)
    // All that such sockets have, however many there are.
    expect(frames[0]?.view.buffer.byteLength).toBe(262_144)
    expect(frames[0]?.view.toString()).not.toBe('first')
    expect(frames[0]?.own.toString()).toBe('first')
    socket.destroy()
  })
})

it.each([
  ['localhost', 'localhost'],
  ['127.0.0.1', false],
])('%s is asked for by its name, if it has one', async (host, name) => {
  const server = createTlsServer({ cert: tlsFile('cert'), key: tlsFile('key') })
  const port = await listen(server)
  const asked = once(server, 'secureConnection') as Promise<[TLSSocket & { servername: string | false }]>
  const dialled = dialLink(`wss://${host}:${port}/`, dialOptions({ secureContext: createSecureContext({ ca: tlsFile('cert') }) })).catch(() => undefined)
  const [socket] = await asked
  expect(socket.servername).toBe(name)
  socket.destroy()
  await dialled
})

it('a certificate of another host is refused', async () => {
  const { url } = await service(true)
  const other = url.replace('localhost', '127.0.0.2')
  await expect(dialLink(other, dialOptions({ secureContext: createSecureContext({ ca: tlsFile('cert') }) }))).rejects.toMatchObject({ kind: 'unreachable' })
})

function messages(client: WebSocket, count: number): Promise<readonly string[]> {
  const texts: string[] = []
  return new Promise((resolve) => {
    client.removeAllListeners('message')
    client.on('message', (data) => {
      if (texts.push(String(data)) === count) resolve(texts)
    })
  })
}
