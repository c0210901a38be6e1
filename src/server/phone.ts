// Builds the part that takes telephone calls and plugs it in: desk, carriers' routes, metrics. Loaded only if a carrier is configured.
import { callerKey } from '../auth/sealing-key.js'
import { quotaLeft } from '../core/policy/quota.js'
import { refusalCodes } from '../core/protocol/errors.js'
import { createPhoneDesk } from '../ingress/phone/desk.js'
import type { PhoneRoutes } from '../ingress/phone/door.js'
import { LOSS_ENDS } from '../ingress/phone/phone-call.js'
import { GAP_KINDS } from '../ingress/phone/phone-link.js'
import type { Carrier } from '../ports/phone.js'
import { quotaUsage } from '../relay/quota.js'
import { carrierRoutes, type PhoneDeps } from './phone-carriers.js'
import { openPinned } from './pinned.js'

export interface Phone {
  readonly routes: PhoneRoutes
  close(): Promise<void>
}

const CARRIERS = ['acs', 'twilio', 'sip'] satisfies readonly Carrier[]

export async function startPhone(deps: PhoneDeps): Promise<Phone> {
  const { config, telephony, live, store, relay, metrics } = deps
  const key = callerKey(config)
  // The configuration is checked for it.
  if (!key) throw new Error('telephony needs a secret that all relays share')
  const desk = createPhoneDesk({
    config: telephony,
    maxSessions: config.limits.maxSessions,
    profileClaim: config.profileClaim,
    callerKey: key,
    store,
    profileFor: (identity) => live.profileFor(identity, undefined),
    toolsFor: (profile) => live.toolsFor(profile),
    longestMs: (profile) => live.config.profiles[profile]?.limits.maxSessionMs ?? config.limits.maxSessionMs,
    transferTo: (profile) => live.config.profiles[profile]?.transferTo ?? {},
    async quotaLeft(identity, { quota }) {
      const used = quota && (await quotaUsage(store.usage, identity.subject, quota, Date.now()))
      return quota ? used && quotaLeft(quota, used) : []
    },
    openSession: (session, chosen) => openPinned(live, chosen, session.onEnd, (pinned) => relay.openSession({ ...session, ...pinned, recorder: deps.recorderOf(session) })),
    draining: deps.draining,
    overloaded: deps.overloaded,
    ...(deps.unaudited && { unaudited: deps.unaudited }),
    sessionCount: () => relay.sessions.count,
    now: Date.now,
    steady: deps.steady,
    counted: {
      call: metrics.counter('relay_phone_calls_total', 'Telephone calls admitted, by carrier. A call that another instance takes up counts there again.', 'carrier', CARRIERS),
      refused: metrics.counter('relay_phone_refused_total', 'Telephone calls refused, by code.', 'code', refusalCodes()),
      lost: metrics.counter(
        'relay_phone_media_losses_total',
        'Media sockets of telephone calls that were lost: another came, none did in time, or it was lost again.',
        'end',
        LOSS_ENDS,
      ),
      filled: metrics.counter('relay_phone_gaps_total', 'Gaps in the audio of callers filled with silence: the carrier’s clock jumped, or nothing came.', 'kind', GAP_KINDS),
    },
    audit: deps.audit,
    log: deps.log,
  })
  metrics.gauge('relay_phone_calls', 'Telephone calls that are open here.', () => desk.size)
  const carriers = await carrierRoutes({ ...deps, desk })
  return {
    routes(app, door) {
      for (const { routes } of carriers) routes(app, door)
    },
    async close() {
      await Promise.all(carriers.map((carrier) => carrier.close?.()))
    },
  }
}
