// A real HTTP and WebSocket server on loopback that answers upgrades as a test says and records the requests.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'

export type Answer =
  | { kind: 'accept'; first?: readonly string[] }
  | { kind: 'status'; status: number; headers?: Readonly<Record<string, string>>; body?: string }
  /** Reads the request and never answers. */
  | { kind: 'hang' }
  | { kind: 'reset' }
  | { kind: 'garbage' }

export interface LocalUpstream {
  readonly port: number
  readonly requests: readonly IncomingMessage[]
  answer: Answer
  /** Resolves with the next upgrade request, before it is answered. */
  nextRequest(): Promise<IncomingMessage>
  /** Resolves when the socket of the latest upgrade request is gone. */
  latestClosed(): Promise<void>
  close(): Promise<void>
}

export async function localUpstream(options: { tls?: boolean } = {}): Promise<LocalUpstream> {
  const server: Server = options.tls ? createTlsServer(tlsFiles()) : createServer()
  const sockets = new Set<Socket>()
  const requests: IncomingMessage[] = []
  const waiting: ((request: IncomingMessage) => void)[] = []
  const wss = new WebSocketServer({ noServer: true })
  let closed = Promise.resolve()
  const self = {
    port: 0,
    requests,
    answer: { kind: 'accept' } as Answer,
    nextRequest: () => new Promise<IncomingMessage>((resolve) => waiting.push(resolve)),
    latestClosed: () => closed,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => undefined)
  server.on('upgrade', (request, socket, head) => {
    requests.push(request)
    closed = new Promise((resolve) => socket.once('close', () => resolve()))
    for (const resolve of waiting.splice(0)) resolve(request)
    respond(wss, self.answer, request, socket, head)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  self.port = (server.address() as AddressInfo).port
  return self
}

function respond(wss: WebSocketServer, answer: Answer, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  if (answer.kind === 'accept') {
    wss.handleUpgrade(request, socket, head, (accepted) => {
      accepted.on('error', () => undefined)
      for (const text of answer.first ?? []) accepted.send(text)
    })
    return
  }
  if (answer.kind === 'hang') socket.resume().once('end', () => socket.end())
  else if (answer.kind === 'reset') (socket as Socket).resetAndDestroy()
  else if (answer.kind === 'garbage') socket.end('not HTTP at all\r\n\r\n')
  else {
    const headers = Object.entries({ connection: 'close', ...answer.headers }).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.end(`HTTP/1.1 ${answer.status} Reason\r\n${headers.join('')}\r\n${answer.body ?? ''}`)
  }
}

/** The repository's own certificate for `localhost`, which is not trusted by default. */
function tlsFiles(): { key: Buffer; cert: Buffer } {
  const file = (name: string) => readFileSync(new URL(`../support/tls/${name}`, import.meta.url))
  return { key: file('localhost-key.pem'), cert: file('localhost-cert.pem') }
}
