// The realtime paths: an admitted upgrade becomes a link; any other request gets a JSON answer.
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { WebSocket } from '@fastify/websocket'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config/config.js'
import { RefusalError, toErrorEvent, toWireClose } from '../core/protocol/errors.js'
import type { Link } from '../ports/link.js'
import type { Recorder } from '../ports/notes.js'
import type { OpenSession } from '../ports/session.js'
import { acceptLink } from '../wire/dial-accept.js'
import { type AdmissionDeps, type Admitted, admit, type Resumed } from './admission.js'
import type { CallRoutes } from './calls/routes.js'
import { watchConnections } from './connections.js'
import { ClientGone, startDeadline } from './deadline.js'
import type { OpeningCount } from './entering.js'
import { readHandshake } from './handshake.js'
import { corsHeaders, preflightHeaders, refusePreflight } from './origin.js'
import { isCallPath, REALTIME_PATHS } from './paths.js'
import { createPhoneDoor, type PhoneRoutes } from './phone/door.js'
import { isPhoneMediaPath } from './phone/paths.js'
import { trustedProxies } from './proxies.js'
import { sendError, sendNotFound, sendRefusal } from './refusal-reply.js'
import { refuseLate } from './server-options.js'

export interface IngressDeps extends AdmissionDeps {
  readonly config: Pick<Config, 'allowedOrigins' | 'clientDialect' | 'limits' | 'refuseAfterUpgrade' | 'trustProxy'>
  readonly openSession: OpenSession
  readonly recorder: Recorder
  readonly log: FastifyBaseLogger
  /** Adds the routes of WebRTC calls. Absent: there are none. */
  readonly callRoutes?: CallRoutes | undefined
  /** Adds the routes of telephone carriers. Absent: there are none. */
  readonly phoneRoutes?: PhoneRoutes | undefined
}

/** What the upgrade's handler will do with the socket. It is decided before the 101 and done after it. */
type Outcome = ({ readonly admitted: Admitted; readonly arrivedAt: number } | Resumed | { readonly refused: RefusalError }) & { readonly response: ServerResponse }

/** Refusals after which no WebSocket can exist, so they are always sent over HTTP. */
const BEFORE_UPGRADE_ONLY = new Set(['bad_request', 'subprotocol_required'])

/** Connections that are no session yet. The same number again may be closing. */
const MAX_PENDING = 1000
/** Half of them from one address. More if so many may connect in two bursts. */
const ADDRESS_SHARE = 0.5
const BURSTS = 4

/**
 * Registers the realtime paths, CORS, and JSON answers for every other request of `app`. The server must be built with
 * `fastifyServerOptions`, and `@fastify/websocket` registered with `websocketPluginOptions`.
 */
export function registerWebSocketRoutes(app: FastifyInstance, deps: IngressDeps): void {
  const outcomes = new WeakMap<IncomingMessage, Outcome>()
  const opening: OpeningCount = { value: 0 }
  const proxies = trustedProxies(deps.config.trustProxy)
  let closing = false
  const admission: AdmissionDeps = { ...deps, draining: () => closing || deps.draining() }

  const { maxSessions, handshakeTimeoutMs: handshakeMs, connectsPerSecond } = deps.config.limits
  const max = Math.max(MAX_PENDING, Math.ceil(BURSTS * connectsPerSecond))
  const connections = watchConnections(app.server, {
    handshakeMs,
    max,
    maxOfAddress: Math.ceil(max * ADDRESS_SHARE),
    isShared: proxies.isTrusted,
    tooLate: refuseLate,
    onDropped: (why) => deps.recorder.note({ type: 'connection_dropped', why }),
  })
  app.server.maxConnections = maxSessions + 2 * max
  app.addHook('preClose', (done) => {
    closing = true
    done()
  })
  app.addHook('onRequest', (request, reply, done) => answerCors(request, reply, deps.config.allowedOrigins, done))
  // The plugin would upgrade any route, so all but the realtime paths are refused here. An unknown path is refused before its body is read.
  app.addHook('onRequest', (request, reply, done) => {
    if (request.is404 && !deps.callRoutes && isCallPath(request.raw.url ?? '')) deps.log.info({ setting: 'WEBRTC' }, 'WebRTC is off: the setting WEBRTC decides')
    if (request.is404 || (request.ws && !isRealtimeRoute(request))) sendNotFound(request, reply)
    else done()
  })
  app.setNotFoundHandler(sendNotFound)
  app.setErrorHandler(sendError)
  app.websocketServer.on('headers', (headers, request) => {
    const outcome = outcomes.get(request)
    if (outcome && 'admitted' in outcome) headers.push(`x-request-id: ${outcome.admitted.sessionId}`)
    if (outcome && 'resumed' in outcome) headers.push(`x-request-id: ${outcome.resumed.sessionId}`)
  })

  for (const url of REALTIME_PATHS) {
    app.route({
      method: 'GET',
      url,
      exposeHeadRoute: false,
      onRequest: async (request, reply) => {
        if (request.ws) await decide(request, reply)
      },
      handler: (_request, reply) => sendRefusal(reply.header('upgrade', 'websocket'), new RefusalError('upgrade_required', 'no_upgrade')),
      wsHandler: (socket, request) => take(socket, request),
    })
  }

  deps.callRoutes?.(app, { deps: admission, opening, proxies, refusalOf })
  deps.phoneRoutes?.(app, createPhoneDoor(app, { connections, pingIntervalMs: deps.config.limits.pingIntervalMs, refusalOf }))

  async function decide(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const socket = request.raw.socket
    const arrivedAt = Date.now()
    const deadline = startDeadline(socket, connections.msLeft(socket))
    try {
      const handshake = readHandshake(request.raw)
      const caller = { address: proxies.callerOf(request.raw), ownOrigins: () => proxies.ownOrigins(request.raw) }
      const admitted = await admit(handshake, caller, opening, deadline, admission)
      if ('resumed' in admitted) {
        outcomes.set(request.raw, { ...admitted, response: reply.raw })
        deps.log.info({ sessionId: admitted.resumed.sessionId, correlationId: handshake.correlationId }, handshake.callId === undefined ? 'client back' : 'call followed')
        return
      }
      // Until the handler runs, only the closing of the socket says that the session will never open.
      socket.once('close', admitted.place.release)
      outcomes.set(request.raw, { admitted, arrivedAt, response: reply.raw })
      deps.log.info({ sessionId: admitted.sessionId, correlationId: handshake.correlationId, dialect: admitted.dialect, profile: admitted.profile.name }, 'upgrade admitted')
    } catch (error) {
      if (error instanceof ClientGone) {
        reply.hijack()
        return
      }
      refuse(request, reply, error)
    } finally {
      deadline.end()
    }
  }

  function refuse(request: FastifyRequest, reply: FastifyReply, error: unknown): void {
    const refusal = refusalOf(error, request)
    if (deps.config.refuseAfterUpgrade && !BEFORE_UPGRADE_ONLY.has(refusal.code)) outcomes.set(request.raw, { refused: refusal, response: reply.raw })
    else sendRefusal(reply, refusal)
  }

  /** The refusal that an error means, logged and counted. */
  function refusalOf(error: unknown, request: FastifyRequest): RefusalError {
    const refusal = error instanceof RefusalError ? error : new RefusalError('internal', 'admission_failed')
    if (refusal !== error) deps.log.error({ err: error }, 'admission failed')
    deps.log.info({ code: refusal.code, why: refusal.why, address: proxies.callerOf(request.raw), ...refusal.details.log }, 'upgrade refused')
    deps.recorder.note({ type: 'upgrade_refused', code: refusal.code, ...(refusal.details.isAudited && { isAudited: true }) })
    return refusal
  }

  /** Synchronous from the 101 until the session listens, so a frame in the same packet is not lost. */
  function take(socket: WebSocket, request: FastifyRequest): void {
    const { pingIntervalMs, maxMessageBytes: maxPayloadBytes } = deps.config.limits
    const link = acceptLink(socket, request.raw.socket, { pingIntervalMs, maxPayloadBytes })
    const outcome = outcomes.get(request.raw)
    // An attached response would hold the request, its headers and its logger for the whole session.
    outcome?.response.detachSocket(request.raw.socket)
    if (!outcome) return closeRefused(link, new RefusalError('internal', 'no_outcome'))
    if ('refused' in outcome) {
      closeRefused(link, outcome.refused)
      return
    }
    if ('resumed' in outcome) {
      if (outcome.resumed.attach(link)) connections.opened(request.raw.socket)
      else closeRefused(link, refusalOf(new RefusalError(outcome.otherwise, 'session_over'), request))
      return
    }
    const { place, ...admitted } = outcome.admitted
    request.raw.socket.removeListener('close', place.release)
    try {
      deps.openSession({ ...admitted, arrivedAt: outcome.arrivedAt, client: link, recorder: deps.recorder, onEnd: place.release })
      place.opened()
      connections.opened(request.raw.socket)
    } catch (error) {
      place.release()
      closeRefused(link, refusalOf(error, request))
    }
  }
}

function closeRefused(link: Link, { code, retryAfterSeconds, details }: RefusalError): void {
  const wire = toWireClose(code, retryAfterSeconds)
  link.send(JSON.stringify(toErrorEvent(code, { eventId: `event_${randomUUID()}`, message: details.message, retryAfterSeconds })))
  link.close(wire.code, wire.reason)
}

function isRealtimeRoute(request: FastifyRequest): boolean {
  const { url } = request.routeOptions
  return (REALTIME_PATHS as readonly (string | undefined)[]).includes(url) || isPhoneMediaPath(url)
}

function answerCors(request: FastifyRequest, reply: FastifyReply, allowed: readonly string[] | undefined, done: () => void): void {
  const origins = request.raw.headersDistinct.origin
  const headers = corsHeaders(origins, allowed)
  if (headers) reply.headers(headers)
  if (request.method !== 'OPTIONS' || origins === undefined || request.headers['access-control-request-method'] === undefined) done()
  else if (headers) reply.code(204).headers(preflightHeaders(request.headers['access-control-request-headers'])).send()
  else refusePreflight(origins)
}
