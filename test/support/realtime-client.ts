// A client of the relay for tests. It keeps all received events and lets a test wait for one.
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type ClientOptions, WebSocket } from 'ws'
import { type EventLog, eventLog, type ReceivedEvent } from './event-log.js'

export type { ReceivedEvent } from './event-log.js'

export interface RealtimeClient {
  readonly socket: WebSocket
  readonly events: ReceivedEvent[]
  /** The received texts, in the same order. */
  readonly frames: string[]
  readonly subprotocol: string
  send(event: object | string): void
  /** The first matching event from index `from` on. Rejects if the socket closes first, or after `ms`. */
  next: EventLog['next']
  /** Sends a text and resolves with all events up to the `response.done` of the answer. */
  ask(text: string): Promise<ReceivedEvent[]>
  closed(): Promise<{ code: number; reason: string }>
  close(): void
}

/** A handshake that was not answered with 101. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly headers: IncomingMessage['headers'],
    readonly body: string,
  ) {
    super(`refused with ${status}`)
  }
}

export interface ConnectOptions {
  readonly protocols?: string[]
  readonly headers?: Record<string, string>
  readonly socket?: ClientOptions
}

/** Rejects with `Refused` if the upgrade is answered with another status. */
export async function connectClient(url: string, token: string, options: ConnectOptions = {}): Promise<RealtimeClient> {
  const socket = new WebSocket(url, options.protocols ?? [], { headers: { authorization: `Bearer ${token}`, ...options.headers }, perMessageDeflate: false, ...options.socket })
  const log = eventLog()
  const frames: string[] = []
  socket.on('message', (data) => {
    const text = data.toString()
    frames.push(text)
    log.add(JSON.parse(text) as ReceivedEvent)
  })
  const closing = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => {
      resolve({ code, reason: reason.toString() })
      log.end(`closed with ${code} ${reason}`)
    })
  })
  await Promise.race([once(socket, 'open'), once(socket, 'unexpected-response').then(([, response]) => refused(socket, response as IncomingMessage))])
  socket.on('error', () => undefined)
  const self: RealtimeClient = {
    socket,
    events: log.events,
    frames,
    subprotocol: socket.protocol,
    send: (event) => socket.send(typeof event === 'string' ? event : JSON.stringify(event)),
    next: log.next,
    async ask(text) {
      const from = log.events.length
      self.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } })
      self.send({ type: 'response.create' })
      await self.next('response.done', { from })
      return log.events.slice(from)
    },
    closed: () => closing,
    close: () => socket.close(1000),
  }
  return self
}

async function refused(socket: WebSocket, response: IncomingMessage): Promise<never> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  socket.on('error', () => undefined)
  socket.terminate()
  throw new Refused(response.statusCode ?? 0, response.headers, Buffer.concat(chunks).toString())
}
