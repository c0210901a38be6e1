// A real HTTP server that misbehaves in every way in which a tool's back end can, and records its requests.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGzip, gzipSync } from 'node:zlib'

export const SECRET = 'hunter2-connection-string'

export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface HostileBackend {
  readonly url: string
  readonly seen: Seen[]
  /** Resolves when a request to this path and query has been cut off before its answer was complete. */
  cutOff(url: string): Promise<void>
  /** Resolves when a request to this path and query has arrived. */
  arrived(url: string): Promise<void>
  /** Bytes written to sockets by the big answers. */
  bytesSent(): number
  close(): Promise<void>
}

export async function startHostileBackend(): Promise<HostileBackend> {
  const seen: Seen[] = []
  const waiting = new Map<string, () => void>()
  const happened = new Set<string>()
  let sent = 0
  const happen = (what: string) => {
    happened.add(what)
    waiting.get(what)?.()
  }
  const wait = (what: string) => new Promise<void>((resolve) => (happened.has(what) ? resolve() : waiting.set(what, resolve)))
  let flaky = 0

  const routes: Record<string, (request: IncomingMessage, response: ServerResponse, body: string) => void> = {
    '/echo': (_request, response, body) => response.setHeader('content-type', 'application/json').end(body),
    '/say': (request, response) => response.setHeader('content-type', 'text/plain; charset=utf-8').end(new URL(request.url ?? '', 'http://x').searchParams.get('text') ?? ''),
    '/redirect': (_request, response) => response.writeHead(302, { location: `/echo?${SECRET}` }).end(SECRET),
    '/hang': () => {},
    '/500': (_request, response) => response.writeHead(500, { 'content-type': 'text/plain' }).end(`Error: ${SECRET} at db.internal`),
    '/404': (_request, response) => response.writeHead(404, { 'content-type': 'text/plain' }).end(SECRET),
    '/rst': (request) => request.socket.resetAndDestroy(),
    '/flaky': (request, response) => (++flaky % 2 === 1 ? request.socket.resetAndDestroy() : response.setHeader('content-type', 'text/plain').end('second time')),
    '/503-once': (_request, response) => (++flaky % 2 === 1 ? response.writeHead(503).end() : response.setHeader('content-type', 'text/plain').end('second time')),
    '/binary': (_request, response) => response.setHeader('content-type', 'image/png').end(Buffer.from([0x89, 0x50, 0x4e, 0x47])),
    '/binary-as-text': (_request, response) => response.setHeader('content-type', 'text/plain').end(Buffer.from([0x89, 0, 0x4e, 0x47])),
    '/untyped-binary': (_request, response) => response.end(Buffer.from([0x89, 0xfe, 0xff, 0x47])),
    '/untyped-text': (_request, response) => response.end('plain ü'),
    '/latin1': (_request, response) => response.setHeader('content-type', 'text/plain; charset=iso-8859-1').end(Buffer.from([0x5a, 0xfc, 0x72, 0x69])),
    '/empty': (_request, response) => response.writeHead(204).end(),
    '/surrogate': (_request, response) => response.setHeader('content-type', 'application/json').end(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])),
    '/gzip': (_request, response) => response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' }).end(gzipSync('unpacked')),
    '/unknown-encoding': (_request, response) => response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'x-own' }).end('packed'),
    '/drip': (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' })
      const timer = setInterval(() => response.write('.'), 20)
      response.once('close', () => clearInterval(timer))
    },
    '/64mb': (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' })
      pour(response, Buffer.alloc(64 * 1024, 'é'), 64 * 1024 * 1024, (bytes) => {
        sent += bytes
      })
    },
    '/gzip-bomb': (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' })
      const gzip = createGzip()
      gzip.on('error', () => {})
      gzip.pipe(response)
      response.once('close', () => gzip.destroy())
      pour(gzip, Buffer.alloc(256 * 1024, 'a'), 1024 * 1024 * 1024, () => {})
    },
  }

  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname
    const chunks: Buffer[] = []
    response.on('error', () => {})
    request.on('error', () => {})
    response.once('close', () => response.writableFinished || happen(`cut ${request.url}`))
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body })
      happen(`arrived ${request.url}`)
      const route = routes[path] ?? ((_request, answer) => answer.setHeader('content-type', 'text/plain').end('ok'))
      route(request, response, body)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    cutOff: (url) => wait(`cut ${url}`),
    arrived: (url) => wait(`arrived ${url}`),
    bytesSent: () => sent,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function pour(to: NodeJS.WritableStream & { destroyed?: boolean }, chunk: Buffer, total: number, onChunk: (bytes: number) => void): void {
  let left = total
  const more = () => {
    while (left > 0 && !to.destroyed) {
      left -= chunk.length
      onChunk(chunk.length)
      if (!to.write(chunk)) return void to.once('drain', more)
    }
    if (!to.destroyed) to.end()
  }
  more()
}
