// The admin API below `/v1/admin`: authorises operators. One set of schemas checks their requests and describes the API.
import swagger from '@fastify/swagger'
import fastify, { type FastifyInstance } from 'fastify'
import { RefusalError } from '../core/protocol/errors.js'
import type { AuditBook } from '../ports/audit.js'
import type { Authenticator, Identity } from '../ports/caller.js'
import type { LiveSource } from '../ports/live.js'
import { recordAct } from './acts.js'
import { createLive } from './live.js'
import { addLiveRoutes } from './live-routes.js'
import { AdminInputError, MAX_BODY_BYTES, sendProblem } from './problems.js'
import { type AdminActions, addRoutes } from './routes.js'
import { ERROR } from './schemas.js'
import { mayAct, mayRead } from './scopes.js'

export interface AdminApiDeps extends AdminActions {
  readonly authenticator: Pick<Authenticator, 'authenticate'>
  /** Absent: `scope`. */
  readonly scopeClaim?: string | undefined
  /** Absent: there is no audit. */
  readonly audit?: AuditBook | undefined
  /** What the relays say of themselves. */
  readonly live: LiveSource
  readonly log: { info(fields: object, message: string): void; error(fields: object, message: string): void }
}

const PREFIX = '/v1/admin'
const SCOPES =
  'A token the relay would accept from a user. `relay:read` in its `scope` (or the claim of JWT_SCOPE_CLAIM) lets it read, `relay:admin` lets it end and revoke as well.'
/** A subject of 256 characters, percent-encoded. */
const MAX_PATH_PARAMETER = 2304
/** Input is checked and never changed. All errors are collected, since the size of the body is bounded. */
const CHECKS = { removeAdditional: false, useDefaults: false, coerceTypes: false, allErrors: true } as const

/** A separate server that does not listen. Creating it compiles its schemas, which blocks the event loop once, for one or two hundred milliseconds. */
export async function createAdminApi(deps: AdminApiDeps): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    routerOptions: { maxParamLength: MAX_PATH_PARAMETER },
    ajv: { customOptions: CHECKS },
  })
  const callers = new WeakMap<object, Identity>()
  const live = createLive({ source: deps.live, limits: deps.store.limits, now: deps.now })
  app.addHook('onClose', async () => live.close())
  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store')
    const { method, headers } = request
    // Only this header counts: a foreign page in an operator's browser cannot send it.
    const identity = await deps.authenticator.authenticate({ headers: { authorization: headers.authorization }, query: new URLSearchParams() })
    // Also of one who may not: the audit says who tried.
    callers.set(request, identity)
    await mayCome(deps, identity, method === 'GET' || method === 'HEAD')
  })
  app.addHook('onResponse', async (request, { statusCode: status }) => {
    const { method, routeOptions } = request
    if (method !== 'POST') return
    deps.log.info({ action: routeOptions.schema?.operationId, status }, 'admin')
    if (deps.audit) recordAct(deps.audit, request, status, callers.get(request))
  })
  app.removeContentTypeParser('text/plain')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, async (_request: unknown, body: string | Buffer) => parsed(String(body)))
  app.setErrorHandler((error, _request, reply) => sendProblem(reply, error, deps.log))
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, new RefusalError('not_found', 'unknown_path'), deps.log))
  // Compiling serialisers as well would take half as long again. The tests check the answers against their schemas instead.
  app.setSerializerCompiler(() => JSON.stringify)
  app.addSchema(ERROR)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Realtime Relay: admin API', version: '1', description: 'On the admin port.' },
      security: [{ admin: [] }],
      components: {
        securitySchemes: {
          admin: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: SCOPES },
        },
      },
    },
    refResolver: { buildLocalReference: ({ $id }, _base, _fragment, i) => (typeof $id === 'string' ? $id : `schema-${i}`) },
  })
  await app.register(
    async (scope) => {
      scope.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
      addRoutes(scope, deps)
      addLiveRoutes(scope, { ...deps, live, callerOf: (request) => callers.get(request) })
    },
    { prefix: PREFIX },
  )
  await app.ready()
  return app
}

async function mayCome({ store, scopeClaim }: AdminApiDeps, identity: Identity, reads: boolean): Promise<void> {
  if (!(reads ? mayRead(identity, scopeClaim) : mayAct(identity, scopeClaim))) throw new RefusalError('forbidden', reads ? 'no_read_scope' : 'no_admin_scope')
  if (await store.revocations.isRevoked(identity)) throw new RefusalError('unauthenticated', 'revoked')
}

/** An empty body counts as none: clients set the content type even if they send nothing. */
function parsed(body: string): unknown {
  if (body.trim() === '') return undefined
  try {
    return JSON.parse(body)
  } catch {
    throw new AdminInputError('body', 'body is not valid JSON.')
  }
}
