// Options of the HTTP server and its WebSocket plugin, none of which keeps an unsafe default.
import type { Socket } from 'node:net'
import type { WebsocketPluginOptions } from '@fastify/websocket'
import type { FastifyHttpOptions, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify'
import type { Config } from '../config/config.js'
import { MAX_HEAD_BYTES } from '../core/protocol/credentials.js'
import { serverOptions } from '../wire/dial-accept.js'
import { isLingering, lingerThenDestroy } from './linger.js'
import { rawRefusal, sendError } from './refusal-reply.js'
import { chooseSubprotocol } from './subprotocol.js'
import type { TlsOptions } from './tls.js'

type ServerSettings = FastifyServerOptions & Pick<FastifyHttpOptions<never>, 'http'> & { https?: object }

/**
 * Every option but the logger. Pass `tls` to serve TLS. The handshake's time limit also ends a request head that drips in and a socket
 * that sends nothing.
 */
export function fastifyServerOptions(config: Pick<Config, 'limits'>, tls?: TlsOptions): ServerSettings {
  const headMs = config.limits.handshakeTimeoutMs
  const http = {
    maxHeaderSize: MAX_HEAD_BYTES,
    insecureHTTPParser: false,
    headersTimeout: headMs,
    requestTimeout: headMs,
    // How often Node checks for late request heads. Its default of 30 s would triple every limit above.
    connectionsCheckingInterval: Math.min(1000, headMs),
  }
  return {
    ...(tls ? { https: { ...http, ...tls, handshakeTimeout: headMs } } : { http }),
    requestTimeout: headMs,
    // No longer applies once a socket is upgraded.
    connectionTimeout: headMs + 1000,
    keepAliveTimeout: 5000,
    bodyLimit: 65_536,
    // While draining, our own 503 is sent, in the shape of every other refusal.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    requestIdHeader: false,
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, caseSensitive: false },
    frameworkErrors: (error, request, reply) => void sendError(error, request as FastifyRequest, reply as FastifyReply),
    clientErrorHandler: (error, socket) => refuseRawSocket(error, socket),
  }
}

/** Answers what Node's parser refused, in JSON. Without TLS established, or without a peer, nobody could read an answer. */
function refuseRawSocket({ code = '' }: { readonly code?: string }, socket: Socket): void {
  // What still comes of the same bad request fails again.
  if (isLingering(socket)) return
  if (!/^(HPE|ERR_HTTP)_/.test(code) || !socket.writable) {
    socket.destroy()
    return
  }
  socket.write(rawRefusal(code))
  lingerThenDestroy(socket)
}

/** Answers a request whose head did not come in time. */
export function refuseLate(socket: Socket): void {
  refuseRawSocket({ code: 'ERR_HTTP_REQUEST_TIMEOUT' }, socket)
}

/** For `@fastify/websocket`, which must be registered before the routes. Its own closing would end clients without a close code, so the relay drains them instead. */
export function websocketPluginOptions(config: Pick<Config, 'limits'>): WebsocketPluginOptions {
  return {
    options: serverOptions({ maxPayloadBytes: config.limits.maxMessageBytes, chooseSubprotocol }),
    errorHandler: (error, _socket, request) => {
      // The link answers a protocol error with its close code. Cutting the socket here would lose the code.
      request.log.debug({ code: 'code' in error ? error.code : undefined }, 'websocket error')
    },
    preClose: (done) => done(),
  }
}
