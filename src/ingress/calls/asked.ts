// What a caller asks for with a call or a ticket: a model, and settings of the session, of which only those that it may set are kept.
import type { SessionProfile } from '../../core/policy/profile.js'
import { requestedSession } from '../../core/policy/requested.js'
import { CLIENT_LIMITS } from '../../core/protocol/codec.js'
import { RefusalError } from '../../core/protocol/errors.js'
import { isObject, type Json, type JsonObject, objectAt, stringAt } from '../../core/protocol/events.js'
import { scanJson } from '../../core/protocol/json-scan.js'
import { modelIn } from '../handshake.js'

/** Of a ticket, in seconds. */
const LIFE = { least: 1, most: 60 }

/** The JSON object in `text`, which may be empty. Throws `bad_request` if it is none, within the bounds that hold for events. */
export function objectIn(text: string, name: string): JsonObject {
  if (text.trim() === '') return {}
  const value = scanJson(Buffer.from(text), CLIENT_LIMITS) === undefined ? parsed(text) : undefined
  if (!isObject(value)) throw bad('bad_json', `The ${name} must be a JSON object.`)
  return value
}

/** The settings in `session` that this caller may set. Throws for one that is malformed, and for a session of another kind. */
export function wishesIn(session: JsonObject | undefined, profile: SessionProfile): JsonObject {
  if (!session) return {}
  const type = stringAt(session, 'type')
  if (type !== undefined && type !== 'realtime') throw bad('bad_session_type', 'Only realtime sessions are available.')
  const requested = requestedSession(session, profile)
  if (!requested.ok) throw bad('bad_session_field', `'${requested.param}' is not valid.`)
  return requested.fields
}

/** The model's name in the query, or else in the session. */
export function modelAsked(query: URLSearchParams, session: JsonObject | undefined): string | undefined {
  const named = modelIn(query, 'model') ?? modelIn(query, 'deployment')
  const own = session && stringAt(session, 'model')
  return named ?? (own === undefined ? undefined : modelIn(new URLSearchParams({ model: own }), 'model'))
}

/** In milliseconds. A client may ask for less than the most. */
export function ticketLife(body: JsonObject): number {
  const seconds = objectAt(body, 'expires_after')?.seconds
  if (seconds === undefined || seconds === null) return LIFE.most * 1000
  if (typeof seconds !== 'number' || !(seconds >= LIFE.least)) throw bad('bad_life', `'expires_after.seconds' must be ${LIFE.least} or more.`)
  return Math.min(LIFE.most, seconds) * 1000
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

function bad(why: string, message: string): RefusalError {
  return new RefusalError('bad_request', why, undefined, { message })
}
