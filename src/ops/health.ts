// Says whether this process lives and whether it can take new sessions, for probes and load balancers.
import type { FastifyInstance } from 'fastify'
import type { Health } from '../ports/health.js'
import { within } from '../time/within.js'

export interface HealthDeps {
  readonly auth: () => Promise<Health>
  readonly upstream: () => Promise<Health>
  readonly limits: () => Promise<Health>
  readonly tools: () => Promise<Health>
  /** Undefined while there are none. */
  readonly guards?: () => Promise<Health> | undefined
  readonly memory: () => Promise<Health>
  /** True after the first SIGTERM. */
  readonly draining: () => boolean
}

export interface Readiness {
  readonly status: 'ok' | 'degraded' | 'down' | 'draining'
  readonly checks: Readonly<Record<'auth' | 'upstream' | 'limits' | 'tools' | 'memory', Health>> & { readonly guards?: Health }
}

/** Longest wait for one part. Probes give up after one second or a few. */
const CHECK_TIMEOUT_MS = 1500
/** Answers are reused for this long, so a flood of requests on the public port does not reach the parts. */
const MAX_AGE_MS = 1000

/**
 * `GET /livez`: 200 while the event loop runs. `GET /readyz`: 200 if new sessions work, even if `degraded`; 503 if they do not or the process
 * is draining. Its body names each part with its status. What is wrong with a part may name hosts and tools, so only operators read it: `details`.
 */
export function registerHealthRoutes(app: FastifyInstance, readiness: () => Promise<Readiness>, { details }: { readonly details: boolean }): void {
  app.get('/livez', async (_request, reply) => reply.header('cache-control', 'no-store').send({ status: 'ok' }))
  app.get('/readyz', async (_request, reply) => {
    const answer = await readiness()
    const ready = answer.status === 'ok' || answer.status === 'degraded'
    return reply
      .header('cache-control', 'no-store')
      .code(ready ? 200 : 503)
      .send(details ? answer : { ...answer, checks: withoutDetails(answer.checks) })
  })
}

function withoutDetails(checks: Readiness['checks']): object {
  return Object.fromEntries(Object.entries(checks).map(([part, { status }]) => [part, { status }]))
}

/** Asks all parts at once, each within its time limit. Never rejects. */
export function createReadiness(deps: HealthDeps, now: () => number = () => performance.now()): () => Promise<Readiness> {
  let asked: { readonly at: number; readonly checks: Promise<Readiness['checks']> } | undefined
  return async () => {
    if (!asked || now() - asked.at >= MAX_AGE_MS) asked = { at: now(), checks: askAll(deps) }
    const checks = await asked.checks
    const found = Object.values(checks).map((check) => check.status)
    const worst = found.includes('down') ? 'down' : found.includes('degraded') ? 'degraded' : 'ok'
    return { status: deps.draining() ? 'draining' : worst, checks }
  }
}

async function askAll(deps: HealthDeps): Promise<Readiness['checks']> {
  const guarding = deps.guards?.()
  const asked = [ask(deps.auth), ask(deps.upstream), ask(deps.limits), ask(deps.tools), ask(deps.memory), guarding && ask(() => guarding)] as const
  const [auth, upstream, limits, tools, memory, guards] = await Promise.all(asked)
  return { auth, upstream, limits, tools, memory, ...(guards && { guards }) }
}

async function ask(check: () => Promise<Health>): Promise<Health> {
  try {
    const { status, detail } = await within(CHECK_TIMEOUT_MS, check(), (): Health => ({ status: 'down', detail: 'no answer in time' }))
    return { status, detail }
  } catch {
    return { status: 'down', detail: 'the check failed' }
  }
}
