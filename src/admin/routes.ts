// The routes of the admin API.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { BreakerState } from '../core/upstreams/breaker.js'
import type { EndOutcome, SessionRecord } from '../ports/directory.js'
import type { LimitState, Store } from '../ports/store.js'
import { AdminInputError, NoSessionError, StoreAwayError } from './problems.js'
import { PAGE, SCHEMAS } from './schemas.js'

export interface UpstreamStatus {
  readonly name: string
  /** The name under which its limits are recorded. */
  readonly deployment: string
  readonly breaker: BreakerState
  /** Epoch milliseconds. It may be dialled from then on. */
  readonly freeFrom: number
  readonly latencyMs: number | undefined
}

export interface AdminActions {
  readonly upstreams: () => readonly UpstreamStatus[]
  readonly store: Pick<Store, 'limits' | 'usage' | 'revocations' | 'directory'>
  /** Epoch milliseconds. */
  readonly now: () => number
}

interface OfSubject {
  readonly Params: { readonly subject: string }
}

export function addRoutes(app: FastifyInstance, { upstreams, store, now }: AdminActions): void {
  app.get('/deployments', { schema: SCHEMAS.deployments }, async () => {
    const deployments = upstreams().map(async ({ name, deployment, breaker, freeFrom, latencyMs }) => {
      const found = await store.limits.limitsOf(deployment).catch(() => undefined)
      const free = freeFrom <= now() ? null : iso(freeFrom)
      return { upstream: name, deployment, breaker, freeFrom: free, latencyMs: latencyMs ?? null, limits: found?.map((limit) => limitShown(limit, now())) ?? null }
    })
    return { deployments: await Promise.all(deployments) }
  })

  app.get<OfSubject & { Querystring: { readonly day?: string } }>('/usage/:subject', { schema: SCHEMAS.usage }, async ({ params: { subject }, query: { day } }) => {
    const window = day ?? iso(now()).slice(0, 10)
    return { subject, day: window, counters: await store.usage.usageOf({ kind: 'subject', name: subject }, window).catch(storeAway) }
  })

  app.get<{ Querystring: { readonly limit?: number; readonly cursor?: string } }>(
    '/sessions',
    { schema: SCHEMAS.sessions, preValidation: readLimit },
    async ({ query: { limit, cursor } }) => {
      const { sessions, next } = await store.directory.page(limit ?? PAGE.default, cursor).catch((error: unknown) => {
        if (error instanceof RangeError) throw new AdminInputError('cursor', 'cursor must be the next of another page.')
        return storeAway()
      })
      return { sessions: sessions.map(sessionShown), next: next ?? null }
    },
  )

  app.post<{ Params: { readonly id: string } }>('/sessions/:id/end', { schema: SCHEMAS.endSession }, async ({ params: { id } }, reply) => {
    const outcome = await store.directory.end({ sessionId: id })
    if (outcome.ended === 0 && outcome.everywhere) throw new NoSessionError()
    return answerEnd(reply, outcome)
  })

  app.post<OfSubject>('/users/:subject/end', { schema: SCHEMAS.endUser }, async ({ params: { subject } }, reply) => answerEnd(reply, await store.directory.end({ subject })))

  app.post<{ Body: { readonly tokenId?: string; readonly subject?: string; readonly untilSeconds: number } }>('/revoke', { schema: SCHEMAS.revoke }, async ({ body }, reply) => {
    const { untilSeconds, ...target } = body
    const untilMs = untilSeconds * 1000
    if (untilMs <= now()) throw new AdminInputError('untilSeconds', 'untilSeconds must be a time to come, in whole seconds since 1970-01-01 as in the exp of a token.')
    const everywhere = await store.revocations.revoke(target, untilMs).then(
      () => true,
      () => false,
    )
    return reply.code(everywhere ? 200 : 202).send({ ...target, until: iso(untilMs), everywhere })
  })
}

/** Makes a number of `limit`, since every value of a query is text. */
async function readLimit({ query }: FastifyRequest): Promise<void> {
  const given = query as { limit?: unknown }
  if (typeof given.limit === 'string' && /^\d{1,9}$/.test(given.limit)) given.limit = Number(given.limit)
}

function storeAway(): never {
  throw new StoreAwayError()
}

function answerEnd(reply: FastifyReply, { ended, asked, answered, everywhere }: EndOutcome): FastifyReply {
  return reply.code(everywhere ? 200 : 202).send({ ended, asked, answered, everywhere })
}

/** The API calls an instance a relay. */
export function sessionShown({ instance, since, history, ...session }: SessionRecord): object {
  return { ...session, relay: instance, since: iso(since), ...history }
}

function limitShown({ name, source, at, limit, remaining, resetAt, used, usedFrom }: LimitState, now: number): object {
  return {
    name,
    source,
    ageSeconds: Math.max(0, now - at) / 1000,
    ...(limit !== undefined && { limit }),
    ...(remaining !== undefined && { remaining }),
    ...(resetAt !== undefined && { resetAt: iso(resetAt) }),
    ...(used !== undefined && usedFrom !== undefined && { used: { amount: used, source: 'usage', minuteFrom: iso(usedFrom) } }),
  }
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString()
}
