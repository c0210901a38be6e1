// A client of the relay for tests: keeps everything it was sent and lets a test wait for the event it wants.
import { once } from 'node:events'
import { WebSocket } from 'ws'

export interface ReceivedEvent {
  readonly type: string
  readonly [key: string]: unknown
}

export interface RealtimeClient {
  readonly socket: WebSocket
  readonly events: ReceivedEvent[]
  /** Texts as they came, in the same order. */
  readonly frames: string[]
  readonly subprotocol: string
  send(event: object | string): void
  /** The first event from `from` on that fits; rejects when the socket closes first or after `ms`. */
  next(type: string | ((event: ReceivedEvent) => boolean), options?: { from?: number; ms?: number }): Promise<ReceivedEvent>
  /** Asks in text and resolves with all events up to the `response.done` of the answer. */
  ask(text: string): Promise<ReceivedEvent[]>
  closed(): Promise<{ code: number; reason: string }>
  close(): void
}

export async function connectClient(url: string, token: string, options: { protocols?: string[]; headers?: Record<string, string> } = {}): Promise<RealtimeClient> {
  const socket = new WebSocket(url, options.protocols ?? [], { headers: { authorization: `Bearer ${token}`, ...options.headers }, perMessageDeflate: false })
  const events: ReceivedEvent[] = []
  const frames: string[] = []
  const waiting = new Set<() => void>()
  let ended: { code: number; reason: string } | undefined
  socket.on('message', (data) => {
    const text = data.toString()
    frames.push(text)
    events.push(JSON.parse(text) as ReceivedEvent)
    for (const wake of waiting) wake()
  })
  const closing = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => {
      ended = { code, reason: reason.toString() }
      resolve(ended)
      for (const wake of waiting) wake()
    })
  })
  await Promise.race([
    once(socket, 'open'),
    once(socket, 'unexpected-response').then(([, response]) => {
      socket.terminate()
      throw new Error(`refused with ${(response as { statusCode: number }).statusCode}`)
    }),
  ])
  socket.on('error', () => undefined)
  const self: RealtimeClient = {
    socket,
    events,
    frames,
    subprotocol: socket.protocol,
    send: (event) => socket.send(typeof event === 'string' ? event : JSON.stringify(event)),
    next(type, { from = 0, ms = 10_000 } = {}) {
      const fits = typeof type === 'string' ? (event: ReceivedEvent) => event.type === type : type
      return new Promise((resolve, reject) => {
        const look = () => {
          const found = events.slice(from).find(fits)
          if (found) settle(() => resolve(found))
          else if (ended) settle(() => reject(new Error(`closed with ${ended?.code} ${ended?.reason} before ${type}; saw ${events.map((event) => event.type).join(', ')}`)))
        }
        const timer = setTimeout(() => settle(() => reject(new Error(`no ${type} within ${ms} ms; saw ${events.map((event) => event.type).join(', ')}`))), ms)
        const settle = (how: () => void) => {
          clearTimeout(timer)
          waiting.delete(look)
          how()
        }
        waiting.add(look)
        look()
      })
    },
    async ask(text) {
      const from = events.length
      self.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } })
      self.send({ type: 'response.create' })
      await self.next('response.done', { from })
      return events.slice(from)
    },
    closed: () => closing,
    close: () => socket.close(1000),
  }
  return self
}
