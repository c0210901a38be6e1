// Builds the admin port's server: probes and metrics at once, the admin API at its first request, so that a relay without one loads nothing of it.
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { AdminApiDeps } from '../admin/api.js'
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
  admin.addHook('onClose', async () => (await loaded)?.close())
  return admin
}
