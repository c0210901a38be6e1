// Reads a proven webhook: a call that rings, or something that is none of the relay's business. Pure.
import { arrayAt, isObject, type Json, type JsonObject, objectAt, stringAt } from '../../../core/protocol/events.js'
import type { Ring } from '../../../ports/phone.js'
import { sipAddress } from './sip-address.js'

export type Webhook =
  | { readonly type: 'ring'; readonly ring: Ring }
  /** Of another type. The same call may be announced as `live.call.incoming` as well, which other software answers. */
  | { readonly type: 'other' }
  | { readonly type: 'bad' }

const MOST_HEADERS = 32
const MAX_HEADER_LENGTH = 256
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/
const CALL_ID = /^[\w-]{1,128}$/

export function readWebhook(rawBody: Buffer): Webhook {
  const event = parsed(rawBody)
  if (!isObject(event)) return { type: 'bad' }
  const type = stringAt(event, 'type')
  if (type === undefined) return { type: 'bad' }
  if (type !== 'realtime.call.incoming') return { type: 'other' }
  const data = objectAt(event, 'data')
  const callId = stringAt(data, 'call_id')
  if (!data || callId === undefined || !CALL_ID.test(callId)) return { type: 'bad' }
  const headers = sipHeaders(data)
  const from = isAnonymous(headers.get('privacy')) ? undefined : sipAddress(headers.get('from')).number
  const to = sipAddress(headers.get('to')).user ?? ''
  const shown = Object.fromEntries([...headers].slice(0, MOST_HEADERS))
  // Lists of callers have numbers with their country alone: one without a plus would pass by them.
  return { type: 'ring', ring: { carrier: 'sip', carrierCallId: callId, from: from?.startsWith('+') ? from : undefined, to, headers: shown } }
}

/** Names in lower case. What is too long or has control characters is left out, and so is a name that comes twice with differing values: nobody can say which one counts. */
function sipHeaders(data: JsonObject): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  const unclear = new Set<string>()
  for (const one of arrayAt(data, 'sip_headers')) {
    const name = isObject(one) ? stringAt(one, 'name') : undefined
    const value = isObject(one) ? stringAt(one, 'value') : undefined
    if (name === undefined || value === undefined || !HEADER_NAME.test(name)) continue
    const key = name.toLowerCase()
    const known = headers.get(key)
    if (value.length > MAX_HEADER_LENGTH || CONTROL.test(value) || (known !== undefined && known !== value)) unclear.add(key)
    else headers.set(key, value)
  }
  for (const key of unclear) headers.delete(key)
  return headers
}

/** RFC 3323: the caller asks for it, whatever the trunk has written into From. */
function isAnonymous(privacy = ''): boolean {
  return /(^|[;,\s])(id|user|full)($|[;,\s])/i.test(privacy)
}

function parsed(rawBody: Buffer): Json | undefined {
  try {
    return JSON.parse(rawBody.toString('utf8')) as Json
  } catch {
    return undefined
  }
}
