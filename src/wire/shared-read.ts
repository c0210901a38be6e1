// Reads dialled sockets into one piece of memory, which the next read overwrites, of whatever socket it is.
import { connect, isIP, type NetConnectOpts, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'

/** Of one read. Measured: with half of it messages of 4 kB cost a sixth more, and twice as much gains nothing that shows. */
const SHARED_BYTES = 256 * 1024

/** For `createConnection` of `ws`, which decides the other options. */
type Connects = (options: NetConnectOpts & ConnectionOptions) => Socket
/** False: the system is asked for nothing more until the socket is resumed, or read from. */
type Reads = (chunk: Buffer) => boolean

let memory: Buffer | undefined
let wipes: boolean | undefined
/** By socket, once `ws` has made its handshake. Undefined: its bytes are events, as of any socket. */
const readers = new WeakMap<Socket, { reads: Reads | undefined }>()

/** Node asks for memory once the socket is there, and after each read. All get the same, so that an idle one has none. */
function theMemory(): Buffer {
  memory ??= Buffer.allocUnsafeSlow(SHARED_BYTES)
  return memory
}

function reading(open: (onread: { buffer: () => Buffer; callback: (bytes: number, into: Uint8Array) => boolean }) => Socket): Socket {
  const reader: { reads: Reads | undefined } = { reads: undefined }
  const socket = open({
    buffer: theMemory,
    callback: (bytes) => {
      const chunk = theMemory().subarray(0, bytes)
      // A paused socket keeps what still comes, and what was put back is read first.
      if (!reader.reads || socket.isPaused() || socket.readableLength > 0) return socket.push(Buffer.from(chunk))
      const goesOn = reader.reads(chunk)
      if (wipes) chunk.fill(0)
      return goesOn
    },
  })
  // With memory of its own, Node would stop at once, and a paused socket would not hear that its peer is gone. As any other, it reads a little more.
  socket.pause = () => Readable.prototype.pause.call(socket) as Socket
  readers.set(socket, reader)
  return socket
}

export const connectShared: Connects = (options) => reading((onread) => connect({ ...options, path: undefined, onread } as never))

/** The certificate must be that of `servername`, or of the host. */
export const connectSharedTls: Connects = (options) => {
  const servername = options.servername ?? (isIP(options.host ?? '') ? '' : options.host)
  return reading((onread) => connectTls({ ...options, path: undefined, servername, onread } as never))
}

/**
 * From now on `reads` gets what this socket reads where it lies: whoever keeps any of it copies it. Undefined: it comes as events again. Sockets
 * that were not dialled here are left as they are.
 */
export function readShared(socket: Socket, reads: Reads | undefined): void {
  const reader = readers.get(socket)
  if (reader) reader.reads = reads
}

/** Whether bytes lie where the next read overwrites them. */
export function isShared(bytes: Buffer): boolean {
  return bytes.buffer === memory?.buffer
}

/** A copy, of bytes that lie there; else the bytes themselves. */
export function ownBytes(bytes: Buffer): Buffer {
  return isShared(bytes) ? Buffer.from(bytes) : bytes
}

/** For tests: whoever keeps bytes without a copy finds them gone. */
export function wipeSharedReads(): void {
  wipes = true
}
