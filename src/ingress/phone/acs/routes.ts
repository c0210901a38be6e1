// The routes of Azure Communication Services: incoming calls, callbacks and media, each read only after its proof was checked.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { RefusalError } from '../../../core/protocol/errors.js'
import type { CarrierTokens } from '../../../ports/carrier-tokens.js'
import type { PhoneDesk } from '../../../ports/phone.js'
import { queryOf } from '../../paths.js'
import { sendRefusal } from '../../refusal-reply.js'
import type { PhoneRoutes } from '../door.js'
import { PHONE_PATHS } from '../paths.js'
import { readCallbacks } from './callbacks.js'
import { type AcsLog, type AcsTimes, createAcsCalls } from './calls.js'
import type { AcsControl } from './control.js'
import { askingOrigin, digestOf, type GridEvent, readDelivery } from './event-grid.js'

export interface AcsRoutesDeps {
  readonly desk: PhoneDesk
  readonly publicUrl: URL
  readonly tokens: CarrierTokens
  readonly control: AcsControl
  readonly log: AcsLog
  /** Whether calls are taken now. While it drains, another instance gets them. */
  readonly isOpen: () => boolean
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Most calls that are being answered at once; 500 if absent. */
  readonly most?: number
  /** Shorter in tests. */
  readonly times?: Partial<AcsTimes>
}

type Incoming = Extract<GridEvent, { type: 'incoming' }>

/** A call's context alone can be many kilobytes. */
const MAX_BODY_BYTES = 262_144
/** An older ring has rung out. The same for clocks that are ahead. */
const MAX_EVENT_AGE_MS = 180_000
/** Longer than an event with the same name could still be taken. */
const REMEMBERED_MS = 2 * MAX_EVENT_AGE_MS + 60_000
/** Event Grid delivers again what is refused beyond them. */
const MAX_ANSWERING = 500
const RETRY_SECONDS = 5
const TICKET = /^[\w.~-]{1,100}$/
const CONNECTION_ID = /^[\x21-\x7e]{1,256}$/
const JSON_TYPES = /^application\/(json|cloudevents(-batch)?\+json)\b/i

export function createAcsRoutes({ desk, publicUrl, tokens, control, log, isOpen, now, most = MAX_ANSWERING, times = {} }: AcsRoutesDeps): PhoneRoutes {
  const callbackBase = new URL(PHONE_PATHS.acsCallbacks.replace(':name', ''), publicUrl)
  const mediaBase = new URL(PHONE_PATHS.acsMedia.replace(':ticket', ''), publicUrl)
  // Plain http is for tests on one machine; elsewhere the public address is https.
  mediaBase.protocol = publicUrl.protocol === 'http:' ? 'ws:' : 'wss:'
  const addresses = (ticket: string, name: string) => ({ callbackUri: new URL(name, callbackBase).href, transportUrl: new URL(ticket, mediaBase).href })
  const calls = createAcsCalls({ desk, control, addresses, log, times })
  let answering = 0

  return (server, door) => {
    server.register(async (app) => {
      app.removeAllContentTypeParsers()
      app.addContentTypeParser(JSON_TYPES, { parseAs: 'string', bodyLimit: MAX_BODY_BYTES }, (_request, body, done) => done(null, body))
      app.options(PHONE_PATHS.acsIncoming, { onRequest: checked(delivery) }, greet)
      app.post(PHONE_PATHS.acsIncoming, { onRequest: checked(delivery) }, receive)
      app.post<{ Params: { name: string } }>(PHONE_PATHS.acsCallbacks, { onRequest: checked(ofService) }, hear)
    })
    door.media(
      PHONE_PATHS.acsMedia,
      async (request) => {
        await ofService(request)
        const { ticket = '' } = request.params as { readonly ticket?: string }
        const [connectionId = '', ...more] = request.raw.headersDistinct['x-ms-call-connection-id'] ?? []
        if (more.length > 0 || !CONNECTION_ID.test(connectionId)) throw new RefusalError('bad_request', 'no_connection_id')
        if (!TICKET.test(ticket)) throw new RefusalError('forbidden', 'unknown_ticket')
        return calls.enter(ticket, connectionId)
      },
      (link, call, socket) => calls.attach(call, link, socket),
    )
  }

  function delivery({ raw }: FastifyRequest): Promise<void> {
    return tokens.checkDelivery({ authorization: raw.headersDistinct.authorization, query: queryOf(raw.url ?? '') })
  }

  function ofService({ raw }: FastifyRequest): Promise<void> {
    return tokens.checkCall(raw.headersDistinct.authorization)
  }

  /** Nothing of a body is read before this. */
  function checked(check: (request: FastifyRequest) => Promise<void>) {
    return async (request: FastifyRequest, reply: FastifyReply) => {
      try {
        await check(request)
      } catch (error) {
        refuse(reply, error)
        return reply
      }
    }
  }

  function refuse(reply: FastifyReply, error: unknown): FastifyReply {
    const refusal = error instanceof RefusalError ? error : new RefusalError('internal', 'request_failed')
    if (refusal !== error) log.error({ err: error }, 'request of the carrier failed')
    log.info({ code: refusal.code, why: refusal.why, carrier: 'acs' }, 'request of the carrier refused')
    return sendRefusal(reply, refusal)
  }

  /** How CloudEvents ask whether they may be sent here. */
  async function greet(request: FastifyRequest, reply: FastifyReply) {
    const origin = askingOrigin(request.raw.headersDistinct['webhook-request-origin'])
    if (origin === undefined) return refuse(reply, new RefusalError('bad_request', 'no_origin'))
    return reply.code(200).header('webhook-allowed-origin', origin).header('webhook-allowed-rate', '*').header('allow', 'OPTIONS, POST').send()
  }

  async function receive(request: FastifyRequest, reply: FastifyReply) {
    const events = readDelivery(textOf(request))
    if (!events) return refuse(reply, new RefusalError('bad_request', 'no_events'))
    const handshake = events.find((event) => event.type === 'validation')
    if (handshake) return reply.code(200).send({ validationResponse: handshake.code })
    try {
      for (const event of events) {
        if (event.type === 'bad') log.warn({ why: event.why }, 'event dropped')
        else if (event.type === 'incoming') await take(event)
      }
    } catch (error) {
      return refuse(reply, error instanceof RefusalError ? error : new RefusalError('overloaded', 'store_unreachable', RETRY_SECONDS))
    }
    return reply.code(200).send()
  }

  /** Refused before it is marked as taken: Event Grid delivers it again, perhaps to another instance. */
  async function take(event: Incoming): Promise<void> {
    if (Math.abs(now() - event.at) > MAX_EVENT_AGE_MS) return log.info({ why: 'too_old' }, 'event dropped')
    if (!isOpen()) throw new RefusalError('draining', 'acs_draining', RETRY_SECONDS)
    if (answering >= most) throw new RefusalError('overloaded', 'too_many_calls_at_once', RETRY_SECONDS)
    answering++
    let isTaken = false
    try {
      isTaken = await isNew(event)
    } finally {
      if (!isTaken) answering--
    }
    if (!isTaken) return log.debug({ why: 'delivered_twice' }, 'event dropped')
    // Not awaited: Event Grid would deliver again what takes long.
    calls
      .answer(event)
      .catch((error: unknown) => log.error({ err: error }, 'telephone call failed'))
      .finally(() => answering--)
  }

  /** Events come at least once. The same call may also come under another event's name. */
  async function isNew({ id, context }: Incoming): Promise<boolean> {
    return (await desk.isFirst(`acs:event:${digestOf(id)}`, REMEMBERED_MS)) && (await desk.isFirst(`acs:call:${digestOf(context)}`, REMEMBERED_MS))
  }

  /** Every name is answered the same, so an answer says nothing of which calls there are. */
  async function hear(request: FastifyRequest<{ Params: { name: string } }>, reply: FastifyReply) {
    const events = readCallbacks(textOf(request))
    if (!events) return refuse(reply, new RefusalError('bad_request', 'no_events'))
    calls.hear(request.params.name, events).catch((error: unknown) => log.error({ err: error }, 'callback failed'))
    return reply.code(200).send()
  }
}

function textOf(request: FastifyRequest): string {
  return typeof request.body === 'string' ? request.body : ''
}
