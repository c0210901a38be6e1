// `npm run bench:calls`: what a WebRTC call costs the relay, whose sound does not pass it, beside the same turns over a WebSocket.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { WebSocket } from 'ws'
import { mintToken } from '../../src/auth/mint-token.js'
import { loadAuthConfig } from '../../src/config/load.js'
import { CHROMIUM } from '../core/sdp/samples.js'
import { startCommand } from '../support/built-relay.js'
import { type CallUpstream, startCallUpstream, UPSTREAM_KEY } from '../support/call-upstream.js'
import { SECRET } from '../support/running-relay.js'
import { sampleCpu } from './process-tree.js'

const SESSIONS = 200
const WARM_UPS = 5
const TURNS = 10
/** Three seconds of speech in frames of 20 ms, and six seconds of answer in deltas of 4 kB. */
const [FRAMES, DELTAS, WORDS] = [150, 94, 16]
const frame = JSON.stringify({ type: 'input_audio_buffer.append', audio: 'A'.repeat(1280) })
const delta = 'A'.repeat(4096)

type Sent = { readonly type: string; readonly session?: object; readonly response?: { readonly metadata?: object } }
type Turn = { readonly done: Promise<void>; readonly over: () => void }

/** A service that speaks in turns: over a sideband without sound. */
class Service {
  ids = 0
  readonly turns = new Map<WebSocket, Turn>()
  readonly upstream: CallUpstream
  constructor(upstream: CallUpstream) {
    this.upstream = upstream
  }

  take(socket: WebSocket, isCall: boolean): void {
    const send = (event: object) => socket.send(JSON.stringify({ event_id: `event_${++this.ids}`, ...event }))
    if (!isCall) send({ type: 'session.created', session: { id: `sess_${++this.ids}`, object: 'realtime.session', type: 'realtime' } })
    socket.on('message', (data) => {
      const text = String(data)
      if (text.startsWith('{"type":"input_audio_buffer.append"')) return
      const event = JSON.parse(text) as Sent
      if (event.type === 'session.update') send({ type: 'session.updated', session: { id: 'sess_1', object: 'realtime.session', ...event.session } })
      if (event.type === 'response.create') this.#answer(socket, send, isCall, event.response?.metadata ?? null)
    })
  }

  /** The user has spoken. Resolves when the answer is complete. */
  turn(socket: WebSocket, isCall: boolean): Promise<void> {
    const send = (event: object) => socket.send(JSON.stringify({ event_id: `event_${++this.ids}`, ...event }))
    let over: () => void = () => undefined
    const done = new Promise<void>((resolve) => {
      over = resolve
    })
    this.turns.set(socket, { done, over })
    const item_id = `item_${++this.ids}`
    send({ type: 'input_audio_buffer.speech_started', audio_start_ms: 0, item_id })
    send({ type: 'input_audio_buffer.speech_stopped', audio_end_ms: 3000, item_id })
    send({ type: 'input_audio_buffer.committed', previous_item_id: null, item_id })
    send({
      type: 'conversation.item.added',
      previous_item_id: null,
      item: { id: item_id, type: 'message', role: 'user', status: 'completed', content: [{ type: 'input_audio', transcript: null }] },
    })
    if (!isCall) this.#answer(socket, send, false, null)
    return done
  }

  #answer(socket: WebSocket, send: (event: object) => void, isCall: boolean, metadata: object | null): void {
    const id = `resp_${++this.ids}`
    const item_id = `item_${++this.ids}`
    const place = { response_id: id, item_id, output_index: 0, content_index: 0 }
    const item = { id: item_id, type: 'message', role: 'assistant', status: 'in_progress', content: [] }
    const response = { object: 'realtime.response', id, status: 'in_progress', output: [], conversation_id: 'conv_1', metadata }
    send({ type: 'response.created', response })
    send({ type: 'response.output_item.added', response_id: id, output_index: 0, item })
    send({ type: 'conversation.item.added', previous_item_id: null, item })
    send({ type: 'response.content_part.added', ...place, part: { type: 'audio', transcript: '' } })
    if (isCall) send({ type: 'output_audio_buffer.started', response_id: id })
    for (let word = 0; word < WORDS; word++) send({ type: 'response.output_audio_transcript.delta', ...place, delta: ' harbour' })
    for (let n = 0; !isCall && n < DELTAS; n++) send({ type: 'response.output_audio.delta', ...place, delta })
    if (!isCall) send({ type: 'response.output_audio.done', ...place })
    const transcript = ' harbour'.repeat(WORDS)
    const done = { ...item, status: 'completed', content: [{ type: 'output_audio', transcript }] }
    send({ type: 'response.output_audio_transcript.done', ...place, transcript })
    send({ type: 'response.content_part.done', ...place, part: { type: 'audio', transcript } })
    send({ type: 'conversation.item.done', previous_item_id: null, item: done })
    send({ type: 'response.output_item.done', response_id: id, output_index: 0, item: done })
    if (isCall) send({ type: 'output_audio_buffer.stopped', response_id: id })
    send({ type: 'response.done', response: { ...response, status: 'completed', output: [done], usage: { total_tokens: 300, input_tokens: 100, output_tokens: 200 } } })
    // The pong says that the relay has read all that.
    socket.once('pong', () => this.turns.get(socket)?.over())
    socket.ping()
  }
}

async function measured(isCall: boolean): Promise<{ readonly micros: number; readonly kilobytes: number }> {
  const upstream = await startCallUpstream()
  const service = new Service(upstream)
  // A plain session names no call.
  upstream.live.add('')
  const relay = await startCommand([], {
    env: {
      ...{ HOST: '127.0.0.1', PORT: '0', ADMIN_PORT: '0', LOG_LEVEL: 'info', JWT_SECRET: SECRET, INSTRUCTIONS: 'Be kind.', WEBRTC: 'media-only' },
      ...{ AZURE_OPENAI_ENDPOINT: upstream.url, AZURE_OPENAI_DEPLOYMENT: 'voice', AZURE_OPENAI_API_KEY: UPSTREAM_KEY },
      ...{ MAX_SESSIONS_PER_USER: '100000', CONNECTS_PER_SECOND: '10000', MESSAGES_PER_SECOND: '100000', BYTES_PER_SECOND: '1024 MiB', AUDIO_SECONDS_PER_SECOND: '10000' },
    },
  })
  const pid = relay.child.pid as number
  const residentKb = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  upstream.onSideband = (socket, callId) => service.take(socket, callId !== '')
  const clients: WebSocket[] = []
  try {
    const [, url = ''] = await relay.says(/"url":"(http:[^"]+)"/)
    const headers = { authorization: `Bearer ${await mintToken(loadAuthConfig({ JWT_SECRET: SECRET }), { subject: 'bench', ttlSeconds: 3600 })}` }
    const open = async () => {
      if (isCall) {
        const answer = await fetch(`${url}/v1/realtime/calls`, { method: 'POST', headers: { ...headers, 'content-type': 'application/sdp' }, body: CHROMIUM })
        if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`)
        return
      }
      const client = new WebSocket(`${url.replace('http', 'ws')}/v1/realtime`, { headers, perMessageDeflate: false })
      await once(client, 'message')
      client.on('message', () => undefined)
      clients.push(client)
    }
    await open()
    const before = residentKb()
    for (let n = 1; n < SESSIONS; n++) await open()
    const kilobytes = (residentKb() - before) / (SESSIONS - 1)
    const turns = async () => {
      for (const client of clients) for (let n = 0; n < FRAMES; n++) client.send(frame)
      await Promise.all(upstream.sidebands.map(({ socket }) => service.turn(socket, isCall)))
    }
    for (let n = 0; n < WARM_UPS; n++) await turns()
    const start = sampleCpu([pid]).onCpuMicros
    for (let n = 0; n < TURNS; n++) await turns()
    return { micros: (sampleCpu([pid]).onCpuMicros - start) / (TURNS * SESSIONS), kilobytes }
  } finally {
    for (const client of clients) client.terminate()
    await relay.stop()
    await upstream.close()
  }
}

const rows = { inline: await measured(false), call: await measured(true) }
const figure = (of: (one: { readonly micros: number; readonly kilobytes: number }) => string) => `${of(rows.inline)} | ${of(rows.call)}`
console.log(`| ${SESSIONS} sessions, ${TURNS} spoken turns each | WebSocket | WebRTC call |\n| --- | --- | --- |`)
console.log(`| CPU of the relay for a turn | ${figure(({ micros }) => `${Math.round(micros)} µs`)} |`)
console.log(`| memory for a session that was opened | ${figure(({ kilobytes }) => `${Math.round(kilobytes)} KB`)} |`)
