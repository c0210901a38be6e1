// Builds the admin port's server: metrics at once, the admin API at its first request, so that a relay without one loads nothing of it.
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { AdminApiDeps } from '../admin/api.js'
import { type MetricsDeps, registerMetrics } from '../ops/metrics.js'

/** The server does not listen yet. */
export function createAdminServer(options: FastifyServerOptions, metrics: MetricsDeps, api: AdminApiDeps): FastifyInstance {
  const admin: FastifyInstance = fastify(options)
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
