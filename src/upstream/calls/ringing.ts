// What a model service is asked about a call by SIP: accept, reject, refer. One request each, bounded in time.
import type { Dispatcher } from 'undici'
import { RefusalError } from '../../core/protocol/errors.js'
import type { RingingCall } from '../../ports/calls.js'
import { DialError } from '../../wire/dial-accept.js'
import type { KnownUpstream } from '../fail-over.js'
import type { CallDoor } from '../provider.js'
import { tracing, under } from './place.js'
import { post, refusedWith } from './post.js'

export interface Asking {
  readonly dispatcher: Dispatcher
  readonly signal: AbortSignal
  readonly timeoutMs: number
}

/** An id of another form would lead to another path. */
const CALL_ID = /^[\w-]{1,128}$/
/** A number, or a user and a host: no header field, no quote, no space, and of parameters the transport alone. */
const TARGET = /^(tel:\+?[0-9]{1,20}|sips?:[A-Za-z0-9_.!~*'()%&=+$,-]{1,64}@(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?(?:;transport=(?:tls|tcp|udp))?)$/

export function isCallId(callId: string): boolean {
  return CALL_ID.test(callId)
}

/** The model is the upstream's own: at Azure the deployment. */
export async function acceptCall({ config }: Pick<KnownUpstream, 'config'>, door: CallDoor, call: Omit<RingingCall, 'signal'>, asking: Asking): Promise<void> {
  const session = { ...call.session, type: 'realtime', model: config.deployment }
  const { status, headers } = await ask(door, `${call.callId}/accept`, session, asking, tracing(call))
  if (status === 404) throw new RefusalError('not_found', 'caller_left')
  if (status < 200 || status >= 300) throw refusedWith({ status, headers })
}

export async function rejectCall(door: CallDoor, callId: string, sipStatus: number, asking: Asking): Promise<void> {
  const { status, headers } = await ask(door, `${callId}/reject`, { status_code: sipStatus }, asking)
  if (status !== 404 && (status < 200 || status >= 300)) throw refusedWith({ status, headers })
}

export async function referCall(door: CallDoor, callId: string, target: string, asking: Asking): Promise<void> {
  if (!TARGET.test(target)) throw new RefusalError('bad_request', 'bad_transfer_target')
  const { status, headers } = await ask(door, `${callId}/refer`, { target_uri: target }, asking)
  if (status === 404) throw new RefusalError('not_found', 'call_over')
  if (status < 200 || status >= 300) throw refusedWith({ status, headers })
}

/** Whether the service may have done what it was asked for all the same. */
export function isUnsure(error: unknown): boolean {
  return error instanceof DialError ? error.status === undefined || error.status >= 500 : error instanceof RefusalError && error.why === 'answer_too_big'
}

async function ask(door: CallDoor, path: string, body: object, asking: Asking, more: Record<string, string> = {}) {
  const began = performance.now()
  const headers = { ...(await door.credentials(asking.signal, asking.timeoutMs)), ...more, 'content-type': 'application/json' }
  const timeoutMs = asking.timeoutMs - (performance.now() - began)
  return post(under(door.url, `calls/${path}`), { ...asking, headers, body: JSON.stringify(body), timeoutMs })
}
