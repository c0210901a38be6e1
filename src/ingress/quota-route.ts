// `GET /v1/quota`: what the token's owner has left, in the same format as the event `relay.quota`.
import type { FastifyInstance } from 'fastify'
import type { QuotaLeft } from '../core/policy/quota.js'
import { RefusalError } from '../core/protocol/errors.js'
import { publicQuota } from '../core/session/quota/gate.js'
import type { Authenticator, Identity } from '../ports/caller.js'
import type { Store } from '../ports/store.js'
import { addressGroup } from './address.js'
import type { Proxies } from './proxies.js'
import { sendRefusal } from './refusal-reply.js'

export interface QuotaRouteDeps {
  readonly authenticator: Pick<Authenticator, 'authenticate'>
  readonly store: Pick<Store, 'rates' | 'revocations'>
  readonly proxies: Pick<Proxies, 'callerOf'>
  /** Empty: this caller has no quota. Undefined: the store cannot be asked now. Throws `forbidden` for a token whose profile does not exist. */
  readonly quotaOf: (identity: Identity) => Promise<readonly QuotaLeft[] | undefined>
}

/** Requests of one address, and of one subject. */
const RULE = { perSecond: 5, burst: 20 }
const UNKNOWN_RETRY_SECONDS = 5

export function registerQuotaRoute(app: FastifyInstance, { authenticator, store, proxies, quotaOf }: QuotaRouteDeps): void {
  app.get('/v1/quota', async (request, reply) => {
    try {
      await take(`quota:address:${encodeURIComponent(addressGroup(proxies.callerOf(request.raw)))}`)
      const identity = await authenticator.authenticate({ headers: request.headers, query: new URLSearchParams(request.raw.url?.split('?')[1] ?? '') })
      if (await store.revocations.isRevoked(identity)) throw new RefusalError('unauthenticated', 'revoked')
      await take(`quota:subject:${encodeURIComponent(identity.subject)}`)
      const left = await quotaOf(identity)
      if (!left) throw new RefusalError('internal', 'quota_unknown', UNKNOWN_RETRY_SECONDS)
      return reply.header('cache-control', 'no-store').send({ quota: left.map(publicQuota) })
    } catch (error) {
      if (error instanceof RefusalError) return sendRefusal(reply, error)
      throw error
    }
  })

  async function take(key: string): Promise<void> {
    const taken = await store.rates.take(key, 1, RULE)
    if (!taken.ok) throw new RefusalError('rate_limited', 'quota_rate', Math.max(1, Math.ceil(taken.retryAfterMs / 1000)))
  }
}
