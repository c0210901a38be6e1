// The mock upstream, a process of its own: a GA Realtime endpoint that sends and counts audio on command.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { type Credits, serveCredits } from './credits.js'
import { closeResponse, GaSession, openResponse } from './ga-session.js'
import { type Inbox, Inboxes } from './inbox.js'
import { channelOf } from './outbox.js'
import { obey } from './rpc.js'
import { type TrafficCommands, trafficOf } from './traffic.js'
import { CLOSE, encodeFrame, PING, PONG } from './wire.js'

export interface MockCommands extends TrafficCommands {
  /** Ports on loopback; `tlsPort` is 0 without a certificate. */
  listen(options: { readonly tls?: { readonly key: string; readonly cert: string } }): Promise<{ port: number; tlsPort: number; creditPort: number }>
  /** How long every later upgrade waits for its 101. */
  delayHandshakes(options: { readonly ms: number }): void
  /** Resolves to the number of sessions that have said hello, once there are `n`. The caller must bound the wait. */
  bound(options: { readonly n: number }): Promise<number>
  /** Open connections, including those in a pool. */
  open(options: Record<string, never>): number
  /** Begins, or ends, one response in every session. */
  response(options: { readonly phase: 'open' | 'close' }): void
}

const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: '

let handshakeDelayMs = 0
const connections = new Map<Inbox, { socket: Socket; session: GaSession }>()
let boundWaiters: { n: number; resolve: (n: number) => void }[] = []

const inboxes = new Inboxes('up', {
  onHello: (inbox, session) => {
    const connection = connections.get(inbox)
    if (!connection) return
    if (traffic.channels.has(session)) inboxes.problem('two connections of one session')
    inbox.session = session
    traffic.channels.set(session, channelOf(session, connection.socket))
    boundWaiters = boundWaiters.filter(({ n, resolve }) => {
      if (traffic.channels.size < n) return true
      resolve(traffic.channels.size)
      return false
    })
  },
  onEvent: (inbox, event) => {
    const connection = connections.get(inbox)
    for (const payload of connection?.session.answer(event, traffic.run()) ?? []) connection?.socket.write(encodeFrame(payload, false))
  },
  onControl: (inbox, opcode, payload) => {
    const socket = connections.get(inbox)?.socket
    if (opcode === PING) socket?.write(encodeFrame(payload, false, PONG))
    if (opcode === CLOSE) socket?.end(encodeFrame(payload, false, CLOSE))
  },
})
const traffic = trafficOf('down', inboxes)

function upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${WEBSOCKET_GUID}`).digest('base64')
  // `realtime` is what Azure's service answers; nothing else that is offered is taken up, extensions included.
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((each) => each.trim())
  const protocol = offered.includes('realtime') ? '\r\nSec-WebSocket-Protocol: realtime' : ''
  const open = (): void => {
    if (socket.destroyed) return
    const inbox = inboxes.add()
    const session = new GaSession()
    connections.set(inbox, { socket, session })
    // One write: the first event may reach the peer in the same read as the 101.
    socket.write(Buffer.concat([Buffer.from(`${SWITCH}${accept}${protocol}\r\n\r\n`), encodeFrame(session.created(), false)]))
    socket.on('data', (chunk: Buffer) => {
      inbox.reader.feed(chunk)
      traffic.afterRead(inbox.session, inboxes.counted(inbox))
    })
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      connections.delete(inbox)
      inboxes.remove(inbox)
      if (traffic.channels.get(inbox.session)?.socket === socket) traffic.channels.delete(inbox.session)
    })
    if (head.length > 0) inbox.reader.feed(head)
  }
  if (handshakeDelayMs === 0) open()
  else setTimeout(open, handshakeDelayMs)
}

function answerPlain(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":{"code":"404","message":"Resource not found"}}')
}

function listenOn(server: ReturnType<typeof createServer> | ReturnType<typeof createTlsServer>): Promise<number> {
  server.on('upgrade', upgrade)
  // Keep-alive probes of a relay's health check must not keep a slot for long.
  server.keepAliveTimeout = 1000
  return new Promise((resolve) => server.listen(0, '127.0.0.1', 4096, () => resolve((server.address() as AddressInfo).port)))
}

function respond(phase: 'open' | 'close'): void {
  const payloads = phase === 'open' ? openResponse(traffic.run()) : closeResponse(traffic.run())
  const frames = Buffer.concat(payloads.map((payload) => encodeFrame(payload, false)))
  for (const { socket } of traffic.channels.values()) socket.write(frames)
}

obey<MockCommands>({
  ...traffic.commands,
  listen: async ({ tls }) => ({
    port: await listenOn(createServer(answerPlain)),
    tlsPort: tls ? await listenOn(createTlsServer(tls, answerPlain)) : 0,
    creditPort: await serveCredits(traffic.acknowledge, (credits: Credits) => traffic.useCredits(credits)),
  }),
  delayHandshakes: ({ ms }) => {
    handshakeDelayMs = ms
  },
  bound: ({ n }) =>
    new Promise((resolve) => {
      if (traffic.channels.size >= n) resolve(traffic.channels.size)
      else boundWaiters.push({ n, resolve })
    }),
  open: () => connections.size,
  response: ({ phase }) => respond(phase),
})
