// Closes a connection whose peer may still be sending, so that the peer reads our answer and not a reset.
import type { Socket } from 'node:net'

/** How long, and how much, is still read and dropped. */
const LINGER_MS = 2000
const LINGER_BYTES = 8 * 1024 * 1024
const LOOKS = 20

const lingering = new WeakSet<Socket>()

/**
 * Ends our half of the connection, then reads and drops what still comes until the peer ends its own, within bounds. A system resets a connection that is
 * closed with bytes unread, and the peer then loses what we wrote.
 */
export function lingerThenDestroy(socket: Socket): void {
  if (socket.destroyed || lingering.has(socket)) return
  lingering.add(socket)
  const before = socket.bytesRead
  let looks = 0
  const timer = setInterval(() => {
    if (++looks >= LOOKS || socket.bytesRead - before > LINGER_BYTES) socket.destroy()
  }, LINGER_MS / LOOKS)
  socket.once('close', () => clearInterval(timer))
  socket.end()
  if (socket.readableEnded) return socket.destroySoon()
  socket.once('end', () => socket.destroySoon())
  socket.resume()
}

export function isLingering(socket: Socket): boolean {
  return lingering.has(socket)
}

/** Node closes a connection as soon as its last answer is written, whatever the peer still sends. From now on it lingers instead. */
export function lingerAtClose(socket: Socket): void {
  socket.destroySoon = () => {
    if (socket.readableEnded || lingering.has(socket)) Object.getPrototypeOf(socket).destroySoon.call(socket)
    else lingerThenDestroy(socket)
  }
}
