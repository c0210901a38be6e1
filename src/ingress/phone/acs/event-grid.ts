// Reads what Event Grid delivers: its handshake, and incoming calls in both of its schemas. Bounded, pure, and fetches nothing.
import { createHash } from 'node:crypto'
import { type Json, type JsonObject, objectAt, stringAt } from '../../../core/protocol/events.js'
import type { Ring } from '../../../ports/phone.js'
import { readEventList } from './event-list.js'

export type GridEvent =
  /** Answered with the code. Its `validationUrl` is for people, and fetching it would make the relay ask where it is told to. */
  | { readonly type: 'validation'; readonly code: string }
  | { readonly type: 'incoming'; readonly id: string; readonly at: number; readonly context: string; readonly ring: Ring }
  /** Of another kind, which a subscription without a filter delivers. */
  | { readonly type: 'other' }
  /** `why`: a fixed word for the log. */
  | { readonly type: 'bad'; readonly why: string }

const VALIDATION = 'Microsoft.EventGrid.SubscriptionValidationEvent'
const INCOMING = 'Microsoft.Communication.IncomingCall'

const MAX_ID = 256
const MAX_CODE = 512
const MAX_CONTEXT = 65_536
const MAX_ADDRESS = 256
const MAX_HEADERS = 32
const MAX_HEADER_VALUE = 1024
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/
const E164 = /^\+[1-9]\d{1,14}$/
/** How a telephone number stands in a `rawId`. */
const RAW_NUMBER = /^4:(\+\d+)$/

/** The events of one request, or undefined if it is none: no JSON, no event in it, or too many. */
export function readDelivery(body: string): readonly GridEvent[] | undefined {
  return readEventList(body)?.map(readEvent)
}

/** Event Grid's schema says `eventType` and `eventTime`, CloudEvents `type` and `time`. */
function readEvent(event: JsonObject): GridEvent {
  const type = stringAt(event, 'eventType') ?? stringAt(event, 'type')
  const data = objectAt(event, 'data')
  if (type === VALIDATION) {
    const code = stringAt(data, 'validationCode') ?? ''
    return code.length > 0 && code.length <= MAX_CODE ? { type: 'validation', code } : { type: 'bad', why: 'no_validation_code' }
  }
  if (type !== INCOMING) return type === undefined ? { type: 'bad', why: 'no_event_type' } : { type: 'other' }
  const id = stringAt(event, 'id') ?? ''
  const at = Date.parse(stringAt(event, 'eventTime') ?? stringAt(event, 'time') ?? '')
  const context = stringAt(data, 'incomingCallContext') ?? ''
  if (id.length === 0 || id.length > MAX_ID) return { type: 'bad', why: 'no_event_id' }
  if (Number.isNaN(at)) return { type: 'bad', why: 'no_event_time' }
  if (context.length === 0 || context.length > MAX_CONTEXT) return { type: 'bad', why: 'no_call_context' }
  const to = addressOf(objectAt(data, 'to'))
  if (to === undefined) return { type: 'bad', why: 'no_called_number' }
  const from = addressOf(objectAt(data, 'from'))
  const ring: Ring = {
    carrier: 'acs',
    carrierCallId: stringAt(data, 'serverCallId')?.slice(0, MAX_CONTEXT) ?? digestOf(context),
    from: from !== undefined && E164.test(from) ? from : undefined,
    to,
    headers: headersOf(objectAt(data, 'customContext')),
  }
  return { type: 'incoming', id, at, context, ring }
}

/** The number, or the id of a user that is no telephone. */
function addressOf(party: JsonObject | undefined): string | undefined {
  const rawId = stringAt(party, 'rawId')
  const address = stringAt(objectAt(party, 'phoneNumber'), 'value') ?? RAW_NUMBER.exec(rawId ?? '')?.[1] ?? stringAt(objectAt(party, 'communicationUser'), 'id') ?? rawId
  return address !== undefined && /^[\x21-\x7e]+$/.test(address) && address.length <= MAX_ADDRESS ? address : undefined
}

/** Headers of SIP come before those of VoIP. What is too long, oddly named or named twice is left out. */
function headersOf(context: JsonObject | undefined): Readonly<Record<string, string>> {
  const given: [string, Json][] = ['sipHeaders', 'voipHeaders'].flatMap((kind) => Object.entries(objectAt(context, kind) ?? {}))
  const headers = new Map<string, string>()
  for (const [name, value] of given) {
    const key = name.toLowerCase()
    const fits = HEADER_NAME.test(name) && typeof value === 'string' && value.length <= MAX_HEADER_VALUE && /^[\x20-\x7e]*$/.test(value)
    if (fits && !headers.has(key) && headers.size < MAX_HEADERS) headers.set(key, value)
  }
  // A map's entries become own fields, whatever their names.
  return Object.fromEntries(headers)
}

/** A short name for something long that must not be kept as it is. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}

/** The one origin that asks, of a CloudEvents subscription; undefined if it is none. */
export function askingOrigin(values: readonly string[] | undefined): string | undefined {
  const origin = values?.length === 1 ? values[0] : undefined
  return origin !== undefined && /^[A-Za-z0-9.:-]{1,253}$/.test(origin) ? origin : undefined
}
