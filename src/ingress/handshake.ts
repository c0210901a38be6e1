// Reads an upgrade request and refuses a malformed one before any other check runs.
import type { IncomingMessage } from 'node:http'
import { RefusalError } from '../core/protocol/errors.js'
import type { ResumeRequest } from '../ports/resume.js'
import { queryOf } from './paths.js'
import { offeredSubprotocols, RESUME_SUBPROTOCOL } from './subprotocol.js'

export interface Handshake {
  readonly target: string
  readonly query: URLSearchParams
  /** Every value of every header: Node's joined form hides that a header was sent twice. */
  readonly headers: Readonly<Record<string, string[] | undefined>>
  readonly offered: readonly string[]
  /** The query's `model`, else `deployment`: up to 128 harmless characters. */
  readonly requestedModel: string | undefined
  /** The client's own id for this request, made safe to log. */
  readonly correlationId: string | undefined
  /** The call that it wants to follow. */
  readonly callId: string | undefined
  /** Whom it wants to come back to. */
  readonly resume: ResumeRequest | undefined
  /** A valid `traceparent` (W3C Trace Context) of the header, else of the query, since browsers cannot set headers. Any other is left out. */
  readonly trace: string | undefined
}

const KEY = /^[+/0-9A-Za-z]{22}==$/
const MODEL = /^[A-Za-z0-9._:/-]{1,128}$/
const MAX_CORRELATION_LENGTH = 128
/** Of what a client asks for; the relay's own are shorter. */
const MAX_CALL_ID_LENGTH = 128
const RESUME_HEADER = 'x-relay-resume'
const RESUME = /^([\w-]{22}\.[\w-]{43})\.(\d{1,15})$/
/** Version 00, and neither id all zeros (source: W3C Trace Context). */
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** Throws `bad_request`. Checks everything that `ws` would otherwise refuse with a page of HTML. */
export function readHandshake(request: IncomingMessage): Handshake {
  const headers = request.headersDistinct
  const only = (name: string): string | undefined => (headers[name]?.length === 1 ? headers[name][0] : undefined)
  if (request.method !== 'GET' || request.httpVersion !== '1.1') throw new RefusalError('bad_request', 'bad_upgrade_method')
  if (only('upgrade')?.toLowerCase() !== 'websocket') throw new RefusalError('bad_request', 'bad_upgrade_header')
  if (!KEY.test(only('sec-websocket-key') ?? '')) throw new RefusalError('bad_request', 'bad_websocket_key')
  // Version 8 sends its origin in another header, which the origin check does not read.
  if (only('sec-websocket-version') !== '13') throw new RefusalError('bad_request', 'bad_websocket_version')
  if (headers['transfer-encoding'] || Number(only('content-length') ?? (headers['content-length'] ? Number.NaN : 0)) !== 0)
    throw new RefusalError('bad_request', 'upgrade_with_body')
  const target = request.url ?? '/'
  const query = queryOf(target)
  const offered = offeredSubprotocols(headers['sec-websocket-protocol'])
  return {
    target,
    query,
    headers,
    offered,
    requestedModel: modelIn(query, 'model') ?? modelIn(query, 'deployment'),
    correlationId: correlationOf(request, query),
    callId: query.get('call_id')?.slice(0, MAX_CALL_ID_LENGTH) ?? undefined,
    resume: resumeIn(headers[RESUME_HEADER], offered),
    trace: traceOf(request, query),
  }
}

/** The client's own id for a request, made safe to log. */
export function correlationOf({ headersDistinct }: Pick<IncomingMessage, 'headersDistinct'>, query: URLSearchParams): string | undefined {
  const [id, ...more] = headersDistinct['x-ms-client-request-id'] ?? []
  return cleanId((more.length === 0 ? id : undefined) ?? query.get('x-ms-client-request-id'))
}

/** A valid `traceparent` of the header, else of the query. Any other is left out. */
export function traceOf({ headersDistinct }: Pick<IncomingMessage, 'headersDistinct'>, query: URLSearchParams): string | undefined {
  return traceIn(headersDistinct.traceparent ?? []) ?? traceIn(query.getAll('traceparent'))
}

/** Refuses the transcription sessions that the relay does not serve. Otherwise they would get an ordinary conversation. */
export function checkIntent(query: URLSearchParams): void {
  if (query.get('intent') === 'transcription') throw new RefusalError('bad_request', 'transcription_not_served')
}

/** `<token>.<messages received>`, in the header or behind the subprotocol's prefix. Throws `bad_request` for two of them, or another form. */
function resumeIn(header: readonly string[] | undefined, offered: readonly string[]): ResumeRequest | undefined {
  const [given, ...more] = [...(header ?? []), ...offered.filter((name) => name.startsWith(RESUME_SUBPROTOCOL)).map((name) => name.slice(RESUME_SUBPROTOCOL.length))]
  if (given === undefined) return undefined
  const [, token, received] = RESUME.exec(given) ?? []
  if (token === undefined || received === undefined || more.length > 0) throw new RefusalError('bad_request', 'bad_resume')
  return { token, received: Number(received) }
}

/** Undefined: it names none. Throws `bad_request` for a name that is none, or several. */
export function modelIn(query: URLSearchParams, name: string): string | undefined {
  const values = new Set(query.getAll(name).filter((value) => value !== ''))
  const [value] = values
  if (value === undefined) return undefined
  if (values.size > 1 || !MODEL.test(value)) throw new RefusalError('bad_request', 'bad_model_name')
  return value
}

function traceIn([trace, ...more]: readonly string[]): string | undefined {
  return trace !== undefined && more.length === 0 && TRACEPARENT.test(trace) ? trace : undefined
}

function cleanId(value: string | null | undefined): string | undefined {
  const clean = (value ?? '').replace(/[^A-Za-z0-9._-]/g, '').slice(0, MAX_CORRELATION_LENGTH)
  return clean === '' ? undefined : clean
}
