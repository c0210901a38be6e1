// Builds the admin port's server: probes and metrics at once, the page and the API at their first request, so that a relay without them loads nothing.
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { AdminApiDeps } from '../admin/api.js'
import { OPERATOR_PATHS } from '../admin/operator-paths.js'
import { type ConnectionLimits, watchConnections } from '../ingress/connections.js'
import { refuseLate } from '../ingress/server-options.js'
import { type Readiness, registerHealthRoutes } from '../ops/health.js'
import { type MetricsDeps, registerMetrics } from '../ops/metrics.js'

/** A port of its own has room of its own: whatever happens on the public one, probes and metrics answer here. */
const CONNECTIONS: ConnectionLimits = { handshakeMs: 10_000, max: 1000, maxOfAddress: 500, isShared: () => false, tooLate: refuseLate, onDropped: () => undefined }

/** The server does not listen yet. */
export function createAdminServer(options: FastifyServerOptions, readiness: () => Promise<Readiness>, metrics: MetricsDeps, api: AdminApiDeps): FastifyInstance {
  const admin: FastifyInstance = fastify(options)
  watchConnections(admin.server, CONNECTIONS)
  registerHealthRoutes(admin, readiness, { details: true })
  registerMetrics(admin, metrics)
  for (const path of OPERATOR_PATHS) {
    admin.get(path, async (_request, reply) => {
      const { type, bytes, headers } = await (await import('../admin/operator-page.js')).operatorFile(path)
      return reply.headers(headers).type(type).send(bytes)
    })
  }
  let loaded: Promise<FastifyInstance> | undefined
  admin.register(async (scope) => {
    scope.addHook('onRequest', async (request, reply) => {
      loaded ??= import('../admin/api.js').then(({ createAdminApi }) => createAdminApi(api))
      const { routing } = await loaded
      reply.hijack()
      routing(request.raw, reply.raw)
    })
    scope.all('/v1/admin/*', () => undefined)
  })
  // Before the server waits for its connections: those that watch would never end by themselves.
  admin.addHook('preClose', async () => (await loaded)?.close())
  return admin
}
