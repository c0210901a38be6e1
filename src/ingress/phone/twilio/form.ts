// The form that Twilio sends with its webhooks, and what it tells of a call.
import type { Ring } from '../../../ports/phone.js'
import type { FormFields } from './signature.js'

/** Twilio sends some thirty. */
const MAX_FIELDS = 200
const MAX_HEADERS = 20
const MAX_HEADER_NAME = 64
const MAX_HEADER_VALUE = 256
/** Twilio's own ids are two letters and 32 digits; compatible services have others. */
const SID = /^[\w-]{1,64}$/
const E164 = /^\+[1-9]\d{5,14}$/
const HEADER = /^SipHeader_([\w-]+)$/
const HEADER_TEXT = /^[\x20-\x7e]*$/

/** Callers without a number have one of these for it, as a word or as the keys that spell it. */
const WITHHELD = ['anonymous', 'restricted', 'blocked', 'unknown', 'unavailable']
const KEYS = '22233344455566677778889999'
const WITHHELD_NUMBERS: ReadonlySet<string> = new Set(WITHHELD.map((word) => `+${[...word].map((letter) => KEYS[letter.charCodeAt(0) - 97]).join('')}`))

/** Undefined: more fields than Twilio ever sends. */
export function readForm(body: Buffer): FormFields | undefined {
  const fields = [...new URLSearchParams(body.toString())]
  return fields.length > MAX_FIELDS ? undefined : fields
}

export interface TwilioCallId {
  readonly accountSid: string
  readonly callSid: string
}

/** Both ids, since a stream has to name both again. */
export function carrierCallId({ accountSid, callSid }: TwilioCallId): string {
  return `${accountSid}/${callSid}`
}

export interface TwilioForm extends TwilioCallId {
  readonly ring: Ring
  /** `in-progress`, `ringing`; anything else: the call is over. */
  readonly status: string
  readonly isInbound: boolean
}

/** Undefined: not what Twilio says of a call. */
export function readCall(fields: FormFields): TwilioForm | undefined {
  const values = new Map(fields)
  const accountSid = values.get('AccountSid') ?? ''
  const callSid = values.get('CallSid') ?? ''
  // A name that comes twice would leave open which one is meant.
  if (!SID.test(accountSid) || !SID.test(callSid) || ['AccountSid', 'CallSid', 'From', 'To'].some((name) => times(fields, name) > 1)) return undefined
  const ids = { accountSid, callSid }
  const ring: Ring = {
    carrier: 'twilio',
    carrierCallId: carrierCallId(ids),
    from: callerOf(values.get('From') ?? ''),
    to: calledOf(values.get('To') ?? ''),
    headers: headersOf(fields),
  }
  return { ...ids, ring, status: values.get('CallStatus') ?? 'in-progress', isInbound: (values.get('Direction') ?? 'inbound') === 'inbound' }
}

function times(fields: FormFields, wanted: string): number {
  return fields.filter(([name]) => name === wanted).length
}

function callerOf(from: string): string | undefined {
  return E164.test(from) && !WITHHELD_NUMBERS.has(from) ? from : undefined
}

/** The number, or the user part of a SIP address. */
function calledOf(to: string): string {
  return (/^sips?:([^@;?]*)@/i.exec(to)?.[1] ?? to).slice(0, MAX_HEADER_NAME)
}

function headersOf(fields: FormFields): Readonly<Record<string, string>> {
  const headers = new Map<string, string>()
  for (const [field, value] of fields) {
    const name = HEADER.exec(field)?.[1]?.toLowerCase()
    if (name === undefined || name.length > MAX_HEADER_NAME || value.length > MAX_HEADER_VALUE || !HEADER_TEXT.test(value)) continue
    if (headers.size < MAX_HEADERS && !headers.has(name)) headers.set(name, value)
  }
  return Object.fromEntries(headers)
}
