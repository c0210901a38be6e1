// Answers errors of the admin API in the shape of every other refusal, and says which field is wrong and how.
import type { FastifyError, FastifyReply } from 'fastify'
import { RefusalError, refusalEntry, toErrorBody } from '../core/protocol/errors.js'

/** `field` is spelled as the caller spells it. The message quotes no value. */
export class AdminInputError extends Error {
  override readonly name = 'AdminInputError'
  constructor(
    readonly field: string,
    message: string,
  ) {
    super(message)
  }
}

/** The store of limits and usage does not answer. */
export class StoreAwayError extends Error {
  override readonly name = 'StoreAwayError'
}

/** No instance has a live session with the id. */
export class NoSessionError extends Error {
  override readonly name = 'NoSessionError'
}

/** As many watch as may. */
export class TooManyWatchersError extends Error {
  override readonly name = 'TooManyWatchersError'
}

export const MAX_BODY_BYTES = 16_384
const RETRY_SECONDS = 5

export function sendProblem(reply: FastifyReply, error: unknown, log: { error(fields: object, message: string): void }): FastifyReply {
  if (error instanceof RefusalError) {
    if (error.code === 'unauthenticated') reply.header('www-authenticate', 'Bearer')
    return reply.code(refusalEntry(error.code).httpStatus).send(toErrorBody(error.code))
  }
  if (error instanceof AdminInputError) return sendBadRequest(reply, 400, error.message, error.field)
  if (error instanceof NoSessionError) return send(reply, 404, 'not_found', 'No relay has a live session of this id.', 'id')
  if (error instanceof StoreAwayError) return send(reply.header('retry-after', RETRY_SECONDS), 503, 'internal', 'Redis does not answer.')
  if (error instanceof TooManyWatchersError) {
    return send(reply.header('retry-after', RETRY_SECONDS), 429, 'rate_limited', 'As many operators watch this relay as may. Close another page, or ask another relay.')
  }
  const { statusCode: status = 500, validation, validationContext = 'body' } = error as Partial<FastifyError>
  if (validation?.[0]) {
    const { field, message } = wordsOf(validation, validationContext)
    return sendBadRequest(reply, 400, message, field)
  }
  if (status === 413) return sendBadRequest(reply, status, `body is larger than ${MAX_BODY_BYTES} bytes.`, 'body')
  if (status === 415) return sendBadRequest(reply, status, 'content-type must be application/json.', 'content-type')
  if (status >= 400 && status < 500) return reply.code(status).send(toErrorBody('bad_request'))
  log.error({ error: error instanceof Error ? error.name : typeof error }, 'admin request failed')
  return reply.code(500).send(toErrorBody('internal'))
}

/** Of all errors that ajv found, an unknown field comes first, since a misspelt field is missing as well. Ajv's messages quote the schema, never a value. */
function wordsOf(found: NonNullable<FastifyError['validation']>, context: string): { field: string; message: string } {
  const place = context === 'querystring' ? 'query' : context
  const unknown = found.find(({ keyword }) => keyword === 'additionalProperties')?.params.additionalProperty
  if (typeof unknown === 'string') {
    const field = /^[A-Za-z0-9_.-]{1,64}$/.test(unknown) ? unknown : 'a field'
    return { field, message: `${field} is not known in the ${place}.` }
  }
  const [first] = found
  if (first?.keyword === 'required') {
    const choice = first.schemaPath.includes('anyOf')
    const missing = found.filter(({ keyword, schemaPath }) => keyword === 'required' && schemaPath.includes('anyOf') === choice).map(({ params }) => String(params.missingProperty))
    return { field: missing[0] ?? place, message: `${choice ? missing.join(' or ') : missing[0]} is missing.` }
  }
  const field = first?.instancePath.split('/')[1] ?? place
  return { field, message: `${field} ${first?.message ?? 'is wrong'}.` }
}

function sendBadRequest(reply: FastifyReply, status: number, message: string, field: string): FastifyReply {
  return send(reply, status, 'bad_request', message, field)
}

function send(reply: FastifyReply, status: number, code: 'bad_request' | 'not_found' | 'rate_limited' | 'internal', message: string, param?: string): FastifyReply {
  const { error } = toErrorBody(code)
  return reply.code(status).send({ error: { ...error, message, ...(param !== undefined && { param }) } })
}
