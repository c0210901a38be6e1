// Plugs calls by SIP in: the webhook that announces them, and what accepts and holds them. Loaded only if SIP is on.
import type { FastifyInstance } from 'fastify'
import { webhookKeys } from '../auth/webhook-keys.js'
import { createSipCalls, RING_OUTCOMES } from '../calls/sip-calls.js'
import type { TelephonyConfig } from '../config/telephony-config.js'
import { createSipRoutes, WEBHOOK_RESULTS } from '../ingress/phone/sip/routes.js'
import type { Metrics } from '../ops/metrics.js'
import type { PhoneDesk } from '../ports/phone.js'
import type { Store } from '../ports/store.js'
import type { CallParts } from './call-parts.js'

export interface SipDeps {
  readonly sip: NonNullable<TelephonyConfig['sip']>
  readonly calls: Pick<CallParts, 'provider' | 'running' | 'sealingKey' | 'phoneOf'>
  readonly desk: Pick<PhoneDesk, 'admit' | 'isFirst'>
  readonly store: Pick<Store, 'calls'>
  readonly metrics: Pick<Metrics, 'counter'>
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void }
  readonly draining: () => boolean
  readonly overloaded: () => boolean
}

export function startSip({ sip, calls, desk, store, metrics, log, draining, overloaded }: SipDeps): (app: FastifyInstance) => void {
  const take = createSipCalls({
    ...calls,
    desk,
    records: store.calls,
    onRing: metrics.counter(
      'relay_sip_calls_total',
      'Calls by SIP that rang here: accepted, rejected, gone before that, or lost since no session could hold them.',
      'outcome',
      RING_OUTCOMES,
    ),
    log,
    now: Date.now,
  })
  return createSipRoutes({
    keys: webhookKeys(sip.webhookSecrets),
    isFirst: desk.isFirst,
    take,
    onWebhook: metrics.counter('relay_sip_webhooks_total', 'Webhooks of the SIP path: calls, repeated ones, other types, and refused ones.', 'result', WEBHOOK_RESULTS),
    isOpen: () => !draining() && !overloaded(),
    log,
    now: Date.now,
  })
}
