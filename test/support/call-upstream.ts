// A small model service on loopback that takes calls by WebRTC and SIP as Azure and OpenAI do: HTTP and sidebands, no media.
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { AZURE_MEDIA_ONLY, AZURE_SHARED } from '../core/sdp/samples.js'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

interface Given {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface CallUpstream {
  readonly url: string
  readonly asked: Asked[]
  /** Calls that were begun and not hung up. */
  readonly live: Set<string>
  /** Calls by SIP that nobody has accepted or rejected. */
  readonly ringing: Set<string>
  /** Instead of the usual answer; 'hang': none at all. */
  answer: (asked: Asked) => Given | 'hang' | undefined
  /** Every sideband that was opened, with the call that it is of. */
  readonly sidebands: { readonly callId: string; readonly socket: WebSocket }[]
  /** Told of each of them at once, before anything of it is read. */
  onSideband: (socket: WebSocket, callId: string) => void
  /** Ends a call from this side. */
  end(callId: string): void
  close(): Promise<void>
}

export const UPSTREAM_KEY = 'upstream-key-of-calls'

export async function startCallUpstream(): Promise<CallUpstream> {
  const tickets = new Map<string, string>()
  const wss = new WebSocketServer({ noServer: true })
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const asked = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString() }
    self.asked.push(asked)
    const given = self.answer(asked) ?? usual(asked)
    if (given === 'hang') return
    response.writeHead(given.status, given.headers ?? {}).end(given.body ?? '')
  })
  const self: CallUpstream = {
    url: '',
    asked: [],
    live: new Set(),
    ringing: new Set(),
    answer: () => undefined,
    sidebands: [],
    onSideband: () => undefined,
    end(callId) {
      self.live.delete(callId)
      for (const one of self.sidebands) if (one.callId === callId) one.socket.close(1000)
    },
    async close() {
      for (const { socket } of self.sidebands) socket.terminate()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  let ids = 0

  function usual({ path, headers, body }: Asked): Given {
    const isKnown = headers['api-key'] === UPSTREAM_KEY || headers.authorization === `Bearer ${UPSTREAM_KEY}`
    if (path.endsWith('/client_secrets')) {
      if (!isKnown) return { status: 401 }
      const value = `ek_upstream_${++ids}`
      tickets.set(value, body)
      return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ value, expires_at: 1, session: {} }) }
    }
    const [, hung] = /\/calls\/(\w+)\/hangup$/.exec(path) ?? []
    if (hung !== undefined) {
      if (!isKnown) return { status: 401 }
      if (!self.live.has(hung)) return { status: 404, body: '{"error":{"code":"call_id_not_found"}}' }
      self.end(hung)
      return { status: 200 }
    }
    const [, callId = '', step] = /\/calls\/([\w-]+)\/(accept|reject|refer)$/.exec(path) ?? []
    if (step !== undefined) {
      if (!isKnown) return { status: 401 }
      if (step === 'refer' ? !self.live.has(callId) : !self.ringing.delete(callId)) return { status: 404, body: '{"error":{"code":"call_id_not_found"}}' }
      if (step === 'accept') self.live.add(callId)
      if (step === 'refer') self.end(callId)
      return { status: 200 }
    }
    const ticket = /^Bearer (ek_upstream_.*)$/.exec(headers.authorization ?? '')?.[1] ?? ''
    const isMultipart = headers['content-type']?.startsWith('multipart/form-data') === true
    if (!tickets.delete(ticket) && !(isKnown && isMultipart)) return { status: 401, body: 'This operation requires ephemeral tokens' }
    const id = `rtc_${String(++ids).padStart(32, '0')}`
    self.live.add(id)
    return {
      status: 201,
      headers: { 'content-type': 'text/plain; charset=utf-8', location: `/v1/realtime/calls/${id}` },
      body: body.includes('m=application') ? AZURE_SHARED : AZURE_MEDIA_ONLY,
    }
  }

  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => undefined)
    const callId = new URL(request.url ?? '', 'http://x').searchParams.get('call_id') ?? ''
    self.asked.push({ method: 'UPGRADE', path: request.url ?? '', headers: request.headers, body: '' })
    if (!self.live.has(callId)) return void socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
    wss.handleUpgrade(request, socket, head, (accepted) => {
      accepted.on('error', () => undefined)
      self.sidebands.push({ callId, socket: accepted })
      self.onSideband(accepted, callId)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return Object.assign(self, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}
