// What the HTTP server and its WebSocket plugin must be built with, so that none of their defaults opens a hole.
import type { Socket } from 'node:net'
import type { WebsocketPluginOptions } from '@fastify/websocket'
import type { FastifyHttpOptions, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify'
import type { Config } from '../config/config.js'
import { serverOptions } from '../wire/dial-accept.js'
import { rawRefusal, sendError } from './refusal-reply.js'
import { chooseSubprotocol } from './subprotocol.js'
import type { TlsFiles } from './tls.js'

/** Tokens in a subprotocol or header can be long; Node's default of 16 KiB refuses some. */
const MAX_HEADER_BYTES = 32_768
const MAX_HEAD_MS = 10_000

type ServerSettings = FastifyServerOptions & Pick<FastifyHttpOptions<never>, 'http'> & { https?: object }

/**
 * Every option but the logger. Pass `tls` to serve TLS. No time limit exceeds the handshake's by more than a second, so it also ends
 * a request head that drips in and a socket that sends nothing.
 */
export function fastifyServerOptions(config: Pick<Config, 'trustProxy' | 'limits'>, tls?: TlsFiles): ServerSettings {
  const headMs = Math.min(MAX_HEAD_MS, config.limits.handshakeTimeoutMs)
  const http = {
    maxHeaderSize: MAX_HEADER_BYTES,
    insecureHTTPParser: false,
    headersTimeout: headMs,
    requestTimeout: headMs,
    // How often Node looks for heads that are late; its default of 30 s would triple every limit above.
    connectionsCheckingInterval: Math.min(1000, headMs),
  }
  return {
    ...(tls ? { https: { ...http, ...tls } } : { http }),
    requestTimeout: headMs,
    // Ends as soon as a socket is upgraded.
    connectionTimeout: config.limits.handshakeTimeoutMs + 1000,
    keepAliveTimeout: 5000,
    bodyLimit: 65_536,
    trustProxy: config.trustProxy ?? false,
    // Draining answers 503 by itself, in the shape of every other refusal.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    requestIdHeader: false,
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, caseSensitive: false },
    frameworkErrors: (error, request, reply) => {
      // No hook runs for these, so nothing else would end an upgrade's socket.
      reply.raw.once('finish', () => request.raw.socket.destroySoon())
      sendError(error, request as FastifyRequest, reply as FastifyReply)
    },
    clientErrorHandler: (error, socket) => refuseRawSocket(error, socket),
  }
}

function refuseRawSocket(error: { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  socket.end(rawRefusal(error.code), () => socket.destroy())
}

/** For `@fastify/websocket`, registered before the routes. Its own closing behaviour ends clients without a code, so draining is left to the relay. */
export function websocketPluginOptions(config: Pick<Config, 'limits'>): WebsocketPluginOptions {
  return {
    options: serverOptions({ maxPayloadBytes: config.limits.maxMessageBytes, chooseSubprotocol }),
    errorHandler: (error, _socket, request) => {
      // The link answers a protocol error with its close code; cutting the socket here would lose it.
      request.log.debug({ code: 'code' in error ? error.code : undefined }, 'websocket error')
    },
    preClose: (done) => done(),
  }
}
