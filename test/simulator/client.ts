// A plain client of the simulator for its tests: sends events, keeps received ones, and waits for expected ones.
import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { RealtimeEvent } from '../../src/core/protocol/events.js'
import type { Simulator } from '../../src/simulator/simulator.js'

const DEADLINE_MS = 5000

export interface Client {
  readonly socket: WebSocket
  /** All events received so far. */
  readonly events: RealtimeEvent[]
  send(event: object): void
  sendRaw(data: string | Buffer): void
  /** The next matching event after the last one returned. */
  next(type: string | ((event: RealtimeEvent) => boolean)): Promise<RealtimeEvent>
  /** All events after the last one returned, up to and including the first that matches. */
  until(type: string): Promise<RealtimeEvent[]>
  closed(): Promise<{ code: number; reason: string }>
  close(): void
}

export const GA_PATH = '/openai/v1/realtime?model=gpt-realtime'

/** The client is connected; `session.created` was not returned yet. */
export async function connect(simulator: Pick<Simulator, 'url'>, path = GA_PATH, headers: Record<string, string> = { 'api-key': 'k' }, protocols: string[] = []): Promise<Client> {
  const socket = new WebSocket(simulator.url.replace('http', 'ws') + path, protocols, { headers, rejectUnauthorized: false })
  const events: RealtimeEvent[] = []
  const waiting = new Set<() => void>()
  let taken = 0
  let end: { code: number; reason: string } | undefined
  const wake = () => {
    for (const check of [...waiting]) check()
  }
  socket.on('message', (data, isBinary) => {
    const text = String(data)
    try {
      events.push(isBinary ? { type: '<binary>' } : (JSON.parse(text) as RealtimeEvent))
    } catch {
      events.push({ type: '<not json>', text })
    }
    wake()
  })
  socket.on('close', (code, reason) => {
    end = { code, reason: String(reason) }
    wake()
  })
  socket.on('error', () => undefined)

  const wait = <T>(what: string, ready: () => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const finish = (work: () => void) => {
        clearTimeout(timer)
        waiting.delete(check)
        work()
      }
      const check = () => {
        const value = ready()
        if (value !== undefined) finish(() => resolve(value))
        else if (end && what !== 'close') finish(() => reject(new Error(`closed ${end?.code} while waiting for ${what}; got ${events.map((event) => event.type).join(' ')}`)))
      }
      const timer = setTimeout(
        () =>
          finish(() =>
            reject(
              new Error(
                `no ${what}; got ${events
                  .slice(-40)
                  .map((event) => event.type)
                  .join(' ')}`,
              ),
            ),
          ),
        DEADLINE_MS,
      )
      waiting.add(check)
      check()
    })
  const take = (what: string, fits: (event: RealtimeEvent) => boolean) =>
    wait(what, () => {
      const index = events.findIndex((event, at) => at >= taken && fits(event))
      if (index < 0) return undefined
      const from = taken
      taken = index + 1
      return events.slice(from, taken)
    })

  await once(socket, 'open')
  return {
    socket,
    events,
    send: (event) => socket.send(JSON.stringify(event)),
    sendRaw: (data) => socket.send(data),
    next: async (type) => {
      const found = typeof type === 'string' ? await take(type, (event) => event.type === type) : await take('a certain event', type)
      return found.at(-1) as RealtimeEvent
    },
    until: (type) => take(type, (event) => event.type === type),
    closed: () => wait('close', () => end),
    close: () => socket.close(),
  }
}

export function userText(text: string): object {
  return { type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } }
}

export function update(session: object): object {
  return { type: 'session.update', session: { type: 'realtime', ...session } }
}

/** Event types in order, with repeated types written once, and alternating deltas of sound and text as `deltas`. */
export function shape(events: readonly RealtimeEvent[]): string[] {
  const names = events.map((event) => (/output_audio(_transcript)?\.delta$/.test(event.type) ? 'deltas' : event.type))
  return names.filter((name, index) => name !== names[index - 1])
}

/** PCM16 at 24 kHz: a tone of `ms`, or silence if `level` is 0. */
export function tone(ms: number, level = 0.3): Buffer {
  const pcm = Buffer.alloc(ms * 48)
  for (let i = 0; i < ms * 24; i++) pcm.writeInt16LE(Math.round(Math.sin((2 * Math.PI * 220 * i) / 24_000) * level * 32_767), i * 2)
  return pcm
}

/** Sends audio in appends of 100 ms. */
export function appends(pcm: Buffer): object[] {
  const events: object[] = []
  for (let at = 0; at < pcm.length; at += 4800) events.push({ type: 'input_audio_buffer.append', audio: pcm.subarray(at, at + 4800).toString('base64') })
  return events
}
