// The control port: sessions, events, faults and scripts over HTTP, and a page. It trusts whoever reaches it, so it refuses other sites' pages.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isObject, type RealtimeEvent } from '../core/protocol/events.js'
import { CONTROL_API } from './control-api.js'
import { CONTROL_PAGE, PAGE_PARTS } from './control-page.js'
import type { Item } from './conversation.js'
import { type Faults, parseFaults } from './faults.js'
import type { Journal } from './journal.js'
import type { OpenCall } from './options.js'
import { parseScript, type Script, ScriptError } from './script-file.js'

const MAX_BODY_BYTES = 1024 * 1024
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/** What the control port may do to the simulator. */
export interface Controlled {
  readonly journal: Journal
  faults(): Faults
  setFaults(faults: Faults): void
  setScript(script: Script | undefined): void
  items(sessionId: string): readonly Item[] | undefined
  calls(): readonly OpenCall[]
  /** False: no such session is open. */
  inject(sessionId: string, event: RealtimeEvent): boolean
  /** Ends every session; returns how many. */
  endSessions(): number
}

export interface Control {
  readonly url: string
  close(): Promise<void>
}

interface Answer {
  readonly status: number
  readonly body: unknown
}

export async function startControl(controlled: Controlled, options: { port: number; host: string }): Promise<Control> {
  const open = new Set<ServerResponse>()
  const local = LOOPBACK.has(options.host)
  const server = createServer((request, response) => {
    response.on('error', () => undefined)
    const problem = foreign(request, local)
    if (problem !== undefined) return send(response, failed(403, problem))
    const url = new URL(request.url ?? '/', 'http://control')
    if (request.method === 'GET' && url.pathname === '/') return page(response)
    if (request.method === 'GET' && url.pathname === '/events') return watch(controlled.journal, request, response, open)
    readBody(request).then(
      (body) => send(response, body === undefined ? failed(413, 'The body is too big.') : answer(controlled, request.method ?? '', url, body)),
      () => response.destroy(),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  const host = options.host === '0.0.0.0' || options.host === '::' ? '127.0.0.1' : options.host.includes(':') && !options.host.startsWith('[') ? `[${options.host}]` : options.host
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        for (const response of open) response.destroy()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function answer(controlled: Controlled, method: string, url: URL, body: string): Answer {
  const { journal } = controlled
  const [, room, id, part, ...more] = url.pathname.split('/').map(decodeURIComponent)
  const route = more.length > 0 ? '' : [method, room, id === undefined ? '' : '*', part ?? ''].join(' ').trim()
  switch (route) {
    case 'GET openapi.json':
      return done(CONTROL_API)
    case 'GET calls':
      return done(controlled.calls())
    case 'GET sessions':
      return done(journal.sessions())
    case 'DELETE sessions': {
      const ended = controlled.endSessions()
      journal.forgetEnded()
      return done({ ended })
    }
    case 'GET sessions * events': {
      const events = journal.events(id ?? '', Number(url.searchParams.get('after') ?? 0) || 0)
      const from = url.searchParams.get('from')
      return events ? done(events.filter((one) => from === null || one.from === from)) : failed(404, 'There is no such session.')
    }
    case 'GET sessions * items': {
      const items = controlled.items(id ?? '')
      return items ? done(items) : failed(404, 'There is no such session.')
    }
    case 'POST sessions * events':
      return injected(controlled, id ?? '', body)
    case 'GET faults':
      return done(controlled.faults())
    case 'POST faults': {
      const parsed = parseFaults(body)
      if (!parsed.ok) return failed(400, parsed.message)
      controlled.setFaults(parsed.faults)
      return done(parsed.faults)
    }
    case 'POST script':
      return withScript(controlled, body)
    case 'DELETE script':
      controlled.setScript(undefined)
      return done({ answers: 0 })
    default:
      return failed(404, `There is no ${method} ${url.pathname}. GET /openapi.json lists what there is.`)
  }
}

function injected(controlled: Controlled, id: string, body: string): Answer {
  const event = parsed(body)
  if (!isObject(event) || typeof event.type !== 'string') return failed(400, 'The body must be one client event: a JSON object with a type.')
  return controlled.inject(id, event as RealtimeEvent) ? done({ handled: event.type }) : failed(404, 'There is no such open session.')
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

function withScript(controlled: Controlled, body: string): Answer {
  try {
    const script = parseScript(body, 'script')
    controlled.setScript(script)
    return done({ answers: script.answers?.length ?? 0 })
  } catch (error) {
    if (error instanceof ScriptError) return failed(400, error.message)
    throw error
  }
}

/** A page of another site may send requests here, and a name that points here may be anybody's. */
function foreign(request: IncomingMessage, local: boolean): string | undefined {
  const host = request.headers.host ?? ''
  if (local && !LOOPBACK.has(host.replace(/:\d+$/, ''))) return 'Not by this name.'
  const { origin } = request.headers
  return origin === undefined || origin === `http://${host}` ? undefined : 'Not from another site.'
}

function watch(journal: Journal, request: IncomingMessage, response: ServerResponse, open: Set<ServerResponse>): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  response.write(': watching\n\n')
  open.add(response)
  // Who reads too slowly misses events rather than filling the memory.
  const stop = journal.watch((sessionId, passed) => {
    if (response.writableLength < 1024 * 1024) response.write(`data: ${JSON.stringify({ sessionId, ...passed })}\n\n`)
  })
  request.on('close', () => {
    stop()
    open.delete(response)
  })
}

function page(response: ServerResponse): void {
  const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
  const policy = `default-src 'none'; connect-src 'self'; style-src ${hash(PAGE_PARTS.style)}; script-src ${hash(PAGE_PARTS.script)}; frame-ancestors 'none'; base-uri 'none'`
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy, 'cache-control': 'no-store' }).end(CONTROL_PAGE)
}

/** Undefined: it is too big. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk as Buffer)
  }
  return bytes > MAX_BODY_BYTES ? undefined : Buffer.concat(chunks).toString('utf8')
}

const done = (body: unknown): Answer => ({ status: 200, body })
const failed = (status: number, message: string): Answer => ({ status, body: { error: { message } } })

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }).end(JSON.stringify(body))
}
