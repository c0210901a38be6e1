// A browser's side of a WebRTC call for the simulator's tests: a second node-datachannel peer with a channel and a microphone.
import { Audio, type DataChannel, PeerConnection } from 'node-datachannel'
import type { RealtimeEvent } from '../../src/core/protocol/events.js'
import type { Simulator } from '../../src/simulator/simulator.js'

export const KEY = { 'api-key': 'k' }
const LEVEL_ID = 3
const OPUS = 111
const SSRC = 1234
const FRAME_MS = 20
const DEADLINE_MS = 5000

export interface Caller {
  readonly callId: string
  readonly answer: string
  /** From the channel, in order. */
  readonly events: RealtimeEvent[]
  /** RTP packets that came. */
  readonly packets: Buffer[]
  send(event: object): void
  sendRaw(data: string | Buffer): void
  /** Speaks for so long, or is silent, in packets of 20 ms at their pace. */
  speak(ms: number, level?: number): Promise<void>
  until(what: string, ready: () => boolean): Promise<void>
  /** Opens one more channel, and resolves once it is closed. */
  openSecond(): Promise<void>
  /** Resolves once the simulator's side is gone. */
  gone(): Promise<void>
  leave(): void
}

export interface CallerOptions {
  readonly session?: object
  readonly query?: string
  readonly channel?: boolean
  /** Whether it says in each packet how loud it is. */
  readonly levels?: boolean
  readonly opus?: number
}

const kept: object[] = []

/** A peer's offer without addresses, as browsers post it. */
export async function offering({ channel = true, levels = true, opus = OPUS }: CallerOptions = {}) {
  const connection = new PeerConnection('caller', { iceServers: [], bindAddress: '127.0.0.1', disableAutoNegotiation: true })
  const audio = new Audio('0', 'SendRecv')
  audio.addOpusCodec(opus, 'minptime=10;useinbandfec=1')
  audio.addSSRC(SSRC, 'caller', 'caller', 'microphone')
  if (levels) audio.parseSdpLine(`a=extmap:${LEVEL_ID} urn:ietf:params:rtp-hdrext:ssrc-audio-level`)
  const track = connection.addTrack(audio)
  const opened = channel ? connection.createDataChannel('oai-events') : undefined
  // The library calls into what was collected, and keeps the process alive, unless each part has a listener for its end and is closed.
  kept.push(connection, track, ...(opened ? [opened] : []))
  connection.onStateChange(() => undefined)
  track.onClosed(() => undefined)
  opened?.onClosed(() => undefined)
  connection.setLocalDescription('offer')
  await new Promise<void>((resolve) => {
    const look = () => connection.gatheringState() === 'complete' && resolve()
    connection.onGatheringStateChange(look)
    look()
  })
  const sdp = (connection.localDescription()?.sdp ?? '').replace(/a=(candidate|end-of-candidates).*\r\n/g, '')
  const close = () => {
    opened?.close()
    connection.close()
    track.close()
  }
  return { connection, track, channel: opened, sdp, close }
}

export async function mint(simulator: Simulator, session: object = {}, more: object = {}): Promise<{ value: string; expires_at: number; session: Record<string, unknown> }> {
  const answer = await fetch(`${simulator.url}/openai/v1/realtime/client_secrets`, {
    method: 'POST',
    headers: { ...KEY, 'content-type': 'application/json' },
    body: JSON.stringify({ session: { type: 'realtime', model: 'gpt-realtime', ...session }, ...more }),
  })
  if (answer.status !== 200) throw new Error(`client_secrets: ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as { value: string; expires_at: number; session: Record<string, unknown> }
}

export function postOffer(simulator: Simulator, secret: string, sdp: string, query = '?webrtcfilter=on'): Promise<Response> {
  return fetch(`${simulator.url}/openai/v1/realtime/calls${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/sdp' },
    body: sdp,
  })
}

/** Both steps of Azure, and media that are up. */
export async function placeCall(simulator: Simulator, options: CallerOptions = {}): Promise<Caller> {
  const peer = await offering(options)
  const answer = await postOffer(simulator, (await mint(simulator, options.session)).value, peer.sdp, options.query)
  if (answer.status !== 201) throw new Error(`calls: ${answer.status} ${await answer.text()}`)
  return connectCaller(peer, answer, options)
}

export async function connectCaller(
  { connection, track, channel, close }: Awaited<ReturnType<typeof offering>>,
  posted: Response,
  { opus = OPUS, levels = true }: CallerOptions = {},
): Promise<Caller> {
  const answer = await posted.text()
  const events: RealtimeEvent[] = []
  const packets: Buffer[] = []
  const waiting = new Set<() => void>()
  let state = 'new'
  let sequence = 0
  const wake = () => {
    for (const look of [...waiting]) look()
  }
  const until = (what: string, ready: () => boolean) =>
    new Promise<void>((resolve, reject) => {
      const finish = (work: () => void) => {
        clearTimeout(timer)
        waiting.delete(look)
        work()
      }
      const look = () => ready() && finish(resolve)
      const timer = setTimeout(() => finish(() => reject(new Error(`no ${what}; got ${events.map((event) => event.type).join(' ')}`))), DEADLINE_MS)
      waiting.add(look)
      look()
    })
  connection.onStateChange((next) => {
    state = next
    wake()
  })
  track.onMessage((packet) => {
    if (((packet[1] ?? 0) & 0x7f) === opus) packets.push(packet)
    wake()
  })
  channel?.onMessage((message) => {
    events.push(JSON.parse(String(message)) as RealtimeEvent)
    wake()
  })
  channel?.onOpen(wake)
  connection.setRemoteDescription(answer, 'answer')
  await until('connection', () => state === 'connected' && (channel?.isOpen() ?? true))
  return {
    callId: (posted.headers.get('location') ?? '').split('/').at(-1) ?? '',
    answer,
    events,
    packets,
    send: (event) => void (channel as DataChannel).sendMessage(JSON.stringify(event)),
    sendRaw: (data) => void (typeof data === 'string' ? channel?.sendMessage(data) : channel?.sendMessageBinary(data)),
    async speak(ms, level = 20) {
      const began = performance.now()
      for (let done = 0; done < ms; done += FRAME_MS) {
        const late = began + done - performance.now()
        if (late > 1) await new Promise((resolve) => setTimeout(resolve, late))
        if (track.isOpen()) track.sendMessageBinary(packetOf(opus, ++sequence, levels ? level : undefined, level < 100 ? 80 : 3))
      }
    },
    until,
    openSecond: () =>
      new Promise((resolve) => {
        const second = connection.createDataChannel('second')
        kept.push(second)
        second.onClosed(resolve)
      }),
    gone: () => until('end of the connection', () => state === 'closed' || state === 'disconnected' || state === 'failed'),
    leave: close,
  }
}

/** Opus of 20 ms by its first byte. */
function packetOf(opus: number, sequence: number, level: number | undefined, size: number): Buffer {
  const head = Buffer.alloc(12)
  head[0] = level === undefined ? 0x80 : 0x90
  head[1] = opus
  head.writeUInt16BE(sequence & 0xffff, 2)
  head.writeUInt32BE((sequence * 960) >>> 0, 4)
  head.writeUInt32BE(SSRC, 8)
  const extension = level === undefined ? Buffer.alloc(0) : Buffer.from([0xbe, 0xde, 0, 1, LEVEL_ID << 4, 0x80 | level, 0, 0])
  return Buffer.concat([head, extension, Buffer.alloc(size, 0x48)])
}
