// Abusers, one function for each way to take more than is given. Each goes on until its time is over, and says what it got that it should not have.
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { tone } from '../simulator/client.js'
import { connectClient, type RealtimeClient, Refused } from '../support/realtime-client.js'
import { CONNECTS_PER_SECOND, type World } from './world.js'

export interface Abuse {
  readonly world: World
  /** Its own in each round, so that its quota is not used up for good. */
  readonly subject: string
  /** An address of its own, as the trusted proxy writes it. */
  readonly address: string
  token(claims?: object, subject?: string): Promise<string>
  over(): boolean
  /** Counts one more deed. */
  did(sessions?: number): void
  problem(what: string): void
}
export type Abuser = (abuse: Abuse) => Promise<void>

const PAUSE_MS = 100
const HALF_SAID = 600
const REVOKED_NAMES = 400
const REVOKED_SECONDS = 5
let revocations = 0
const text = (words: string) => ({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: words }] } })
const speech = (...parts: Buffer[]) => Buffer.concat(parts).toString('base64')
const TURN = speech(tone(200, 0), tone(1000), tone(800, 0))
const TEN_SECONDS = speech(tone(10_000))

async function session({ world, address, token, did }: Abuse): Promise<RealtimeClient> {
  const client = await connectClient(world.url, await token(), { headers: { 'x-forwarded-for': address } })
  await client.next('session.created')
  did(1)
  return client
}
const has = (client: RealtimeClient, type: string, from = 0) => client.events.slice(from).some((event) => event.type === type)
/** Waits for one of these events, or for the end of the session. */
async function heard(client: RealtimeClient, from: number, ...types: string[]): Promise<string | undefined> {
  const event = await client.next((one) => types.includes(one.type), { from }).catch(() => undefined)
  return event?.type
}
const left = (client: RealtimeClient) => {
  client.close()
  return client.closed()
}

export const ABUSERS: Readonly<Record<string, Abuser>> = {
  /** Hears the answer and leaves before its usage is told. */
  async leaver(abuse) {
    while (!abuse.over()) {
      const client = await session(abuse)
      client.send(text('Good morning to you'))
      client.send({ type: 'response.create' })
      await heard(client, 0, 'response.output_text.delta', 'response.done', 'error')
      client.socket.terminate()
      await client.closed()
      await sleep(PAUSE_MS)
    }
  },

  /** Lets the service answer its silence. */
  async idler(abuse) {
    const client = await session(abuse)
    client.send({
      type: 'session.update',
      session: { type: 'realtime', audio: { input: { turn_detection: { type: 'server_vad', idle_timeout_ms: 5000, create_response: true } } } },
    })
    client.send(text('Good morning to you'))
    client.send({ type: 'response.create' })
    while (!abuse.over()) {
      abuse.did()
      await sleep(PAUSE_MS)
    }
    if (client.events.filter(({ type }) => type === 'response.done').length > 1) abuse.problem('the service answered a silent user under a quota')
    await left(client)
  },

  /** Speaks in items instead of appends. */
  async itemSpeaker(abuse) {
    const client = await session(abuse)
    while (!abuse.over()) {
      const from = client.events.length
      client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_audio', audio: TEN_SECONDS }] } })
      if ((await heard(client, from, 'conversation.item.added', 'error')) === 'conversation.item.added') {
        client.send({ type: 'response.create' })
        await heard(client, from, 'response.done', 'error')
      }
      abuse.did()
      await sleep(PAUSE_MS)
    }
    await left(client)
  },

  /** Has its speech written down after its money is spent. */
  async dictator(abuse) {
    const client = await session(abuse)
    let spent = false
    while (!abuse.over()) {
      const from = client.events.length
      client.send({ type: 'input_audio_buffer.append', audio: TURN })
      if (!spent) spent = (await heard(client, from, 'conversation.item.input_audio_transcription.completed', 'error')) === 'error'
      else if (has(client, 'conversation.item.input_audio_transcription.completed', from)) abuse.problem('speech was written down after the money was spent')
      abuse.did()
      await sleep(PAUSE_MS)
    }
    if (!spent) abuse.problem('nothing told that the money was spent')
    await left(client)
  },

  /** Asks a model that calls its tool for ever. */
  async looper(abuse) {
    const client = await session(abuse)
    while (!abuse.over()) {
      const from = client.events.length
      client.send(text('loop'))
      client.send({ type: 'response.create' })
      if (!(await heard(client, from, 'response.done', 'error'))) abuse.problem('a loop of tools had no end')
      abuse.did()
      await sleep(PAUSE_MS)
    }
    await left(client)
  },

  /** Is revoked while it connects. */
  async revoked(abuse) {
    const operator = await abuse.token({ scope: 'relay:admin' }, 'operator')
    for (let n = 0; !abuse.over(); n++) {
      // Each name comes again once its revocation is over: a relay keeps tens of thousands of them, which would look like a leak for hours.
      const subject = `revoked-${revocations++ % REVOKED_NAMES}`
      const connecting = connectClient(abuse.world.url, await abuse.token({}, subject), { headers: { 'x-forwarded-for': abuse.address } }).catch((error: unknown) => error)
      await sleep(n % 12)
      const answer = await fetch(`${abuse.world.adminUrl}/v1/admin/revoke`, {
        method: 'POST',
        headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json' },
        body: JSON.stringify({ subject, untilSeconds: Math.ceil(Date.now() / 1000) + REVOKED_SECONDS }),
      })
      if (answer.status !== 200) abuse.problem(`revoking was answered with ${answer.status}`)
      const client = await connecting
      abuse.did(1)
      if (client instanceof Refused) continue
      if (client instanceof Error) throw client
      const open = client as RealtimeClient
      const end = await Promise.race([open.closed(), sleep(REVOKED_SECONDS * 1000, undefined, { ref: false })])
      if (end === undefined) abuse.problem('a revoked user’s session lived on')
      open.socket.terminate()
    }
  },

  /** Reads what the public port tells of what is behind it. */
  async readyReader(abuse) {
    while (!abuse.over()) {
      const answer = await fetch(`${abuse.world.httpUrl}/readyz`, { headers: { 'x-forwarded-for': abuse.address } })
      const told = await answer.text()
      if (/detail|127\.0\.0\.1|docs|_tool|soak/.test(told)) abuse.problem(`/readyz told ${told.slice(0, 100)}`)
      abuse.did()
      await sleep(PAUSE_MS / 2)
    }
  },

  /** Keeps hundreds of connections with half a request each, from an address that nobody trusts. */
  async halfSaid(abuse) {
    const { hostname, port } = new URL(abuse.world.httpUrl)
    const sockets = new Set<Socket>()
    while (!abuse.over()) {
      for (let n = 0; n < 20 && sockets.size < HALF_SAID; n++) {
        const socket = connect({ host: hostname, port: Number(port), localAddress: '127.0.0.9' })
        sockets.add(socket)
        socket.on('error', () => undefined)
        socket.on('close', () => sockets.delete(socket))
        socket.on('connect', () => socket.write('GET /v1/realtime HTTP/1.1\r\nHost: x\r\nx-half: '))
        abuse.did()
      }
      const began = performance.now()
      const { status } = await fetch(`${abuse.world.adminUrl}/livez`)
      if (status !== 200 || performance.now() - began > 2000) abuse.problem(`/livez was answered with ${status} after ${Math.round(performance.now() - began)} ms`)
      await sleep(PAUSE_MS)
    }
    for (const socket of sockets) socket.destroy()
  },

  pings: (abuse) => flood(abuse, [0x89, 0x80, 1, 2, 3, 4]),
  pongs: (abuse) => flood(abuse, [0x8a, 0x80, 1, 2, 3, 4]),
  fragments: (abuse) => flood(abuse, [0x00, 0x80, 1, 2, 3, 4], [0x01, 0x80, 1, 2, 3, 4]),

  /** Is one caller who writes his address in many ways. */
  async shapeShifter(abuse) {
    const host = Number(abuse.address.split('.').at(-1)) % 250
    const ways = [`7.7.7.${host}`, `7.7.7.${host}:41`, `::ffff:7.7.7.${host}`, `[::FFFF:7.7.7.${host}]:9`, `"7.7.7.${host}:1"`, `0:0:0:0:0:ffff:7.7.7.${host}`]
    const began = performance.now()
    let accepted = 0
    for (let n = 0; !abuse.over(); n++) {
      const status = await new Promise<number>((resolve, reject) => {
        const headers = {
          connection: 'upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
          'x-forwarded-for': ways[n % ways.length],
        }
        const asked = request(`${abuse.world.httpUrl}/v1/realtime`, { headers, agent: false })
        asked.on('response', (response) => {
          response.resume()
          resolve(response.statusCode ?? 0)
        })
        asked.on('error', reject).end()
      })
      // Without a token: refused as such only if the address had room.
      if (status === 401) accepted++
      else if (status !== 429) abuse.problem(`an upgrade without a token was answered with ${status}`)
      abuse.did()
      await sleep(10)
    }
    const most = CONNECTS_PER_SECOND * ((performance.now() - began) / 1000 + 2) + 1
    if (accepted > most) abuse.problem(`one address got ${accepted} connections where ${Math.floor(most)} are allowed`)
  },

  /** Cancels what has ended while something newer is at work. */
  async canceller(abuse) {
    const client = await session(abuse)
    while (!abuse.over()) {
      const first = await client.ask('Good morning to you')
      const old = (first.at(-1)?.response as { id?: string } | undefined)?.id
      const from = client.events.length
      client.send(text('slow'))
      client.send({ type: 'response.create' })
      await sleep(50)
      client.send({ type: 'response.cancel', response_id: old })
      const done = await client.next('response.done', { from }).catch(() => undefined)
      if ((done?.response as { status?: string } | undefined)?.status !== 'completed') abuse.problem('an old id cancelled a newer answer')
      abuse.did()
    }
    await left(client)
  },
}

/** Frames without content, as fast as the socket takes them. A relay may cut it off; then it comes again. */
async function flood(abuse: Abuse, frame: readonly number[], first?: readonly number[]): Promise<void> {
  const many = Buffer.concat(Array<Buffer>(1000).fill(Buffer.from(frame)))
  while (!abuse.over()) {
    const client = await session(abuse)
    const raw = (client.socket as unknown as { _socket: Socket })._socket
    if (first) raw.write(Buffer.from(first))
    while (!abuse.over() && !raw.destroyed) {
      while (raw.writableLength < 64 * 1024 && !raw.destroyed) raw.write(many)
      abuse.did()
      await sleep(5)
    }
    client.socket.terminate()
    await client.closed()
    await sleep(PAUSE_MS)
  }
}
