// A client that may come back, for tests: it counts what both sides count, and knows what of its own it has to send again.
import { once } from 'node:events'
import { type ConnectOptions, connectClient, type RealtimeClient, type ReceivedEvent, Refused } from './realtime-client.js'

export interface Returning {
  readonly client: RealtimeClient
  readonly token: string
  /** Messages of the relay that it has. */
  received(): number
  /** Sends an event that counts. */
  send(event: object): void
  /** Its own messages from this number on are sent again; those before it are known. */
  sendAgain(from: number): void
  say(text: string): void
  /** The answer to a text, from its question on. */
  ask(text: string): Promise<ReceivedEvent[]>
  /** The socket breaks. */
  lose(): Promise<void>
}

export interface Door {
  readonly wsUrl: string
  readonly bearer: string
  readonly connect?: ConnectOptions
}

/** A new session that may be resumed. */
export async function enabled({ wsUrl, bearer, connect }: Door): Promise<Returning> {
  const client = await connectClient(`${wsUrl}/v1/realtime`, bearer, connect)
  await client.next('session.created')
  client.send({ type: 'relay.resume.enable' })
  const ready = await client.next('relay.resume.ready')
  return returning(client, String(ready.token), 0, [])
}

/** Comes back. `own`: the messages of this client so far, which are sent again as far as the relay does not know them. */
export async function comeBack(
  { wsUrl, bearer, connect }: Door,
  before: Pick<Returning, 'token' | 'received'>,
  own: readonly object[] = [],
): Promise<Returning & { readonly greeting: ReceivedEvent }> {
  const headers = { ...connect?.headers, 'x-relay-resume': `${before.token}.${before.received()}` }
  const client = await connectClient(`${wsUrl}/v1/realtime`, bearer, { ...connect, headers })
  const greeting = await client.next('relay.resumed')
  if (client.events[0] !== greeting) throw new Error(`the first event is ${client.events[0]?.type}`)
  const has = greeting.recovered === true ? before.received() : Number(greeting.sent)
  const back = returning(client, String(greeting.token), has, [...own])
  back.sendAgain(Number(greeting.received))
  return { ...back, greeting }
}

function returning(client: RealtimeClient, token: string, has: number, own: object[]): Returning {
  const from = client.frames.findIndex((frame) => /^\{"type":"relay\.resum(e\.ready|ed)"/.test(frame)) + 1
  const send = (event: object) => {
    own.push(event)
    client.send(event)
  }
  const say = (text: string) => {
    send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] } })
    send({ type: 'response.create' })
  }
  return {
    client,
    token,
    received: () => has + client.frames.length - from,
    send,
    sendAgain: (number) => {
      for (const event of own.slice(number)) client.send(event)
    },
    say,
    async ask(text) {
      const at = client.events.length
      say(text)
      await client.next('response.done', { from: at })
      return client.events.slice(at)
    },
    async lose() {
      const closed = once(client.socket, 'close')
      client.socket.terminate()
      await closed
    },
  }
}

/** How an attempt was refused: status and code. */
export function refusalOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => 'let in',
    (error: unknown) => (error instanceof Refused ? `${error.status} ${(JSON.parse(error.body) as { error: { code: string } }).error.code}` : String(error)),
  )
}
