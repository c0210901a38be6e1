// The HTTP routes of WebRTC calls: a ticket, a call, its hang-up. Who asks is known before a body is read.
import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { WebrtcMode } from '../../config/config.js'
import type { SessionProfile } from '../../core/policy/profile.js'
import { type QuotaLeft, spentRule } from '../../core/policy/quota.js'
import { RefusalError } from '../../core/protocol/errors.js'
import { isObject, type JsonObject, objectAt, stringAt } from '../../core/protocol/events.js'
import { rewriteOffer } from '../../core/sdp/offer.js'
import type { CallDesk, Ticket } from '../../ports/call-desk.js'
import type { Identity } from '../../ports/caller.js'
import { ClientGone, type Deadline, startDeadline } from '../deadline.js'
import { checkOpen, type EnteringDeps, equip, identify, type OpeningCount, takePlace } from '../entering.js'
import { correlationOf, traceOf } from '../handshake.js'
import { checkOrigin } from '../origin.js'
import { CALL_PATHS, queryOf } from '../paths.js'
import type { Proxies } from '../proxies.js'
import { sendRefusal } from '../refusal-reply.js'
import { modelAsked, objectIn, ticketLife, wishesIn } from './asked.js'
import { readCallForm } from './multipart.js'

/** What the WebSocket's routes share with these. */
export interface SharedDoor {
  readonly deps: EnteringDeps
  readonly opening: OpeningCount
  readonly proxies: Proxies
  /** The refusal that an error means, logged and counted. */
  readonly refusalOf: (error: unknown, request: FastifyRequest) => RefusalError
}

export type CallRoutes = (app: FastifyInstance, door: SharedDoor) => void

export interface CallRoutesDeps {
  readonly desk: Omit<CallDesk, 'claim'>
  readonly modeOf: (profile: SessionProfile) => WebrtcMode
  /** Empty: no quota. Undefined: the store cannot be asked now. */
  readonly quotaLeft: (identity: Identity, profile: SessionProfile) => Promise<readonly QuotaLeft[] | undefined>
  /** Longest time for placing a call, in milliseconds. */
  readonly callMs: number
  readonly log: { info(fields: object, message: string): void }
  readonly now: () => number
}

const TICKET = /^bearer\s+(ek_[\w-]{43})$/i
const MAX_BODY_BYTES = 65_536
const RETRY_SECONDS = 5

export function createCallRoutes({ desk, modeOf, quotaLeft, callMs, log, now }: CallRoutesDeps): CallRoutes {
  return (server, { deps, opening, proxies, refusalOf }) => {
    const asking = new WeakMap<FastifyRequest, Ticket>()

    /** Bodies stay as they came until it is known who sent them. */
    server.register(async (app) => {
      app.removeAllContentTypeParsers()
      app.addContentTypeParser(
        ['application/sdp', 'application/json', 'multipart/form-data', 'text/plain'],
        { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES },
        (_request, body, done) => done(null, body),
      )
      for (const url of CALL_PATHS.secrets) app.post(url, { onRequest: askedBy(false, true) }, answer(secret))
      for (const url of CALL_PATHS.sessions) app.post(url, { onRequest: askedBy(false, true) }, answer(olderSecret))
      for (const url of CALL_PATHS.calls) app.post(url, { onRequest: askedBy(true, true) }, answer(place))
      for (const url of CALL_PATHS.hangUp) app.post<{ Params: { id: string } }>(url, { onRequest: askedBy(false, false) }, answer(hangUp))
    })

    function askedBy(takesTickets: boolean, needsRoom: boolean) {
      return async (request: FastifyRequest, reply: FastifyReply) => {
        const deadline = startDeadline(request.raw.socket, deps.config.limits.handshakeTimeoutMs)
        try {
          checkOpen(deps, needsRoom)
          checkOrigin(request.raw.headersDistinct.origin, deps.config.allowedOrigins, () => proxies.ownOrigins(request.raw))
          asking.set(request, await whoAsks(request, takesTickets, deadline))
        } catch (error) {
          refuse(request, reply, error)
          return reply
        } finally {
          deadline.end()
        }
      }
    }

    async function whoAsks(request: FastifyRequest, takesTickets: boolean, deadline: Deadline): Promise<Ticket> {
      const { headersDistinct: headers, url = '' } = request.raw
      const [authorization = '', ...more] = headers.authorization ?? []
      const value = takesTickets && more.length === 0 ? TICKET.exec(authorization.trim())?.[1] : undefined
      let ticket: Ticket | undefined
      const authenticate = async (): Promise<Identity> => {
        if (value === undefined) return deps.authenticator.authenticate({ headers, query: queryOf(url) })
        ticket = await desk.redeem(value)
        if (!ticket || ticket.identity.expiresAtMs <= now()) throw new RefusalError('unauthenticated', ticket ? 'expired' : 'unknown_ticket')
        return ticket.identity
      }
      const identity = await identify(deps, deadline, { address: proxies.callerOf(request.raw) }, authenticate)
      return ticket ?? { identity, model: undefined, wishes: {} }
    }

    function answer(handle: (request: FastifyRequest, asked: Ticket, deadline: Deadline, reply: FastifyReply) => Promise<unknown>) {
      return async (request: FastifyRequest, reply: FastifyReply) => {
        const { socket } = request.raw
        // The server's own limit for a silent socket is shorter than a call may take to be placed.
        socket.setTimeout(callMs + RETRY_SECONDS * 1000)
        const deadline = startDeadline(socket, callMs)
        try {
          reply.header('cache-control', 'no-store')
          return await handle(request, asking.get(request) as Ticket, deadline, reply)
        } catch (error) {
          refuse(request, reply, error)
          return reply
        } finally {
          deadline.end()
        }
      }
    }

    function refuse(request: FastifyRequest, reply: FastifyReply, error: unknown): void {
      if (error instanceof ClientGone) reply.hijack()
      else sendRefusal(reply, refusalOf(error, request))
    }

    async function issue(asked: Ticket, query: URLSearchParams, session: JsonObject | undefined, lifeMs: number, deadline: Deadline) {
      const model = modelAsked(query, session)
      const { profile } = await equip(deps, deadline, asked.identity, model)
      modeFor(profile)
      const value = await desk.issue({ identity: asked.identity, model, wishes: wishesIn(session, profile) }, lifeMs)
      const expires_at = Math.floor((now() + lifeMs) / 1000)
      return { secret: { value, expires_at }, shown: { type: 'realtime', object: 'realtime.session', id: `sess_${randomUUID().replaceAll('-', '')}`, model: model ?? 'realtime' } }
    }

    async function secret(request: FastifyRequest, asked: Ticket, deadline: Deadline) {
      const body = objectIn(textOf(request), 'body')
      const { secret: made, shown } = await issue(asked, queryOf(request.raw.url ?? ''), objectAt(body, 'session'), ticketLife(body), deadline)
      return { ...made, session: shown }
    }

    /** The body is the session itself, in a spelling of which only the model is read. */
    async function olderSecret(request: FastifyRequest, asked: Ticket, deadline: Deadline) {
      const model = stringAt(objectIn(textOf(request), 'body'), 'model')
      const { secret: made, shown } = await issue(asked, queryOf(request.raw.url ?? ''), model === undefined ? undefined : { model }, ticketLife({}), deadline)
      return { ...shown, client_secret: made }
    }

    async function place(request: FastifyRequest, asked: Ticket, deadline: Deadline, reply: FastifyReply) {
      const { identity } = asked
      const form = await formOf(request)
      const session = form.session === undefined ? undefined : objectIn(form.session, "part 'session'")
      const query = queryOf(request.raw.url ?? '')
      const requestedModel = modelAsked(query, session) ?? asked.model
      const sessionId = randomUUID()
      const place = await takePlace(deps, deadline, opening, { identity, sessionId })
      const leaving = new AbortController()
      const onClose = () => leaving.abort()
      request.raw.socket.once('close', onClose)
      let isOpen = false
      try {
        const { profile, tools } = await equip(deps, deadline, identity, requestedModel)
        const mode = modeFor(profile)
        const offer = rewriteOffer(form.sdp, mode === 'shared')
        if (!offer.ok) throw new RefusalError('bad_request', 'bad_offer', undefined, { message: `The offer ${offer.problem}.` })
        const wishes = wishesIn(merged(asked.wishes, session), profile)
        await checkQuota(identity, profile, deadline)
        const onOpen = () => {
          isOpen = true
          place.opened()
        }
        const call = {
          identity,
          wishes,
          sessionId,
          profile,
          tools,
          requestedModel,
          trace: traceOf(request.raw, queryOf(request.raw.url ?? '')),
          mode,
          offer: offer.value,
          signal: leaving.signal,
          onOpen,
          onEnd: place.release,
        }
        const { id, sdp } = await desk.open(call)
        log.info({ sessionId, call: id, mode, profile: profile.name, correlationId: correlationOf(request.raw, query) }, 'call placed')
        return reply.code(201).header('location', `/v1/realtime/calls/${id}`).type('application/sdp').send(sdp)
      } catch (error) {
        if (!isOpen) place.release()
        throw leaving.signal.aborted ? new ClientGone('client gone') : error
      } finally {
        request.raw.socket.removeListener('close', onClose)
      }
    }

    async function hangUp(request: FastifyRequest, asked: Ticket, deadline: Deadline) {
      const { id = '' } = request.params as { readonly id?: string }
      await deadline.within(desk.hangUp(id, asked.identity))
      return {}
    }

    async function checkQuota(identity: Identity, profile: SessionProfile, deadline: Deadline): Promise<void> {
      if (!profile.quota) return
      const left = await deadline.within(quotaLeft(identity, profile))
      if (!left && !profile.quota.failOpen) throw new RefusalError('internal', 'quota_unknown', RETRY_SECONDS)
      const spent = left && spentRule(left)
      if (spent) throw new RefusalError('budget_spent', 'quota', spent.resetsAt === undefined ? undefined : Math.max(1, (spent.resetsAt - now()) / 1000))
    }

    function modeFor(profile: SessionProfile) {
      const mode = modeOf(profile)
      if (mode === 'off') throw new RefusalError('forbidden', 'webrtc_off', undefined, { message: 'WebRTC calls are not available to this caller.', log: { setting: 'WEBRTC' } })
      return mode
    }
  }
}

/** Later wishes win, field by field. */
function merged(before: JsonObject, after: JsonObject | undefined): JsonObject {
  const result: JsonObject = { ...before }
  for (const [key, value] of Object.entries(after ?? {})) {
    const own = Object.hasOwn(result, key) ? result[key] : undefined
    if (key !== '__proto__') result[key] = isObject(own) && isObject(value) ? merged(own, value) : value
  }
  return result
}

function textOf(request: FastifyRequest): string {
  return Buffer.isBuffer(request.body) ? request.body.toString() : ''
}

async function formOf(request: FastifyRequest) {
  const type = request.headers['content-type'] ?? ''
  if (/^multipart\/form-data\b/i.test(type) && Buffer.isBuffer(request.body)) return readCallForm(request.body, type)
  if (!/^application\/sdp\b/i.test(type))
    throw new RefusalError('bad_request', 'bad_content_type', undefined, { message: "The offer must come as 'application/sdp', or in a multipart form." })
  return { sdp: textOf(request), session: undefined }
}
