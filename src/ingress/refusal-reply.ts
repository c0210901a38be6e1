// Answers a refused HTTP request with JSON in our own words, status and hints, and closes the connection.
import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { RefusalError, refusalEntry, toErrorBody } from '../core/protocol/errors.js'
import { lingerAtClose, lingerThenDestroy } from './linger.js'

const JSON_TYPE = 'application/json; charset=utf-8'

export function sendRefusal(reply: FastifyReply, error: RefusalError, status = refusalEntry(error.code).httpStatus): FastifyReply {
  reply.code(status).header('cache-control', 'no-store').header('connection', 'close')
  if (status === 401) reply.header('www-authenticate', 'Bearer')
  if (error.why === 'bad_websocket_version') reply.header('sec-websocket-version', '13')
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(Math.ceil(error.retryAfterSeconds)))
  const body = JSON.stringify(toErrorBody(error.code, error.retryAfterSeconds, error.details.message))
  reply.type(JSON_TYPE)
  // Node's parser sets `upgrade`, and then leaves the socket to whoever handles upgrades.
  const request: IncomingMessage & { readonly upgrade?: boolean } = reply.request.raw
  if (request.upgrade) return refuseUpgrade(reply, status, body)
  // Otherwise a client that is still sending its body would see a reset instead of the answer.
  if (!request.complete) lingerAtClose(request.socket)
  return reply.send(body)
}

/** The plugin destroys the socket of an upgrade that was answered over HTTP, which would cut off the answer if the client still sends. */
function refuseUpgrade(reply: FastifyReply, status: number, body: string): FastifyReply {
  const { socket } = reply.request.raw
  const headers = Object.entries(reply.getHeaders()).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]))
  reply.hijack()
  if (socket.writable) socket.write(rawAnswer(status, headers, body))
  lingerThenDestroy(socket)
  return reply
}

function rawAnswer(status: number, headers: readonly string[], body: string): string {
  return [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...headers, `content-length: ${Buffer.byteLength(body)}`, '', body].join('\r\n')
}

export function sendNotFound(_request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return sendRefusal(reply, new RefusalError('not_found', 'unknown_path'))
}

/** For Fastify's own errors and for anything a handler throws. The text of an exception never reaches the client. */
export function sendError(error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof RefusalError) {
    if (error.details.log) request.log.info({ code: error.code, why: error.why, ...error.details.log }, 'request refused')
    return sendRefusal(reply, error)
  }
  const status = 'statusCode' in error ? (error.statusCode ?? 500) : 500
  if (status >= 400 && status < 500) return sendRefusal(reply, new RefusalError('bad_request', 'bad_http_request'), status)
  request.log.error({ err: error }, 'request failed')
  return sendRefusal(reply, new RefusalError('internal', 'request_failed'))
}

/** The answer to bytes that are not an HTTP request, as one string for the raw socket. */
export function rawRefusal(errorCode: string | undefined): string {
  const status = errorCode === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : errorCode === 'HPE_HEADER_OVERFLOW' ? 431 : 400
  return rawAnswer(status, [`content-type: ${JSON_TYPE}`, 'connection: close'], JSON.stringify(toErrorBody('bad_request')))
}
