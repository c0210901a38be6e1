// Plugs WebRTC calls in: the desk that has them placed, and its routes. Loaded only if WebRTC is on.
import { createCallDesk } from '../calls/desk.js'
import { webrtcMode } from '../config/webrtc.js'
import { quotaLeft } from '../core/policy/quota.js'
import { type CallRoutes, createCallRoutes } from '../ingress/calls/routes.js'
import type { CallDesk } from '../ports/call-desk.js'
import { quotaUsage } from '../relay/quota.js'
import { type CallParts, type CallsDeps, startCallParts } from './call-parts.js'

export interface WebrtcCalls {
  readonly routes: CallRoutes
  readonly claim: CallDesk['claim']
}

export interface Calls extends WebrtcCalls, CallParts {
  /** Looks for calls without a relay, as it does every few seconds. */
  look(): Promise<void>
}

/** A caller waits for its call to be placed, with one upstream or two, and for the sideband. */
const PLACING_SHARE = 1.5
/** A hang-up takes as long at most. */
const LEAST_CALL_MS = 15_000

export function startCalls(deps: CallsDeps): Calls {
  const parts = startCallParts(deps)
  return { ...parts, ...startWebrtc(deps, parts), look: parts.adoption.look }
}

export function startWebrtc({ config, live, store, relay, log }: CallsDeps, { provider, running, adoption, sealingKey, liveMs }: CallParts): WebrtcCalls {
  const { upstreamConnectTimeoutMs: timeoutMs } = config.limits
  const desk = createCallDesk(
    { provider, records: store.calls, tickets: store.tickets, sealingKey, now: Date.now, claim: (id, identity) => relay.claimCall(id, identity), fetch: adoption.fetch },
    running,
  )

  const routes = createCallRoutes({
    desk,
    modeOf: (profile) => webrtcMode(live.config, profile.name),
    async quotaLeft(identity, { quota }) {
      const used = quota && (await quotaUsage(store.usage, identity.subject, quota, Date.now()))
      return quota ? used && quotaLeft(quota, used) : []
    },
    callMs: Math.max(LEAST_CALL_MS, timeoutMs * PLACING_SHARE + liveMs),
    log,
    now: Date.now,
  })

  return { routes, claim: desk.claim }
}
