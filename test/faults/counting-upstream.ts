// A silent upstream that counts how many responses each user really got, independently of the relay's own counts.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

export interface CountingUpstream {
  readonly url: string
  /** Responses by user, whom the instructions name as `user=<name>;`. */
  readonly started: ReadonlyMap<string, number>
  /** Responses under way. */
  active(): number
  close(): Promise<void>
}

/** Every response takes `responseMs`, so that several of one user are under way at once. */
export async function startCountingUpstream(responseMs: number): Promise<CountingUpstream> {
  const started = new Map<string, number>()
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  let responses = 0
  let active = 0
  sockets.on('connection', (socket) => serve(socket))

  function serve(socket: WebSocket): void {
    let user = ''
    let running: NodeJS.Timeout | undefined
    const say = (type: string, fields: object) => socket.send(JSON.stringify({ type, event_id: 'event_up', ...fields }))
    socket.on('error', () => undefined)
    socket.on('message', (data) => {
      const event = JSON.parse(data.toString()) as { type: string; session?: { instructions?: string }; event_id?: string }
      if (event.type === 'session.update') {
        user = /user=([^;]+);/.exec(event.session?.instructions ?? '')?.[1] ?? user
        say('session.updated', { session: event.session })
      } else if (event.type === 'response.create') {
        if (running) return say('error', { error: { type: 'invalid_request_error', code: 'conversation_already_has_active_response', message: 'no', event_id: event.event_id } })
        started.set(user, (started.get(user) ?? 0) + 1)
        const id = `resp_${++responses}`
        active++
        say('response.created', { response: { object: 'realtime.response', id, status: 'in_progress', output: [] } })
        running = setTimeout(() => {
          running = undefined
          active--
          say('response.done', { response: { object: 'realtime.response', id, status: 'completed', output: [], usage: { total_tokens: 30, input_tokens: 20, output_tokens: 10 } } })
        }, responseMs)
      }
    })
    socket.on('close', () => {
      if (running) active--
      clearTimeout(running)
    })
    say('session.created', { session: { type: 'realtime', id: 'sess_up', instructions: 'default' } })
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    started,
    active: () => active,
    close: async () => {
      for (const socket of sockets.clients) socket.terminate()
      sockets.close()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
