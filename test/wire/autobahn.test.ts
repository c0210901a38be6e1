// Every case of the Autobahn list on both sides of the relay. Well-framed messages pass; others end the session with the right code and do not pass.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/core/protocol/events.js'
import { connectClient, type RealtimeClient } from '../support/realtime-client.js'
import { DEPLOYMENT, type RunningRelay, runRelay } from '../support/running-relay.js'
import { hasShared, neededShared, sharedJson } from '../support/shared.js'
import { closeBody, type Message, type Script, type Sizes, scriptOf, spliced } from './autobahn-scripts.js'
import { CLOSE, PONG, type RawPeer, rawClient, rawServer, TEXT } from './raw-websocket.js'

const LIST = 'corpora/autobahn-cases/cases.json'
const SEQUENCES = 'corpora/autobahn-cases/utf8-sequences.json'
const absent = !hasShared(LIST) || !hasShared(SEQUENCES)
const list = absent ? { cases: [], validCloseCodes: [], invalidCloseCodes: [] } : sharedJson<List>(LIST)
const sequences = absent ? [] : sharedJson<readonly { hex: string; valid: boolean }[]>(SEQUENCES)

interface List {
  readonly cases: readonly { id: string; description: string }[]
  readonly validCloseCodes: readonly number[]
  readonly invalidCloseCodes: readonly number[]
}

/** A live session in which the test attacks one side. */
interface Attack {
  readonly peer: RawPeer
  /** Texts that reached the other side, read once everything sent before has arrived there. */
  arrived(expected: number): Promise<readonly string[]>
  /** Waits until the other side knows that the session is over. `code`: the close code of the attacked side. */
  told(code: number): Promise<void>
  close(): void
}

const MIB = 1024 * 1024
const padded =
  (start: string, end: string): Message =>
  (bytes) =>
    start + 'A'.repeat(bytes - start.length - end.length) + end

const SIDES: readonly { side: string; message: Message; sizes: Sizes; attack: (running: Running) => Promise<Attack>; utf8: (text: Buffer) => Buffer }[] = [
  {
    side: 'client',
    message: padded('{"type":"input_audio_buffer.append","audio":"', '"}'),
    sizes: { maxMessage: 4 * MIB, maxFragments: 4096 },
    attack: fromClient,
    utf8: (text) =>
      spliced('{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":""}]}}'.replace(/"\}\]\}\}$/, '"}]}}'), text),
  },
  {
    side: 'upstream',
    message: padded('{"type":"input_audio_buffer.cleared","event_id":"', '"}'),
    sizes: { maxMessage: 32 * MIB, maxFragments: 32_768 },
    attack: fromUpstream,
    utf8: (text) => spliced('{"type":"input_audio_buffer.cleared","event_id":""}', text),
  },
]

interface Running {
  readonly behind: RunningRelay
  readonly before: RunningRelay
  readonly nextUpstream: () => Promise<Socket>
}
let running: Running

beforeAll(async () => {
  if (absent) return
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    server.emit('taken')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const behind = await runRelay({ env: { MAX_SESSIONS_PER_USER: '1000' } })
  const before = await runRelay({ env: { MAX_SESSIONS_PER_USER: '1000', UPSTREAM_RECONNECT_SECONDS: '0', AZURE_OPENAI_ENDPOINT: endpoint } })
  running = {
    behind,
    before,
    async nextUpstream() {
      if (sockets.length === 0) await once(server, 'taken')
      return sockets.shift() as Socket
    },
  }
}, 60_000)
afterAll(async () => {
  await running?.before.close()
  await running?.behind.close()
})

/** The relay's client misbehaves; the simulator reports what arrived. */
async function fromClient({ behind }: Running): Promise<Attack> {
  const peer = await rawClient(new URL(`${behind.relay.url}/v1/realtime`), { authorization: `Bearer ${await behind.token()}` })
  await peer.next((frame) => frame.opcode === TEXT && frame.payload.includes('session.created'))
  const session = behind.simulator.received.at(-1)
  const events = () => (session?.events ?? []).filter((event) => event.type !== 'session.update' && event.type !== 'input_audio_buffer.clear')
  return {
    peer,
    async arrived(expected) {
      // The simulator forgets a big event as soon as the next one comes, so they are taken before the last.
      if (expected > 0) await expect.poll(() => events().length, { timeout: 10_000, interval: 5 }).toBeGreaterThanOrEqual(expected)
      const first = events()
      if (!peer.socket.destroyed) {
        await peer.write([{ opcode: TEXT, payload: '{"type":"input_audio_buffer.clear"}' }])
        await peer.next((frame) => frame.opcode === TEXT && frame.payload.includes('input_audio_buffer.cleared'))
      }
      return [...first, ...events().filter((event) => !first.includes(event))].map((event) => JSON.stringify(event))
    },
    told: () => expect.poll(() => session?.closeCode, { timeout: 5000, interval: 5 }).toBe(1000),
    close: () => peer.socket.destroy(),
  }
}

/** The relay's upstream misbehaves; an ordinary client reports what arrived. */
async function fromUpstream({ before, nextUpstream }: Running): Promise<Attack> {
  const connecting = connectClient(`${before.wsUrl}/v1/realtime`, await before.token())
  const peer = await rawServer(await nextUpstream())
  await peer.write([{ opcode: TEXT, payload: '{"type":"session.created","event_id":"e0","session":{"type":"realtime"}}' }])
  const update = JSON.parse((await peer.next((frame) => frame.opcode === TEXT)).payload.toString()) as { session: JsonObject }
  await peer.write([{ opcode: TEXT, payload: JSON.stringify({ type: 'session.updated', event_id: 'e1', session: update.session }) }])
  const client: RealtimeClient = await connecting
  await client.next('session.created')
  return {
    peer,
    async arrived() {
      if (!peer.socket.destroyed) {
        await peer.write([{ opcode: TEXT, payload: '{"type":"input_audio_buffer.cleared","event_id":"marker"}' }])
        await client.next((event) => event.event_id === 'marker')
      }
      return client.frames.filter((text) => !/"type":"(session\.created|error)"|"marker"/.test(text))
    },
    async told(upstreamCode) {
      const { code, reason } = await client.closed()
      // 1001 is how the service ends a session at its maximum length.
      expect([code, reason]).toEqual(upstreamCode === 1001 ? [4410, 'session_over: new_session'] : [4502, 'upstream_lost: back_off'])
      expect(client.frames.join()).not.toContain(DEPLOYMENT)
    },
    close: () => client.close(),
  }
}

async function run(attack: Attack, script: Script): Promise<void> {
  const { peer } = attack
  await peer.write(script.frames, script.chop)
  for (const payload of script.pongs ?? []) expect((await peer.next((frame) => frame.opcode === PONG)).payload.toString('latin1')).toBe(payload)
  if (script.end !== 'open') {
    const code = await peer.ended
    expect(script.end).toContain(code)
    await attack.told(code)
  }
  const passes = script.passes ?? []
  expect(await attack.arrived(passes.length)).toEqual(passes)
  if (script.pongs === undefined) expect(peer.frames.filter((frame) => frame.opcode === PONG)).toEqual([])
  attack.close()
}

describe.skipIf(absent).each(SIDES)(`Autobahn cases from the $side${neededShared(LIST)}`, ({ message, sizes, attack, utf8 }) => {
  for (const { id, description } of list.cases) {
    it(`${id} ${description.replace(/<.*/s, '')}`, async () => {
      const script = scriptOf(id, message, sizes)
      if (!script) throw new Error('no script')
      await run(await attack(running), script)
    })
  }

  it.each(list.validCloseCodes.map((code) => [code]))('close with %i is answered', async (code) => {
    await run(await attack(running), { frames: [{ opcode: CLOSE, payload: closeBody(code) }], end: [code] })
  })

  it.each(list.invalidCloseCodes.map((code) => [code]))('close with %i is a protocol error', async (code) => {
    await run(await attack(running), { frames: [{ opcode: CLOSE, payload: closeBody(code) }], end: [1002] })
  })

  it('every valid UTF-8 sequence arrives unchanged', async () => {
    const valid = sequences.filter((one) => one.valid && !/^[01]|^(..)*[01]/.test(one.hex))
    expect(valid.length).toBeGreaterThan(20)
    const texts = valid.map(({ hex }) => utf8(Buffer.from(hex, 'hex')))
    await run(await attack(running), { frames: texts.map((payload) => ({ opcode: TEXT, payload })), passes: texts.map((text) => text.toString()), end: 'open' })
  })

  it.each(sequences.filter((one) => !one.valid).map(({ hex }) => [hex]))('UTF-8 %s ends the session and does not pass', async (hex) => {
    await run(await attack(running), { frames: [{ opcode: TEXT, payload: utf8(Buffer.from(hex, 'hex')) }], end: [1007] })
  })
})
