// A WebSocket peer that can break every rule: it writes the given bytes and reads the answers.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface RawFrame {
  readonly opcode: number
  readonly payload?: Buffer | string
  readonly fin?: boolean
  readonly rsv?: number
}

export const TEXT = 1
export const BINARY = 2
export const CONTINUE = 0
export const CLOSE = 8
export const PING = 9
export const PONG = 10

export interface ReadFrame {
  readonly opcode: number
  readonly payload: Buffer
}

/** How the bytes of a script are cut: one write, one write per frame, or pieces of this many bytes. */
export type Chop = 'whole' | 'frames' | number

export interface RawPeer {
  readonly socket: Socket
  write(frames: readonly RawFrame[], chop?: Chop): Promise<void>
  /** The next matching frame; others are skipped. Rejects if the socket ends first. */
  next(fits: (frame: ReadFrame) => boolean): Promise<ReadFrame>
  /** Resolves to the close code the other side sent (1005: none in the frame, 1006: no close frame) once the socket has ended. Answers its close. */
  readonly ended: Promise<number>
  /** Everything read so far. */
  readonly frames: readonly ReadFrame[]
}

/** Client frames are masked, server frames are not. */
export function encodeFrame({ opcode, payload = '', fin = true, rsv = 0 }: RawFrame, masked: boolean): Buffer {
  const data = Buffer.from(payload as string)
  const first = Buffer.from([(fin ? 0x80 : 0) | (rsv << 4) | opcode])
  const bit = masked ? 0x80 : 0
  let length: Buffer
  if (data.length < 126) length = Buffer.from([bit | data.length])
  else if (data.length < 65_536) length = Buffer.from([bit | 126, data.length >> 8, data.length & 255])
  else {
    length = Buffer.alloc(9)
    length[0] = bit | 127
    length.writeBigUInt64BE(BigInt(data.length), 1)
  }
  if (!masked) return Buffer.concat([first, length, data])
  const mask = randomBytes(4)
  for (let i = 0; i < data.length; i++) data[i] = (data[i] as number) ^ (mask[i & 3] as number)
  return Buffer.concat([first, length, mask, data])
}

/** Rejects if the answer to the upgrade is not 101. */
export async function rawClient(url: URL, headers: Readonly<Record<string, string>>): Promise<RawPeer> {
  const socket = connect(Number(url.port), url.hostname)
  socket.setNoDelay(true)
  const lines = Object.entries({ host: url.host, upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-version': '13', ...headers })
  const key = randomBytes(16).toString('base64')
  socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}sec-websocket-key: ${key}\r\n\r\n`)
  const { head, rest } = await readHead(socket)
  if (!head.startsWith('HTTP/1.1 101')) throw new Error(`not upgraded: ${head.split('\r\n')[0]}`)
  return rawPeer(socket, rest, true)
}

/** The same peer on the server's side: answers an upgrade request that arrived on `socket`. */
export async function rawServer(socket: Socket): Promise<RawPeer> {
  socket.setNoDelay(true)
  const { head, rest } = await readHead(socket)
  const key = /sec-websocket-key: *(\S+)/i.exec(head)?.[1] ?? ''
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  const protocol = /sec-websocket-protocol: *([^\r,]+)/i.exec(head)?.[1]
  const chosen = protocol === undefined ? '' : `sec-websocket-protocol: ${protocol}\r\n`
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n${chosen}sec-websocket-accept: ${accept}\r\n\r\n`)
  return rawPeer(socket, rest, false)
}

async function readHead(socket: Socket): Promise<{ head: string; rest: Buffer }> {
  let bytes = Buffer.alloc(0)
  for (;;) {
    const end = bytes.indexOf('\r\n\r\n')
    if (end >= 0) return { head: bytes.subarray(0, end + 4).toString('latin1'), rest: bytes.subarray(end + 4) }
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    bytes = Buffer.concat([bytes, chunk])
  }
}

function rawPeer(socket: Socket, first: Buffer, masks: boolean): RawPeer {
  const frames: ReadFrame[] = []
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const one of [...waiting]) one()
  }
  let pending = first
  let over = false
  let closeCode = 1006
  const read = (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk])
    for (let one = takeFrame(pending); one; one = takeFrame(pending)) {
      pending = pending.subarray(one.bytes)
      frames.push(one.frame)
      if (one.frame.opcode !== CLOSE) continue
      closeCode = one.frame.payload.length >= 2 ? one.frame.payload.readUInt16BE(0) : 1005
      socket.end(encodeFrame({ opcode: CLOSE, payload: one.frame.payload.subarray(0, 2) }, masks))
    }
    wake()
  }
  const ended = new Promise<number>((resolve) => {
    socket.on('close', () => {
      over = true
      wake()
      resolve(closeCode)
    })
  })
  socket.on('error', () => undefined)
  socket.on('data', read)
  read(Buffer.alloc(0))
  let looked = 0
  return {
    socket,
    frames,
    ended,
    async write(list, chop = 'whole') {
      const pieces = cut(
        list.map((frame) => encodeFrame(frame, masks)),
        chop,
      )
      const spaced = pieces.length > 1 && pieces.length < 2000
      for (const piece of pieces) {
        if (socket.destroyed || socket.writableEnded) return
        if (!socket.write(piece)) await Promise.race([once(socket, 'drain').catch(() => undefined), ended])
        // A turn of the loop between two pieces: they leave as packets of their own.
        else if (spaced) await new Promise((resolve) => setImmediate(resolve))
      }
    },
    next: (fits) =>
      new Promise((resolve, reject) => {
        const look = () => {
          while (looked < frames.length) {
            const frame = frames[looked++] as ReadFrame
            if (fits(frame)) return settle(() => resolve(frame))
          }
          if (over) settle(() => reject(new Error(`ended with ${closeCode} before the frame came`)))
        }
        const settle = (how: () => void) => {
          waiting.delete(look)
          how()
        }
        waiting.add(look)
        look()
      }),
  }
}

function cut(encoded: readonly Buffer[], chop: Chop): readonly Buffer[] {
  if (chop === 'frames') return encoded
  const all = Buffer.concat(encoded)
  if (chop === 'whole') return [all]
  return Array.from({ length: Math.ceil(all.length / chop) }, (_, n) => all.subarray(n * chop, (n + 1) * chop))
}

function takeFrame(bytes: Buffer): { frame: ReadFrame; bytes: number } | undefined {
  if (bytes.length < 2) return undefined
  const masked = ((bytes[1] as number) & 0x80) !== 0
  let length = (bytes[1] as number) & 0x7f
  let at = 2
  if (length === 126) {
    if (bytes.length < 4) return undefined
    length = bytes.readUInt16BE(2)
    at = 4
  } else if (length === 127) {
    if (bytes.length < 10) return undefined
    length = Number(bytes.readBigUInt64BE(2))
    at = 10
  }
  const mask = masked ? bytes.subarray(at, at + 4) : undefined
  if (masked) at += 4
  if (bytes.length < at + length) return undefined
  const payload = Buffer.from(bytes.subarray(at, at + length))
  if (mask) for (let i = 0; i < payload.length; i++) payload[i] = (payload[i] as number) ^ (mask[i & 3] as number)
  return { frame: { opcode: (bytes[0] as number) & 15, payload }, bytes: at + length }
}
