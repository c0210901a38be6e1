// Servers and peers on loopback for the tests of links; `dispose` ends them all.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, createServer as createTcpServer, Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Link } from '../../src/ports/link.js'
import { acceptLink, type dialLink, serverOptions } from '../../src/wire/dial-accept.js'
import type { Peer } from '../contract/link.js'

export const MAX_PAYLOAD = 4 * 1024 * 1024
const cleanups: (() => Promise<void>)[] = []

export const dialOptions = (over: Partial<Parameters<typeof dialLink>[1]> = {}): Parameters<typeof dialLink>[1] => ({
  headers: {},
  timeoutMs: 5000,
  signal: new AbortController().signal,
  maxPayloadBytes: MAX_PAYLOAD,
  pingIntervalMs: 60_000,
  ...over,
})

export function peerOf(socket: WebSocket): Peer {
  const frames: { text: string; isBinary: boolean }[] = []
  const waiting: ((frame: { text: string; isBinary: boolean }) => void)[] = []
  socket.on('error', () => {})
  socket.on('message', (data: Buffer, isBinary) => {
    const frame = { text: data.toString(), isBinary }
    const waiter = waiting.shift()
    if (waiter) waiter(frame)
    else frames.push(frame)
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) => socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })))
  return {
    send: (data) => socket.send(data),
    close: (code, reason) => socket.close(code, reason),
    destroy: () => socket.terminate(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    next: () => {
      const frame = frames.shift()
      return frame ? Promise.resolve(frame) : new Promise((resolve) => waiting.push(resolve))
    },
    closed,
  }
}

export async function listen(server: Server | ReturnType<typeof createTlsServer> | ReturnType<typeof createTcpServer>): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

export const tlsFile = (name: string): Buffer => readFileSync(new URL(`../support/tls/localhost-${name}.pem`, import.meta.url))

/** A WebSocket server whose every socket becomes an accepted link. */
export async function linkServer(pingIntervalMs = 60_000, tls = false): Promise<{ port: number; nextLink: () => Promise<Link> }> {
  const http = tls ? createTlsServer({ cert: tlsFile('cert'), key: tlsFile('key') }) : createServer()
  const sockets = new WebSocketServer({ ...serverOptions({ maxPayloadBytes: MAX_PAYLOAD, chooseSubprotocol: () => undefined }), server: http })
  const links: Link[] = []
  const waiting: ((link: Link) => void)[] = []
  sockets.on('connection', (socket, request) => {
    const link = acceptLink(socket, request.socket, { pingIntervalMs, maxPayloadBytes: MAX_PAYLOAD })
    const waiter = waiting.shift()
    if (waiter) waiter(link)
    else links.push(link)
  })
  const port = await listen(http)
  const nextLink = (): Promise<Link> => {
    const link = links.shift()
    return link ? Promise.resolve(link) : new Promise((resolve) => waiting.push(resolve))
  }
  return { port, nextLink }
}

export async function wsServer(onSocket: (socket: WebSocket) => void): Promise<number> {
  const http = createServer()
  new WebSocketServer({ server: http, closeTimeout: 500 } as never).on('connection', onSocket)
  return listen(http)
}

export const dispose = async (): Promise<void> => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
}
