// `npm run bench:phone`: a hundred telephone calls at once through the relay on one core, 50 frames a second each way: delay, gaps, CPU.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import { startCommand } from '../support/built-relay.js'
import { CARRIERS, textAfter } from './phone-carriers.js'
import { sampleCpu } from './process-tree.js'

const CARRIER = process.env.PHONE_CARRIER === 'acs' ? 'acs' : 'twilio'
const CALLS = Number(process.env.PHONE_CALLS ?? 100)
const SECONDS = Number(process.env.PHONE_SECONDS ?? 20)
/** Beside the calls, straight to the upstream: what this machine and this program add by themselves. */
const DIRECT = 10
const FRAME_MS = 20
/** A carrier's jitter buffer hides less. */
const GAP_MS = 60
const MOST_ADDED_MS = 20
/** Of the time. */
const CROWDED_PERCENT = 10

/** Frames of one direction of one line: when each was sent, and what became of it. */
class Flow {
  readonly sentAt: number[] = []
  readonly delays: number[] = []
  received = 0
  disordered = 0
  constructor(readonly id: number) {}

  next(): string {
    const bytes = Buffer.alloc(carrier.frameBytes, 0x55)
    bytes.writeUInt16BE(this.id + 1, 0)
    bytes.writeUInt32BE(this.sentAt.length, 2)
    this.sentAt.push(performance.now())
    return bytes.toString('base64')
  }

  take(audio: string): void {
    const seq = Buffer.from(audio.slice(0, 8), 'base64').readUInt32BE(2)
    if (seq !== this.received) this.disordered++
    this.received++
    this.delays.push(performance.now() - (this.sentAt[seq] ?? 0))
  }

  /** Counted from here on. */
  forget(): void {
    this.delays.length = 0
  }
}

/** Below 0: silence, with which the relay fills a gap. */
const idOf = (audio: string) => Buffer.from(audio.slice(0, 8), 'base64').readUInt16BE(0) - 1

/** A model that speaks without end, and hears. */
class Upstream {
  readonly up = new Map<number, Flow>()
  readonly down: { readonly flow: Flow; readonly say: (audio: string) => void }[] = []
  readonly server = new WebSocketServer({ port: 0, host: '127.0.0.1' })

  constructor() {
    this.server.on('connection', (socket) => this.#take(socket))
  }

  #take(socket: WebSocket): void {
    const send = (event: object) => socket.send(JSON.stringify({ event_id: 'event_1', ...event }))
    socket.on('message', (data) => {
      const text = String(data)
      const audio = text.startsWith('{"type":"input_audio_buffer.append"') ? textAfter(text, '"audio":"') : undefined
      if (audio !== undefined) return this.up.get(idOf(audio))?.take(audio)
      const event = JSON.parse(text) as { type: string; session?: object }
      if (event.type !== 'session.update') return
      send({ type: 'session.updated', session: { id: 'sess_1', object: 'realtime.session', ...event.session } })
      this.#speak(socket, send)
    })
    send({ type: 'session.created', session: { id: 'sess_1', object: 'realtime.session', type: 'realtime' } })
  }

  #speak(socket: WebSocket, send: (event: object) => void): void {
    const id = this.down.length
    const [response_id, item_id] = [`resp_${id}`, `item_${id}`]
    const place = { response_id, item_id, output_index: 0, content_index: 0 }
    const item = { id: item_id, type: 'message', role: 'assistant', status: 'in_progress', content: [] }
    send({ type: 'response.created', response: { object: 'realtime.response', id: response_id, status: 'in_progress', output: [], conversation_id: 'conv_1' } })
    send({ type: 'response.output_item.added', response_id, output_index: 0, item })
    send({ type: 'response.content_part.added', ...place, part: { type: 'audio', transcript: '' } })
    const head = JSON.stringify({ type: 'response.output_audio.delta', event_id: 'event_2', ...place, delta: '' }).slice(0, -2)
    this.down.push({ flow: new Flow(id), say: (audio) => socket.send(`${head}${audio}"}`) })
  }
}

/** One caller. */
async function ring(n: number, upstream: Upstream): Promise<() => void> {
  const send = await carrier.ring(n, (audio) => upstream.down[idOf(audio)]?.flow.take(audio))
  const flow = new Flow(n)
  upstream.up.set(n, flow)
  return () => send(flow.next())
}

async function direct(n: number, upstream: Upstream): Promise<() => void> {
  const socket = new WebSocket(`ws://127.0.0.1:${(upstream.server.address() as AddressInfo).port}`, { perMessageDeflate: false })
  await once(socket, 'open')
  const flow = new Flow(n)
  upstream.up.set(n, flow)
  return () => socket.send(`{"type":"input_audio_buffer.append","audio":"${flow.next()}"}`)
}

/** Every frame at its time, lines spread over the 20 ms. */
function play(sends: readonly (() => void)[]): () => void {
  const startedAt = performance.now()
  const sent = sends.map(() => 0)
  const timer = setInterval(() => {
    const elapsed = performance.now() - startedAt
    for (const [i, send] of sends.entries()) {
      const due = Math.floor((elapsed - (i * FRAME_MS) / sends.length) / FRAME_MS)
      for (let n = sent[i] ?? 0; n < due; n++) send()
      sent[i] = Math.max(sent[i] ?? 0, due)
    }
  }, 1)
  return () => clearInterval(timer)
}

const part = (sorted: readonly number[], share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
function summary(flows: readonly Flow[]): {
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly frames: number
  readonly gaps: number
  readonly lost: number
} {
  const delays = flows.flatMap((flow) => flow.delays).sort((a, b) => a - b)
  return {
    p50: part(delays, 0.5),
    p99: part(delays, 0.99),
    max: delays.at(-1) ?? Number.NaN,
    frames: delays.length,
    gaps: delays.filter((ms) => ms > GAP_MS).length,
    lost: flows.reduce((sum, flow) => sum + flow.sentAt.length - flow.received + flow.disordered, 0),
  }
}

function pin(pid: number, core: number): boolean {
  try {
    execFileSync('taskset', ['-acp', String(core), String(pid)], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const address = await addressOfFreePort()
const carrier = await CARRIERS[CARRIER](() => address.PUBLIC_URL)
const upstream = new Upstream()
await once(upstream.server, 'listening')
const relay = await startCommand([], {
  env: {
    ...{ HOST: '127.0.0.1', PORT: '0', ADMIN_PORT: '0', LOG_LEVEL: 'info', JWT_SECRET: 'x'.repeat(32), INSTRUCTIONS: 'Be kind.', CONNECTS_PER_SECOND: '10000' },
    ...{ AZURE_OPENAI_ENDPOINT: `http://127.0.0.1:${(upstream.server.address() as AddressInfo).port}`, AZURE_OPENAI_DEPLOYMENT: 'voice', AZURE_OPENAI_API_KEY: 'key' },
    ...{ ...carrier.env, TELEPHONY_PROFILE: '{"*":"default"}', TELEPHONY_LIMITS: `{"perNumber":${CALLS},"total":${CALLS}}` },
    // Signatures are made for it, and the port is not known yet: a free one was taken for both.
    ...address,
  },
})
try {
  await relay.says(/"url":"(http:[^"]+)"/)
  const pid = relay.child.pid as number
  const pinned = pin(pid, 0) && pin(process.pid, 1)
  const sends: (() => void)[] = []
  for (let n = 0; n < CALLS; n++) sends.push(await ring(n, upstream))
  for (let n = 0; n < DIRECT; n++) sends.push(await direct(CALLS + n, upstream))
  while (upstream.down.length < CALLS) await new Promise((resolve) => setTimeout(resolve, 20))
  const stop = play([
    ...sends,
    ...upstream.down.map(
      ({ flow, say }) =>
        () =>
          say(flow.next()),
    ),
  ])
  const flows = () => [...upstream.up.values(), ...upstream.down.map(({ flow }) => flow)]
  await new Promise((resolve) => setTimeout(resolve, 3000))
  for (const flow of flows()) flow.forget()
  const before = { cpu: sampleCpu([pid]), at: performance.now() }
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000))
  const after = { cpu: sampleCpu([pid]), at: performance.now() }
  stop()
  await new Promise((resolve) => setTimeout(resolve, 500))
  const cpu = (after.cpu.onCpuMicros - before.cpu.onCpuMicros) / 10 / (after.at - before.at)
  const waited = (after.cpu.waitMicros - before.cpu.waitMicros) / 10 / (after.at - before.at)
  const calls = [...upstream.up.values()].filter(({ id }) => id < CALLS)
  const rows = [
    ['up', summary(calls)],
    ['down', summary(upstream.down.map(({ flow }) => flow))],
    ['without the relay', summary([...upstream.up.values()].filter(({ id }) => id >= CALLS))],
  ] as const
  console.log(`${CALLS} calls by ${CARRIER}, 50 frames a second each way, ${SECONDS} s${pinned ? ', relay on one core, load on another' : ''}`)
  console.log('| | p50 | p99 | longest | frames | later than 60 ms | lost or disordered |\n| --- | --- | --- | --- | --- | --- | --- |')
  for (const [name, { p50, p99, max, frames, gaps, lost }] of rows)
    console.log(`| ${name} | ${p50.toFixed(2)} ms | ${p99.toFixed(2)} ms | ${max.toFixed(1)} ms | ${frames} | ${gaps} | ${lost} |`)
  console.log(`CPU of the relay: ${cpu.toFixed(0)} % of a core; it waited for the core ${waited.toFixed(0)} % of the time`)
  const worst = Math.max(rows[0][1].p99, rows[1][1].p99) - rows[2][1].p99
  console.log(`added at p99: ${worst.toFixed(2)} ms`)
  const isCrowded = waited > CROWDED_PERCENT
  if (isCrowded) console.log('Others had the core for so long that the delays are theirs: run it again when the machine is quiet.')
  process.exitCode = (isCrowded || worst <= MOST_ADDED_MS) && rows[0][1].lost + rows[1][1].lost === 0 ? 0 : 1
} finally {
  await relay.stop()
  await carrier.close()
  upstream.server.close()
  for (const socket of upstream.server.clients) socket.terminate()
}
process.exit()

async function addressOfFreePort(): Promise<{ readonly PORT: string; readonly PUBLIC_URL: string }> {
  const probe = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  return { PORT: String(port), PUBLIC_URL: `http://127.0.0.1:${port}` }
}
