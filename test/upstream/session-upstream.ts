// An upstream on loopback for tests of the pool: it begins a session on every socket it accepts and records the dials.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { UpstreamConfig } from '../../src/config/config.js'
import { Secret } from '../../src/config/secret.js'

export interface AcceptedSession {
  readonly id: string
  readonly requestId: string | undefined
  readonly apiKey: string | undefined
  readonly socket: WebSocket
  readonly received: readonly string[]
  readonly closed: Promise<number>
}

export interface SessionUpstream {
  readonly url: URL
  readonly sessions: readonly AcceptedSession[]
  /** All upgrade requests, including refused ones. */
  readonly asked: readonly (string | undefined)[]
  /** Texts sent right after the upgrade of session `n`, counted from 1. */
  greeting: (n: number) => readonly string[]
  /** Texts sent back for a text received. */
  answer: (text: string) => readonly string[]
  /** A status to refuse upgrades with; undefined accepts. */
  refuse: { readonly status: number; readonly retryAfter?: number } | undefined
  /** Resolves with session `n`, now or when it is accepted. */
  session(n: number): Promise<AcceptedSession>
  close(): Promise<void>
}

export const created = (n: number): string => JSON.stringify({ type: 'session.created', event_id: `event_${n}`, session: { id: `sess_${n}` } })

export async function sessionUpstream(): Promise<SessionUpstream> {
  const server = createServer()
  const wss = new WebSocketServer({ noServer: true })
  const sockets = new Set<Socket>()
  const sessions: AcceptedSession[] = []
  const asked: (string | undefined)[] = []
  const waiting = new Set<() => void>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  const self: SessionUpstream & { url: URL } = {
    url: new URL('http://127.0.0.1'),
    sessions,
    asked,
    greeting: (n) => [created(n)],
    answer: () => [],
    refuse: undefined,
    session: (n) =>
      new Promise((resolve) => {
        const look = () => {
          const found = sessions[n - 1]
          if (!found) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      }),
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  server.on('upgrade', (request, socket, head) => {
    const header = (name: string) => (typeof request.headers[name] === 'string' ? request.headers[name] : undefined)
    asked.push(header('x-ms-client-request-id'))
    if (self.refuse) {
      const retry = self.refuse.retryAfter === undefined ? '' : `retry-after: ${self.refuse.retryAfter}\r\n`
      socket.end(`HTTP/1.1 ${self.refuse.status} No\r\nconnection: close\r\n${retry}\r\n`)
      return
    }
    wss.handleUpgrade(request, socket, head, (accepted) => {
      const n = sessions.length + 1
      const received: string[] = []
      accepted.on('error', () => undefined)
      accepted.on('message', (data) => {
        received.push(String(data))
        for (const text of self.answer(String(data))) accepted.send(text)
      })
      const closed = once(accepted, 'close').then(([code]) => code as number)
      sessions.push({ id: `sess_${n}`, requestId: header('x-ms-client-request-id'), apiKey: header('api-key'), socket: accepted, received, closed })
      for (const text of self.greeting(n)) accepted.send(text)
      for (const look of [...waiting]) look()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  self.url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  return self
}

export function azureConfig(endpoint: URL): UpstreamConfig {
  return {
    name: 'main',
    provider: 'azure',
    endpoint,
    deployment: 'gpt-realtime',
    apiKey: new Secret('key-of-the-pool'),
    entraScope: 'https://cognitiveservices.azure.com/.default',
    apiVersion: undefined,
    priority: 1,
    weight: 1,
  }
}
