// Serves the admin API below `/v1/admin`: lets operators in, checks what they send, and answers every refusal in the same shape as elsewhere.
import type { FastifyInstance, FastifyReply } from 'fastify'
import { RefusalError, refusalEntry, toErrorBody } from '../core/protocol/errors.js'
import type { Authenticator, Identity, LimitStore } from '../ports.js'
import { AdminInputError, readInput } from './admin-input.js'
import { describeRoutes } from './admin-openapi.js'
import { ADMIN_ROUTES, type AdminActions, NoSessionError, StoreAwayError } from './admin-routes.js'

export interface AdminApiDeps extends AdminActions {
  readonly authenticator: Pick<Authenticator, 'authenticate'>
  readonly limits: Pick<LimitStore, 'limitsOf' | 'usageOf' | 'revoke' | 'isRevoked'>
  /** This is one of several processes behind one port: whichever took the request knows its own sessions and breakers alone, so nothing is served. */
  readonly oneOfMany: boolean
  readonly log: { info(fields: object, message: string): void; error(fields: object, message: string): void }
}

export const ADMIN_SCOPE = 'relay:admin'
const PREFIX = '/v1/admin'
const MAX_BODY_BYTES = 16_384
const RETRY_SECONDS = 5
/** A subject of 256 characters, percent-encoded. */
export const MAX_PATH_PARAMETER = 2304

/** Needs a server whose `maxParamLength` is `MAX_PATH_PARAMETER`. */
export function registerAdminApi(app: FastifyInstance, deps: AdminApiDeps): void {
  const openapi = describeRoutes(PREFIX, ADMIN_ROUTES)
  app.register(
    async (scope) => {
      scope.addHook('onRequest', async (request) => {
        await authorize(deps, request.headers.authorization)
      })
      scope.removeContentTypeParser('text/plain')
      scope.addContentTypeParser('application/json', { parseAs: 'string', bodyLimit: MAX_BODY_BYTES }, async (_request: unknown, body: string | Buffer) => parsed(String(body)))
      scope.setErrorHandler((error, _request, reply) => sendProblem(reply, error, deps))
      scope.setNotFoundHandler((_request, reply) => (deps.oneOfMany ? sendNotServed(reply) : sendProblem(reply, new RefusalError('not_found', 'unknown_path'), deps)))
      if (deps.oneOfMany) return
      scope.get('/openapi.json', async (_request, reply) => send(reply, 200, openapi))
      for (const { method, path, operationId, fields, run } of ADMIN_ROUTES) {
        scope[method](path.replaceAll(/\{(\w+)\}/g, ':$1'), async (request, reply) => {
          const input = readInput(fields, { path: request.params, query: request.query, body: request.body }, deps.now())
          if (operationId === 'revoke' && input.tokenId === undefined && input.subject === undefined) throw new AdminInputError('tokenId', 'tokenId or subject is missing.')
          const { status, body } = await run(input, deps)
          if (method === 'post') deps.log.info({ action: operationId, status }, 'admin')
          return send(reply, status, body)
        })
      }
    },
    { prefix: PREFIX },
  )
}

/** Only the `Authorization` header counts: a page in an operator's browser cannot send it. */
async function authorize({ authenticator, limits }: AdminApiDeps, authorization: string | undefined): Promise<void> {
  const identity = await authenticator.authenticate({ headers: { authorization }, query: new URLSearchParams() })
  if (!hasAdminScope(identity)) throw new RefusalError('forbidden', 'no_admin_scope')
  if (await limits.isRevoked(identity)) throw new RefusalError('unauthenticated', 'revoked')
}

function hasAdminScope({ claims }: Identity): boolean {
  const scope = Object.hasOwn(claims, 'scope') ? claims.scope : undefined
  const words: readonly unknown[] = typeof scope === 'string' ? scope.split(' ') : Array.isArray(scope) ? scope : []
  return words.includes(ADMIN_SCOPE)
}

/** An empty body is none: clients set the type whether or not they send anything. */
function parsed(body: string): unknown {
  if (body.trim() === '') return undefined
  try {
    return JSON.parse(body)
  } catch {
    throw new AdminInputError('body', 'body is not valid JSON.')
  }
}

function sendProblem(reply: FastifyReply, error: unknown, { log }: Pick<AdminApiDeps, 'log'>): FastifyReply {
  if (error instanceof RefusalError) {
    if (error.code === 'unauthenticated') reply.header('www-authenticate', 'Bearer')
    return send(reply, refusalEntry(error.code).httpStatus, toErrorBody(error.code))
  }
  if (error instanceof AdminInputError) return sendBadRequest(reply, 400, error.message, error.field)
  if (error instanceof NoSessionError) return send(reply, 404, withMessage('not_found', 'No live session of this process has this id.', 'id'))
  if (error instanceof StoreAwayError) return send(reply.header('retry-after', RETRY_SECONDS), 503, withMessage('internal', 'Redis does not answer.'))
  const status = typeof error === 'object' && error !== null && 'statusCode' in error ? Number(error.statusCode) : 500
  if (status === 413) return sendBadRequest(reply, status, `body is larger than ${MAX_BODY_BYTES} bytes.`, 'body')
  if (status === 415) return sendBadRequest(reply, status, 'content-type must be application/json.', 'content-type')
  if (status >= 400 && status < 500) return send(reply, status, toErrorBody('bad_request'))
  log.error({ error: error instanceof Error ? error.name : typeof error }, 'admin request failed')
  return send(reply, 500, toErrorBody('internal'))
}

function sendBadRequest(reply: FastifyReply, status: number, message: string, field: string): FastifyReply {
  return send(reply, status, withMessage('bad_request', message, field))
}

function sendNotServed(reply: FastifyReply): FastifyReply {
  const message = 'The admin API is not served with WORKERS above 1; /metrics is.'
  return send(reply, 501, { error: { type: 'server_error', code: 'not_implemented', message } })
}

function withMessage(code: 'bad_request' | 'not_found' | 'internal', message: string, param?: string): object {
  const { error } = toErrorBody(code)
  return { error: { ...error, message, ...(param !== undefined && { param }) } }
}

function send(reply: FastifyReply, status: number, body: object): FastifyReply {
  return reply.code(status).header('cache-control', 'no-store').type('application/json; charset=utf-8').send(JSON.stringify(body))
}
