// The REST side of the simulated ACS: checks the signature of each request as the service does, and answers with its statuses.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** What can be asked of a call. `id`: of its connection; absent: it rings still. */
export interface RestRequest {
  readonly operation: 'answer' | 'reject' | 'redirect' | 'terminate' | 'leave' | 'transfer' | 'startMediaStreaming' | 'stopMediaStreaming' | 'properties'
  readonly id: string | undefined
  readonly body: Readonly<Record<string, unknown>>
}

export interface RestAnswer {
  readonly status: number
  readonly body?: object
  /** Done once the answer is on its way. */
  readonly after?: () => void
}

/** One request as it came, for tests to look at. */
export interface SeenRequest extends RestRequest {
  readonly status: number
}

export interface RestSetup {
  /** Base64, as in a connection string. */
  readonly accessKey: string
  readonly perform: (request: RestRequest) => RestAnswer | Promise<RestAnswer>
  readonly onSeen: (seen: SeenRequest) => void
  readonly now: () => number
}

const API_VERSION = '2026-03-12'
const MAX_BODY_BYTES = 262_144
const MAX_SKEW_MS = 300_000
const SIGNATURE = /^HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=([A-Za-z0-9+/]{43}=)$/

const RINGING: Readonly<Record<string, RestRequest['operation']>> = { answer: 'answer', reject: 'reject', redirect: 'redirect' }
const CONNECTED: Readonly<Record<string, RestRequest['operation']>> = {
  terminate: 'terminate',
  transferToParticipant: 'transfer',
  startMediaStreaming: 'startMediaStreaming',
  stopMediaStreaming: 'stopMediaStreaming',
}

/** Handles what begins with `/calling/callConnections`. Never rejects. */
export async function handleRest(request: IncomingMessage, response: ServerResponse, setup: RestSetup): Promise<void> {
  const answer = (status: number, body?: object) => {
    if (body) response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    else response.writeHead(status).end()
  }
  try {
    const text = await bodyOf(request)
    if (!isSigned(request, text, setup)) return answer(401, problem('Denied', 'Denied by the resource provider.'))
    const url = new URL(request.url ?? '', 'http://simulated')
    if (url.searchParams.get('api-version') !== API_VERSION) return answer(400, problem('BadRequest', `The simulator knows api-version ${API_VERSION}.`))
    const asked = readRequest(request.method ?? '', url.pathname)
    if (!asked) return answer(404, problem('NotFound', 'No such operation.'))
    const full: RestRequest = { ...asked, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) }
    const made = await setup.perform(full)
    setup.onSeen({ ...full, status: made.status })
    answer(made.status, made.body)
    made.after?.()
  } catch {
    if (!response.headersSent) answer(400, problem('BadRequest', 'The request is malformed.'))
  }
}

export function problem(code: string, message: string): object {
  return { error: { code, message } }
}

function readRequest(method: string, path: string): Omit<RestRequest, 'body'> | undefined {
  const [, id, name] = /^\/calling\/callConnections(?:\/([^/:]+))?(?::(\w+))?$/.exec(path) ?? []
  const operation =
    name === undefined ? { DELETE: 'leave' as const, GET: 'properties' as const }[method] : method === 'POST' ? (id === undefined ? RINGING : CONNECTED)[name] : undefined
  if (!operation || (name === undefined && id === undefined)) return undefined
  return { operation, id: id === undefined ? undefined : decodeURIComponent(id) }
}

/** HMAC of method, path with query, date, host and the body's digest. */
function isSigned({ headers, method, url }: IncomingMessage, body: string, { accessKey, now }: RestSetup): boolean {
  const { authorization = '', host = '', 'x-ms-date': date = '', 'x-ms-content-sha256': hash = '' } = headers
  const shown = SIGNATURE.exec(authorization)?.[1]
  if (shown === undefined || Array.isArray(date) || Array.isArray(hash)) return false
  if (!(Math.abs(Date.parse(date) - now()) <= MAX_SKEW_MS) || hash !== createHash('sha256').update(body).digest('base64')) return false
  const expected = createHmac('sha256', Buffer.from(accessKey, 'base64')).update(`${method}\n${url}\n${date};${host};${hash}`).digest()
  return timingSafeEqual(expected, Buffer.from(shown, 'base64'))
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) throw new Error('too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
