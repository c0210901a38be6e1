// Answers a refused HTTP request with JSON in our own words, status and hints, and closes the connection.
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { type RefusalCode, RefusalError, refusalEntry, toErrorBody } from '../core/protocol/errors.js'

export function sendRefusal(reply: FastifyReply, error: RefusalError, status = refusalEntry(error.code).httpStatus): FastifyReply {
  reply.code(status).header('cache-control', 'no-store').header('connection', 'close')
  if (status === 401) reply.header('www-authenticate', 'Bearer')
  if (error.why === 'bad_websocket_version') reply.header('sec-websocket-version', '13')
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(Math.ceil(error.retryAfterSeconds)))
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(toErrorBody(error.code, error.retryAfterSeconds, error.details.message)))
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

const STATUS_TEXT: Readonly<Record<number, string>> = { 400: 'Bad Request', 408: 'Request Timeout', 431: 'Request Header Fields Too Large' }

/** The answer to bytes that are not an HTTP request, as one string for the raw socket. */
export function rawRefusal(errorCode: string | undefined): string {
  const status = errorCode === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : errorCode === 'HPE_HEADER_OVERFLOW' ? 431 : 400
  const code: RefusalCode = 'bad_request'
  const body = JSON.stringify(toErrorBody(code))
  return `HTTP/1.1 ${status} ${STATUS_TEXT[status]}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`
}
