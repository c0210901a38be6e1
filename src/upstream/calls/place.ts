// Places a WebRTC call: at Azure in two steps, with a ticket of its own that never leaves the relay, at OpenAI in one.
import { randomBytes } from 'node:crypto'
import type { Dispatcher } from 'undici'
import { RefusalError } from '../../core/protocol/errors.js'
import type { CallOffer } from '../../ports/calls.js'
import type { KnownUpstream } from '../fail-over.js'
import type { CallDoor } from '../provider.js'
import { type PostedHead, post, refusedWith } from './post.js'

export interface PlaceOptions {
  readonly dispatcher: Dispatcher
  readonly signal: AbortSignal
  /** For all steps together. */
  readonly timeoutMs: number
  /** The upstream has begun a call, whose answer may still fail to come. */
  readonly onCall: (callId: string) => void
}

export interface Placed {
  readonly callId: string
  readonly sdp: string
}

/** Of the upstream's own ticket. It is used at once. */
const TICKET_SECONDS = 30
const TICKET = /^ek_[\x21-\x7e]{1,8192}$/
const CALL_ID = /^rtc_[\w-]{1,128}$/
/** Ids that are safe in a header. */
const SAFE = /^[A-Za-z0-9._-]{1,128}$/

/** Rejects with a `DialError` or a `RefusalError`. */
export async function placeCall({ config }: Pick<KnownUpstream, 'config'>, door: CallDoor, offer: Omit<CallOffer, 'signal'>, options: PlaceOptions): Promise<Placed> {
  const deadline = performance.now() + options.timeoutMs
  const left = () => deadline - performance.now()
  const credentials = { ...(await door.credentials(options.signal, options.timeoutMs)), ...tracing(offer) }
  const session = { ...offer.session, type: 'realtime', model: config.deployment }
  const send = (path: string, headers: Record<string, string>, body: string, onHead?: (head: PostedHead) => void) =>
    post(under(door.url, path), { headers, body, dispatcher: options.dispatcher, signal: options.signal, timeoutMs: left(), ...(onHead && { onHead }) })
  let callId: string | undefined
  const onHead = (head: PostedHead) => {
    callId = callIdIn(head)
    if (callId !== undefined) options.onCall(callId)
  }

  async function mint(): Promise<string> {
    const body = JSON.stringify({ session, expires_after: { anchor: 'created_at', seconds: TICKET_SECONDS } })
    const minted = await send('client_secrets', { ...credentials, 'content-type': 'application/json' }, body)
    if (minted.status !== 200 && minted.status !== 201) throw refusedWith(minted)
    const value = ticketIn(minted.text)
    if (value === undefined) throw new RefusalError('upstream_refused', 'no_ticket')
    return value
  }

  async function offered() {
    if (door.style === 'azure') {
      const headers = { ...tracing(offer), authorization: `Bearer ${await mint()}`, 'content-type': 'application/sdp' }
      return send('calls?webrtcfilter=on', headers, offer.sdp, onHead)
    }
    const boundary = randomBytes(16).toString('hex')
    const headers = { ...credentials, 'content-type': `multipart/form-data; boundary=${boundary}` }
    return send('calls', headers, multipart(boundary, { sdp: ['application/sdp', offer.sdp], session: ['application/json', JSON.stringify(session)] }), onHead)
  }

  const answer = await offered()
  // A redirect has a Location as well.
  if (answer.status === 400 || answer.status === 422) throw new RefusalError('bad_request', 'offer_refused', undefined, { message: 'The model service does not accept the offer.' })
  if (answer.status !== 201) throw refusedWith(answer)
  if (callId === undefined) throw new RefusalError('upstream_refused', 'no_call_id')
  return { callId, sdp: answer.text }
}

/** `path` may have a query. */
export function under(base: URL, path: string): URL {
  return new URL(`${base.href}/${path}`)
}

export function tracing({ correlationId, trace }: Pick<CallOffer, 'correlationId' | 'trace'>): Record<string, string> {
  return { ...(SAFE.test(correlationId) && { 'x-ms-client-request-id': correlationId }), ...(trace !== undefined && { traceparent: trace }) }
}

/** The id at the end of the path, or in the query, as gateways write it. */
function callIdIn({ status, headers: { location } }: PostedHead): string | undefined {
  if (status !== 201 || typeof location !== 'string' || !URL.canParse(location, 'http://relay.invalid')) return undefined
  const { pathname, searchParams } = new URL(location, 'http://relay.invalid')
  const id = searchParams.get('call_id') ?? pathname.split('/').at(-1) ?? ''
  return CALL_ID.test(id) ? id : undefined
}

function ticketIn(text: string): string | undefined {
  try {
    const { value } = JSON.parse(text) as { readonly value?: unknown }
    return typeof value === 'string' && TICKET.test(value) ? value : undefined
  } catch {
    return undefined
  }
}

function multipart(boundary: string, parts: Readonly<Record<string, readonly [type: string, text: string]>>): string {
  const written = Object.entries(parts).map(([name, [type, text]]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\nContent-Type: ${type}\r\n\r\n${text}\r\n`)
  return `${written.join('')}--${boundary}--\r\n`
}
