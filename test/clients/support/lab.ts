// A relay over TLS with the simulator as upstream, and a record of every frame to and from its clients.
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { WebSocket } from '@fastify/websocket'
import type { ServerExtras } from '../../../src/server/server.js'
import { type RunningOptions, type RunningRelay, runRelay, sampleTools } from '../../support/running-relay.js'
import { wsReceiver } from '../../support/wire-frames.js'

export type Upstream = 'ga' | 'preview'
export const UPSTREAMS: readonly Upstream[] = ['ga', 'preview']
export const PREVIEW_VERSION = '2025-04-01-preview'
/** What the simulator hears in a spoken turn, and in one of a second and more. */
export const HEARD = 'Hello from my microphone.'
export const HEARD_QUESTION = 'What is the weather in Oslo?'
const PCM_BYTES_PER_MS = 48
/** Words that only the server may know. No frame to a client may contain them. */
export const SERVER_ONLY = ['get_weather', 'lookup_order', 'Canary persona', 'canary-']

const tlsFile = (name: string): string => fileURLToPath(new URL(`../../support/tls/localhost-${name}.pem`, import.meta.url))
export const CA_FILE = tlsFile('cert')

type Receiver = ReturnType<typeof wsReceiver>
const PING = Buffer.from([0x89, 0x00])

/** Copies both directions of an upgraded connection to a parser of its own: the relay reads and writes whole frames past the WebSocket object. */
function record(socket: Socket, got: string[], sent: string[]): Receiver {
  const texts = (isServer: boolean, into: string[]) => wsReceiver({ isServer, maxPayload: 64 * 1024 * 1024 }).on('message', (data: Buffer) => void into.push(data.toString()))
  const fromClient = texts(true, got)
  const toClient = texts(false, sent)
  const push = socket.push.bind(socket)
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean
  socket.push = (chunk: Buffer | null) => {
    if (chunk) fromClient.write(Buffer.from(chunk))
    return push(chunk)
  }
  socket.write = ((...args: unknown[]) => {
    toClient.write(Buffer.from(args[0] as Buffer))
    return write(...args)
  }) as typeof socket.write
  return fromClient
}

export interface WireEvent {
  readonly type: string
  readonly [key: string]: unknown
}

export interface Lab {
  /** `localhost:port`, over TLS only, since several SDKs dial nothing else. */
  readonly host: string
  readonly running: RunningRelay
  /** All frames to clients since the last `forget`, in order. */
  toClients(): readonly WireEvent[]
  fromClients(): readonly WireEvent[]
  /** Upgrade requests since the last `forget`, as `path?query`. */
  targets(): readonly string[]
  /** Resolves when every client has read all that was sent to it: each has answered a ping that went out now. */
  caughtUp(): Promise<void>
  /** Breaks every connection of a client: LiveKit's outlives its `close()`. */
  hangUp(): void
  forget(): void
  /** Server-only words that reached a client. */
  leaks(): readonly string[]
  token(subject?: string): Promise<string>
  close(): Promise<void>
}

export interface LabOptions {
  readonly upstream: Upstream
  readonly env?: Record<string, string>
  /** Replaces `show_on_screen` for clients that give their tools other names. */
  readonly clientTool?: { readonly name: string }
  /** 1 is as fast as the service; without it nothing ever waits. */
  readonly speed?: number
  readonly toolAnswer?: RunningOptions['toolAnswer']
  /** Serves pages for browsers, from the relay's own origin. */
  readonly pages?: ServerExtras['publicRoutes']
}

export async function openLab(options: LabOptions): Promise<Lab> {
  const sent: string[] = []
  const got: string[] = []
  const targets: string[] = []
  const clients = new Map<Socket, Receiver>()
  const running = await runRelay({
    simulator: { hear: (pcm) => (loudMs(pcm) > 1000 ? HEARD_QUESTION : HEARD), ...(options.speed ? { speed: options.speed } : {}) },
    ...(options.toolAnswer ? { toolAnswer: options.toolAnswer } : {}),
    tools: (backEndUrl) => sampleTools(backEndUrl).map((tool) => (options.clientTool && (tool as { run: unknown }).run === 'client' ? options.clientTool : tool)),
    env: {
      TLS_CERT_FILE: CA_FILE,
      TLS_KEY_FILE: tlsFile('key'),
      DRAIN_SECONDS: '3',
      SESSION: JSON.stringify({ audio: { input: { transcription: { model: 'whisper-1' } } } }),
      ...(options.upstream === 'preview' ? { AZURE_OPENAI_API_VERSION: PREVIEW_VERSION } : {}),
      ...options.env,
    },
    extras: {
      publicRoutes: async (app) => {
        app.websocketServer.on('connection', (_socket: WebSocket, request) => {
          targets.push(request.url ?? '')
          const { socket } = request
          clients.set(socket, record(socket, got, sent))
          socket.once('close', () => clients.delete(socket))
        })
        await options.pages?.(app)
      },
    },
  })
  const parse = (frames: readonly string[]) => frames.map((frame) => JSON.parse(frame) as WireEvent)
  return {
    host: new URL(running.relay.url).host.replace('127.0.0.1', 'localhost'),
    running,
    toClients: () => parse(sent),
    fromClients: () => parse(got),
    targets: () => [...targets],
    async caughtUp() {
      const answers = [...clients].map(([socket, receiver]) => {
        const pong = once(receiver, 'pong', { signal: AbortSignal.timeout(5000) })
        socket.write(PING)
        return pong
      })
      await Promise.all(answers)
    },
    hangUp() {
      for (const socket of clients.keys()) socket.destroy()
    },
    forget() {
      sent.length = 0
      got.length = 0
      targets.length = 0
    },
    leaks: () => SERVER_ONLY.filter((word) => sent.some((frame) => frame.includes(word))),
    token: (subject = 'alice') => running.token(subject),
    close: () => running.close(),
  }
}

/** Length of speech by its loud samples. Padding and silence around it do not count. */
function loudMs(pcm: Buffer): number {
  let loud = 0
  for (let at = 0; at + 1 < pcm.length; at += 2) if (Math.abs(pcm.readInt16LE(at)) > 1000) loud += 2
  return loud / PCM_BYTES_PER_MS
}
