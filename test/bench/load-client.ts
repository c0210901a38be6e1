// Opens one WebSocket of the load generator: dials, upgrades by hand, and measures how long `session.created` takes.
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { nowMicros } from './audio-frames.js'

export interface Dial {
  readonly port: number
  readonly path: string
  readonly token: string
  /** Offer permessage-deflate as browsers do. */
  readonly deflate: boolean
  readonly timeoutMs: number
}

export interface Upgraded {
  readonly socket: Socket
  /** Bytes that arrived together with the 101. */
  readonly head: Buffer
  readonly deflateAccepted: boolean
  readonly startedMicros: number
}

const MAX_HEAD_BYTES = 32_768

/** Rejects with the server's answer, or after `timeoutMs`. */
export function dial(options: Dial): Promise<Upgraded> {
  return new Promise((resolve, reject) => {
    const startedMicros = nowMicros()
    const socket = connect(options.port, '127.0.0.1')
    const fail = (why: string): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(new Error(why))
    }
    const timer = setTimeout(() => fail('no answer in time'), options.timeoutMs)
    let received = Buffer.alloc(0)
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk])
      const end = received.indexOf('\r\n\r\n')
      if (end < 0) {
        if (received.length > MAX_HEAD_BYTES) fail('an endless response head')
        return
      }
      const head = received.subarray(0, end).toString('latin1')
      if (!head.startsWith('HTTP/1.1 101')) return fail(`refused: ${head.split('\r\n')[0]} ${received.subarray(end + 4, end + 300).toString()}`)
      clearTimeout(timer)
      socket.off('data', onData)
      socket.off('close', onClose)
      resolve({ socket, head: received.subarray(end + 4), deflateAccepted: /permessage-deflate/i.test(head), startedMicros })
    }
    const onClose = (): void => fail('closed before the upgrade')
    socket.setNoDelay(true)
    socket.on('error', (error) => fail(error.message))
    socket.on('data', onData)
    socket.on('close', onClose)
    const lines = [
      `GET ${options.path} HTTP/1.1`,
      `Host: 127.0.0.1:${options.port}`,
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      'Sec-WebSocket-Version: 13',
      `Authorization: Bearer ${options.token}`,
    ]
    if (options.deflate) lines.push('Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits')
    socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  })
}
