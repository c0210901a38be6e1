// The catalogue of refusals: one name for the HTTP status before the upgrade and the close code after it, with advice and public text.
import type { Json, RealtimeEvent } from './events.js'

/** What the client should do next. Every refusal says it, so a client need not guess whether to retry. */
export type Advice = 'new_token' | 'stop' | 'fix_client' | 'back_off' | 'on_user_action' | 'new_session' | 'reconnect'

interface Entry {
  readonly httpStatus: number
  readonly closeCode: number
  readonly errorType: 'invalid_request_error' | 'authentication_error' | 'permission_error' | 'rate_limit_error' | 'server_error'
  readonly advice: Advice
  readonly message: string
}

/** Close codes are 4000 plus the HTTP status, except where a standard code fits. All texts are ours, never a peer's or an exception's message. */
const CATALOGUE = {
  bad_request: { httpStatus: 400, closeCode: 4400, errorType: 'invalid_request_error', advice: 'fix_client', message: 'The request is malformed.' },
  subprotocol_required: {
    httpStatus: 400,
    closeCode: 4400,
    errorType: 'invalid_request_error',
    advice: 'fix_client',
    message: 'Offer the subprotocol "realtime" as well. None of those offered is spoken here.',
  },
  unauthenticated: { httpStatus: 401, closeCode: 4401, errorType: 'authentication_error', advice: 'new_token', message: 'A valid token is required.' },
  ambiguous_credentials: { httpStatus: 401, closeCode: 4401, errorType: 'authentication_error', advice: 'fix_client', message: 'The request carries differing credentials.' },
  forbidden: { httpStatus: 403, closeCode: 4403, errorType: 'permission_error', advice: 'stop', message: 'This is not allowed here.' },
  not_found: { httpStatus: 404, closeCode: 4404, errorType: 'invalid_request_error', advice: 'fix_client', message: 'There is nothing at this path.' },
  upgrade_required: { httpStatus: 426, closeCode: 4426, errorType: 'invalid_request_error', advice: 'fix_client', message: 'This path speaks WebSocket only.' },
  event_not_allowed: { httpStatus: 403, closeCode: 4400, errorType: 'invalid_request_error', advice: 'fix_client', message: 'This event is not allowed.' },
  bad_event: { httpStatus: 400, closeCode: 4400, errorType: 'invalid_request_error', advice: 'fix_client', message: 'The event is malformed.' },
  rate_limited: { httpStatus: 429, closeCode: 4429, errorType: 'rate_limit_error', advice: 'back_off', message: 'Too much at once. Try again later.' },
  too_many_sessions: { httpStatus: 429, closeCode: 4429, errorType: 'rate_limit_error', advice: 'back_off', message: 'Too many sessions are open.' },
  idle: { httpStatus: 408, closeCode: 4408, errorType: 'invalid_request_error', advice: 'on_user_action', message: 'The session was idle for too long.' },
  session_over: { httpStatus: 410, closeCode: 4410, errorType: 'invalid_request_error', advice: 'new_session', message: 'The session is over.' },
  resume_unknown: { httpStatus: 410, closeCode: 4410, errorType: 'invalid_request_error', advice: 'new_session', message: 'There is no such session to come back to.' },
  superseded: { httpStatus: 409, closeCode: 4409, errorType: 'invalid_request_error', advice: 'stop', message: 'Another connection has taken the session over.' },
  budget_spent: { httpStatus: 402, closeCode: 4402, errorType: 'rate_limit_error', advice: 'stop', message: 'The budget for this session is spent.' },
  foreign_control: { httpStatus: 403, closeCode: 4403, errorType: 'permission_error', advice: 'stop', message: 'The call was controlled past the relay.' },
  content_blocked: { httpStatus: 403, closeCode: 4403, errorType: 'permission_error', advice: 'stop', message: 'This content is not allowed here.' },
  slow_client: { httpStatus: 413, closeCode: 4413, errorType: 'invalid_request_error', advice: 'reconnect', message: 'The client did not read fast enough.' },
  message_too_big: { httpStatus: 413, closeCode: 1009, errorType: 'invalid_request_error', advice: 'fix_client', message: 'The message is too big.' },
  upstream_refused: { httpStatus: 502, closeCode: 4502, errorType: 'server_error', advice: 'back_off', message: 'The model service refused the session.' },
  upstream_lost: { httpStatus: 502, closeCode: 4502, errorType: 'server_error', advice: 'back_off', message: 'The connection to the model service was lost.' },
  upstream_timeout: { httpStatus: 504, closeCode: 4504, errorType: 'server_error', advice: 'back_off', message: 'The model service did not answer in time.' },
  overloaded: { httpStatus: 503, closeCode: 1013, errorType: 'server_error', advice: 'back_off', message: 'The relay has no room for another session. Try again later.' },
  audit_unavailable: { httpStatus: 503, closeCode: 1013, errorType: 'server_error', advice: 'back_off', message: 'The relay cannot keep its audit now. Try again later.' },
  draining: { httpStatus: 503, closeCode: 1012, errorType: 'server_error', advice: 'reconnect', message: 'The relay is shutting down. Reconnect.' },
  internal: { httpStatus: 500, closeCode: 4500, errorType: 'server_error', advice: 'back_off', message: 'The relay failed.' },
} as const satisfies Record<string, Entry>

export type RefusalCode = keyof typeof CATALOGUE

export function refusalEntry(code: RefusalCode): Entry {
  return CATALOGUE[code]
}

const AGAIN: ReadonlySet<Advice> = new Set(['back_off', 'reconnect', 'new_session', 'on_user_action'])

/** Whether whoever was refused may try again with no other credentials and no other request. A caller on the telephone hears busy then, and else is declined. */
export function mayTryAgain(code: RefusalCode): boolean {
  return AGAIN.has(CATALOGUE[code].advice)
}

export function refusalCodes(): readonly RefusalCode[] {
  return Object.keys(CATALOGUE) as RefusalCode[]
}

export interface RefusalDetails {
  /** Our own words for the client, if the catalogue's do not say enough. Quotes nothing but what the client itself sent. */
  readonly message?: string
  /** Further fields of the log line. */
  readonly log?: Readonly<Record<string, string>>
  /** The audit has it, from where more was known of it. */
  readonly isAudited?: boolean
}

/**
 * Thrown to refuse a request or a session. `why` is a fixed word or short phrase for the log and never reaches a client.
 * `retryAfterSeconds` does, in header, error text and close reason.
 */
export class RefusalError extends Error {
  override readonly name = 'RefusalError'
  constructor(
    readonly code: RefusalCode,
    readonly why: string,
    readonly retryAfterSeconds?: number,
    readonly details: RefusalDetails = {},
  ) {
    super(`${code}: ${why}`)
  }
}

/** The JSON body of a refusal before the upgrade. */
export function toErrorBody(code: RefusalCode, retryAfterSeconds?: number, message?: string): { error: { type: string; code: string; message: string } } {
  const entry = CATALOGUE[code]
  return { error: { type: entry.errorType, code, message: publicText(message ?? entry.message, retryAfterSeconds) } }
}

export interface ErrorEventDetail {
  /** The `event_id` of the error event itself. */
  readonly eventId: string
  /** The `event_id` of the offending client event, if it had one. */
  readonly causeEventId?: string | undefined
  /** The path of the offending field, as the client spelled it. */
  readonly param?: string | undefined
  /** Says in our own words what is wrong and must not quote a peer. Default: the catalogue's text. */
  readonly message?: string | undefined
  readonly retryAfterSeconds?: number | undefined
}

/** A refusal as an ordinary Realtime `error` event (source: OpenAI Realtime API reference, server event `error`). */
export function toErrorEvent(code: RefusalCode, detail: ErrorEventDetail): RealtimeEvent {
  const entry = CATALOGUE[code]
  const error: { [key: string]: Json } = {
    type: entry.errorType,
    code,
    message: publicText(detail.message ?? entry.message, detail.retryAfterSeconds),
    param: detail.param ?? null,
    event_id: detail.causeEventId ?? null,
  }
  return { type: 'error', event_id: detail.eventId, error }
}

/**
 * Code and reason for closing a client link; there is no other way to close one. The reason reads `<code>: <advice>[; retry after N s]`. It comes
 * from the catalogue and has at most 123 bytes, the limit of RFC 6455 section 5.5.
 */
export function toWireClose(code: RefusalCode, retryAfterSeconds?: number): { code: number; reason: string } {
  const entry = CATALOGUE[code]
  const hint = retryAfterSeconds === undefined ? '' : `; retry after ${Math.ceil(retryAfterSeconds)} s`
  return { code: entry.closeCode, reason: cutToBytes(`${code}: ${entry.advice}${hint}`, 123) }
}

function publicText(message: string, retryAfterSeconds: number | undefined): string {
  return retryAfterSeconds === undefined ? message : `${message} Retry after ${Math.ceil(retryAfterSeconds)} s.`
}

/** Cuts to a number of UTF-8 bytes without splitting a character. */
export function cutToBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text, 'utf8')
  if (bytes.length <= maxBytes) return text
  let end = maxBytes
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.subarray(0, end).toString('utf8')
}
