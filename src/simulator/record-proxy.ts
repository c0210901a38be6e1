// Record mode: stands before a real upstream, passes every frame both ways, and writes a script of the sessions that ended.
import { writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import { stringify } from 'yaml'
import type { DialectName } from '../core/protocol/dialect.js'
import { isObject, type RealtimeEvent } from '../core/protocol/events.js'
import { createEventFile, type EventFile } from './event-file.js'
import { refuseUpgrade } from './http-answers.js'
import { createTranscript, joined, type Transcript } from './transcript.js'
import { offered } from './upgrade.js'

export interface RecordingOptions {
  /** Such as `https://my-resource.openai.azure.com`; the path and query are the client's. */
  readonly upstream: string
  /** Where the script goes, in YAML. */
  readonly file: string
  /** Where the events of the first session go, as JSONL; those of others go beside it. */
  readonly events?: string
  readonly port?: number
  readonly host?: string
  readonly log?: (line: string) => void
}

export interface RunningRecorder {
  readonly url: string
  /** Ends the sessions and writes the script. */
  close(): Promise<void>
}

/** What a client says about itself goes on to the upstream. Nothing of it is kept or written. */
const PASSED_HEADERS = ['api-key', 'authorization', 'openai-beta', 'openai-organization', 'openai-project', 'openai-safety-identifier', 'user-agent']
const HEAD = '# Recorded by realtime-relay simulate --record. Replay it with simulate --script.\n'
const MAX_PAYLOAD_BYTES = 64 * 1024 * 1024
const DIAL_MS = 15_000
/** Above this many unsent bytes the other side is not read. */
const CONGESTED_BYTES = 8 * 1024 * 1024

export async function startRecording(options: RecordingOptions): Promise<RunningRecorder> {
  const base = new URL(options.upstream)
  base.protocol = base.protocol.replace('http', 'ws')
  const transcripts: Transcript[] = []
  const eventFiles: EventFile[] = []
  const openEvents = () => {
    if (options.events === undefined) return undefined
    const file = createEventFile(options.events, eventFiles.length + 1, () => options.log?.('events: the file is full, the rest is left out'))
    eventFiles.push(file)
    return file
  }
  const pairs = new Set<readonly [WebSocket, WebSocket]>()
  const write = () => writeFileSync(options.file, HEAD + stringify(joined(transcripts.map((one) => one.document())), { lineWidth: 0 }), { mode: 0o600 })
  const server = createServer((_request, response) => void response.writeHead(404).end())
  const webSockets = new WebSocketServer({ noServer: true, maxPayload: MAX_PAYLOAD_BYTES, perMessageDeflate: false, clientTracking: false })

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => undefined)
    const target = new URL(base.pathname.replace(/\/+$/, '') + (request.url ?? '/'), base)
    const headers = Object.fromEntries(PASSED_HEADERS.flatMap((name) => (request.headers[name] === undefined ? [] : [[name, String(request.headers[name])]])))
    const upstream = new WebSocket(target, offered(request.headers).filter(Boolean), {
      headers,
      handshakeTimeout: DIAL_MS,
      maxPayload: MAX_PAYLOAD_BYTES,
      perMessageDeflate: false,
    })
    upstream.on('error', (error) => {
      options.log?.(`upstream: ${error.message}`)
      if (!socket.destroyed && upstream.readyState !== upstream.OPEN) refuseUpgrade(socket, 502, { code: '502', message: 'The upstream cannot be reached.' })
    })
    upstream.on('unexpected-response', (_request, response) => {
      options.log?.(`upstream: ${response.statusCode}`)
      refuseUpgrade(socket, response.statusCode ?? 502, { code: String(response.statusCode), message: 'The upstream refused.' })
      response.resume()
    })
    upstream.once('open', () => {
      webSockets.options.handleProtocols = () => upstream.protocol || false
      // Read only once the client can be written to, so that no frame is lost.
      upstream.pause()
      webSockets.handleUpgrade(request, socket, head, (client) => {
        const transcript = createTranscript(dialectOf(target.pathname))
        transcripts.push(transcript)
        const events = openEvents()
        const pair = [client, upstream] as const
        pairs.add(pair)
        join(client, upstream, (text) => note([transcript, events], 'client', text))
        join(upstream, client, (text) => note([transcript, events], 'server', text))
        upstream.once('close', () => {
          events?.close()
          if (pairs.delete(pair)) write()
        })
        upstream.resume()
      })
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const socket of [...pairs].flat()) socket.terminate()
      pairs.clear()
      for (const file of eventFiles) file.close()
      write()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

/** Passes frames and the end of one side on to the other. */
function join(from: WebSocket, to: WebSocket, look: (text: string) => void): void {
  from.on('message', (data, isBinary) => {
    if (!isBinary) look(String(data))
    if (to.readyState !== to.OPEN) return
    to.send(data as Buffer, { binary: isBinary }, () => {
      if (from.isPaused && to.bufferedAmount < CONGESTED_BYTES) from.resume()
    })
    if (to.bufferedAmount > CONGESTED_BYTES) from.pause()
  })
  from.on('error', () => undefined)
  from.on('close', (code, reason) => {
    if (code === 1005) to.close()
    else if (code < 1000 || code === 1006 || code === 1015) to.terminate()
    else to.close(code, String(reason))
  })
}

function note(listeners: readonly (Pick<Transcript, 'passed'> | undefined)[], from: 'client' | 'server', text: string): void {
  try {
    const event: unknown = JSON.parse(text)
    if (isObject(event) && typeof event.type === 'string') for (const one of listeners) one?.passed(from, event as RealtimeEvent)
  } catch {
    // A frame that is no JSON says nothing that a script could say.
  }
}

function dialectOf(path: string): DialectName {
  if (path.includes('/voice-live/')) return 'voice-live'
  return path.includes('/v1/') ? 'ga' : 'preview'
}
