// Decides what of an upstream's error a client may read: known codes with harmless text pass, everything else gets our words.
import type { JsonObject, RealtimeEvent } from '../protocol/events.js'
import { objectAt, stringAt } from '../protocol/events.js'
import type { SessionView } from './policy.js'
import { linesOf } from './profile.js'
import { hasPublicText } from './upstream-codes.js'

const CODE = /^[a-z][a-z0-9_]{0,63}$/
/** URLs, key-like words and account ids never belong in a text for a user. */
const PRIVATE_TEXT = /(https?|wss?):\/\/|\.azure\.com|\b(sk|ek)[-_]|api[-_ ]?key|bearer|\b(org|proj|asst)[-_][A-Za-z0-9]|deployment|instructions|tools?\b/i
const ERROR_FIELDS = new Set(['type', 'code', 'message', 'param', 'event_id'])
const MAX_TEXT = 400
/** A text that shares this many characters in a row with the instructions quotes them. */
const QUOTE_LENGTH = 16
const GENERIC = 'The model service reported an error.'

/** An `error` event as the client may see it; the same object if nothing had to go. */
export function publicErrorEvent(event: RealtimeEvent, view: SessionView): RealtimeEvent {
  const error = objectAt(event, 'error')
  if (!error) return { type: 'error', event_id: event.event_id ?? null, error: generic('server_error', null) }
  const visible = publicError(error, view)
  const known = Object.keys(event).every((key) => key === 'type' || key === 'event_id' || key === 'error')
  return visible === error && known ? event : { type: 'error', event_id: event.event_id ?? null, error: visible }
}

/** The same object if nothing had to go. Also serves failed responses and failed transcriptions. */
export function publicError(error: JsonObject, view: SessionView): JsonObject {
  const code = stringAt(error, 'code')
  const message = stringAt(error, 'message')
  const param = stringAt(error, 'param')
  const known = Object.entries(error).every(([key, value]) => ERROR_FIELDS.has(key) && (value === null || typeof value === 'string'))
  const harmless = (text: string | undefined) => text === undefined || isPublicText(text, view)
  if (known && (code === undefined ? error.type === 'server_error' : hasPublicText(code)) && harmless(message) && harmless(param) && harmless(stringAt(error, 'type'))) return error
  const type = stringAt(error, 'type')
  const rebuilt = generic(type !== undefined && CODE.test(type) ? type : 'server_error', code !== undefined && CODE.test(code) && isPublicText(code, view) ? code : null)
  return Object.hasOwn(error, 'event_id') ? { ...rebuilt, event_id: stringAt(error, 'event_id') ?? null } : rebuilt
}

/** Whether a text of the upstream's may reach a client: short, without private words, not quoting the instructions. */
export function isPublicText(text: string, view: SessionView): boolean {
  if (text.length > MAX_TEXT || PRIVATE_TEXT.test(text)) return false
  const lower = text.toLowerCase()
  if (view.privateWords.some((word) => word.length > 0 && lower.includes(word.toLowerCase()))) return false
  if (view.profile.tools.some((tool) => tool.owner === 'server' && lower.includes(tool.definition.name.toLowerCase()))) return false
  const told = [view.profile.instructions, ...linesOf(view.profile)]
  for (let at = 0; at + QUOTE_LENGTH <= text.length; at++) {
    const part = text.slice(at, at + QUOTE_LENGTH)
    if (told.some((one) => one.includes(part))) return false
  }
  return true
}

function generic(type: string, code: string | null): JsonObject {
  return { type, code, message: GENERIC, param: null, event_id: null }
}
