// Answers plain HTTP: refusals of upgrades, the fault switch on loopback, and 404 for any other request.
import { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Faults, parseFaults } from './faults.js'
import { anyKey } from './upgrade.js'

const FAULTS_PATH = '/_simulator/faults'
const MAX_BODY_BYTES = 16 * 1024
const LOOPBACK = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1'])

export function refuseUpgrade(socket: Duplex, status: number, error: { code: string; message: string }, headers: Readonly<Record<string, string>> = {}): void {
  const body = JSON.stringify({ error })
  const all = { connection: 'close', 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)), ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}\r\n${lines.join('\r\n')}\r\n\r\n${body}`)
}

/** The body quotes the credential and the deployment, which must not reach a client of the relay. */
export function refusedByFault(socket: Duplex, refuse: NonNullable<Faults['refuse']>, url: URL, headers: IncomingHttpHeaders): void {
  const deployment = url.searchParams.get('model') ?? url.searchParams.get('deployment') ?? ''
  const message = `Refused: key ${anyKey(url, headers)} may not use deployment ${deployment} at ${url.pathname}.`
  refuseUpgrade(
    socket,
    refuse.status,
    { code: String(refuse.status), message },
    {
      ...(refuse.retryAfterSeconds !== undefined && { 'retry-after': String(refuse.retryAfterSeconds) }),
      ...(refuse.location !== undefined && { location: refuse.location.replace(/[^\x21-\x7e]/g, '') }),
    },
  )
}

export function answerHttp(request: IncomingMessage, response: ServerResponse, control: { faults: () => Faults; setFaults: (faults: Faults) => void }): void {
  const path = (request.url ?? '/').split('?')[0]
  if (path !== FAULTS_PATH || !LOOPBACK.has(request.socket.remoteAddress ?? '')) return send(response, 404, { error: { code: '404', message: 'Resource not found' } })
  // A web page in a browser on this machine must not switch faults.
  if (request.headers.origin !== undefined) return send(response, 403, { error: { code: '403', message: 'Not from a browser.' } })
  if (request.method === 'GET') return send(response, 200, control.faults())
  if (request.method !== 'POST') return send(response, 405, { error: { code: '405', message: 'GET and POST only.' } })
  const chunks: Buffer[] = []
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk)
  })
  request.on('error', () => undefined)
  request.on('end', () => {
    if (bytes > MAX_BODY_BYTES) return send(response, 413, { error: { code: '413', message: 'The body is too big.' } })
    const parsed = parseFaults(Buffer.concat(chunks).toString('utf8'))
    if (!parsed.ok) return send(response, 400, { error: { code: '400', message: parsed.message } })
    control.setFaults(parsed.faults)
    send(response, 200, parsed.faults)
  })
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
