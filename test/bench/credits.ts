// Reports to the sending end how many messages of each session have arrived, over a separate socket that bypasses the target.
import { connect, createServer, type Socket } from 'node:net'

const RECORD_BYTES = 8

export interface Credits {
  /** Reported once at the end of each turn of the event loop, even after several changes. */
  report(session: number, received: number): void
}

function creditsOver(socket: Socket, onCredit: (session: number, received: number) => void): Credits {
  const pending = new Map<number, number>()
  let left: Buffer = Buffer.alloc(0)
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    const bytes = left.length > 0 ? Buffer.concat([left, chunk]) : chunk
    let at = 0
    for (; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) onCredit(bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4))
    left = bytes.subarray(at)
  })
  const flush = (): void => {
    const records = Buffer.allocUnsafe(pending.size * RECORD_BYTES)
    let at = 0
    for (const [session, received] of pending) {
      records.writeUInt32BE(session, at)
      records.writeUInt32BE(received, at + 4)
      at += RECORD_BYTES
    }
    pending.clear()
    socket.write(records)
  }
  return {
    report: (session, received) => {
      if (pending.size === 0) setImmediate(flush)
      pending.set(session, received)
    },
  }
}

/** One peer at a time. Resolves to the port on loopback. */
export function serveCredits(onCredit: (session: number, received: number) => void, onPeer: (credits: Credits) => void): Promise<number> {
  const server = createServer((socket) => onPeer(creditsOver(socket, onCredit)))
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : 0)
    })
  })
}

/** Rejects if the port is closed. */
export function dialCredits(port: number, onCredit: (session: number, received: number) => void): Promise<Credits> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', reject)
    socket.once('connect', () => resolve(creditsOver(socket, onCredit)))
  })
}
