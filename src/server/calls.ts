// Builds the part that runs WebRTC calls and plugs it in: routes, sidebands, records, metrics. Loaded only if WebRTC is on.
import type { FastifyBaseLogger } from 'fastify'
import { sealingKey } from '../auth/sealing-key.js'
import { ADOPTION_RESULTS, createAdoption } from '../calls/adoption.js'
import { createCallDesk } from '../calls/desk.js'
import type { CallParcel } from '../calls/parcel.js'
import { type CallSession, createRunningCalls, HANG_UP_OUTCOMES } from '../calls/running.js'
import type { Config } from '../config/config.js'
import { proxyFor } from '../config/proxy.js'
import { webrtcMode } from '../config/webrtc.js'
import { quotaLeft } from '../core/policy/quota.js'
import { RefusalError } from '../core/protocol/errors.js'
import { type CallRoutes, createCallRoutes } from '../ingress/calls/routes.js'
import { CALL_MODES } from '../ops/known-labels.js'
import type { Metrics } from '../ops/metrics.js'
import type { CallDesk } from '../ports/call-desk.js'
import type { Identity } from '../ports/caller.js'
import type { CallClaim, CallProvider, SessionCall } from '../ports/calls.js'
import type { Recorder } from '../ports/notes.js'
import type { NewSession } from '../ports/session.js'
import type { Store } from '../ports/store.js'
import { maxSessionsPerUser } from '../profiles/choose.js'
import type { LiveConfig } from '../profiles/live.js'
import { quotaUsage } from '../relay/quota.js'
import { within } from '../time/within.js'
import { openDispatcher } from '../tools/dispatcher.js'
import { createCallProvider } from '../upstream/calls/provider.js'
import type { FailOver } from '../upstream/fail-over.js'
import { openPinned } from './pinned.js'

/** What calls ask of the relay. */
export interface CallRelay {
  /** A session whose media do not pass here. Throws a `RefusalError` like `openSession`. */
  openCall(session: Omit<NewSession, 'client' | 'dialect' | 'continues'> & { readonly call: SessionCall }): void
  /** The caller's own call that is open here. */
  claimCall(callId: string, identity: Identity): CallClaim | undefined
  readonly sessions: { endByOperator(target: { readonly sessionId: string }): number; readonly count: number }
}

export interface CallsDeps {
  readonly config: Config
  readonly live: LiveConfig
  readonly store: Store
  readonly relay: CallRelay
  readonly upstreams: Pick<FailOver, 'each' | 'named'>
  readonly metrics: Metrics
  readonly recorderOf: (session: Pick<NewSession, 'sessionId' | 'profile' | 'trace'>) => Recorder
  readonly log: Pick<FastifyBaseLogger, 'debug' | 'info' | 'warn' | 'level'>
  readonly draining: () => boolean
  readonly overloaded: () => boolean
  /** Between two looks for calls without a relay, and the longest wait for a sideband, if not the usual. */
  readonly everyMs?: number
  readonly liveMs?: number
}

export interface Calls {
  readonly routes: CallRoutes
  readonly claim: CallDesk['claim']
  /** Looks for calls without a relay, as it does every few seconds. */
  look(): Promise<void>
  /** Resolves when no hang-up is under way, or after so many milliseconds. */
  settled(withinMs: number): Promise<void>
  close(): Promise<void>
}

/** Ways to one service: calls are placed and ended, and nothing else. */
const CONNECTIONS = 16
/** A caller waits for its call to be placed, with one upstream or two, and for the sideband. */
const PLACING_SHARE = 1.5
const SIDEBAND_MS = 5_000
/** A hang-up takes as long at most. */
const LEAST_CALL_MS = 15_000

export function startCalls(deps: CallsDeps): Calls {
  const { config, live, store, relay, upstreams, metrics, log } = deps
  const { upstreamConnectTimeoutMs: timeoutMs } = config.limits
  const ways = createWays(config)
  const provider: CallProvider = createCallProvider({ upstreams, names: config.upstreams.map(({ name }) => name), dispatcherFor: ways.to, timeoutMs, log })
  const key = sealingKey(config)
  const liveMs = deps.liveMs ?? SIDEBAND_MS
  const running = createRunningCalls({
    provider,
    records: store.calls,
    openCall,
    endSession: (sessionId) => void relay.sessions.endByOperator({ sessionId }),
    onPlaced: metrics.counter('relay_calls_total', 'WebRTC calls begun here, adopted ones included, by mode.', 'mode', CALL_MODES),
    onHungUp: metrics.counter(
      'relay_call_hangups_total',
      'WebRTC calls that ended here: hung up, not hung up for a failure, or handed over to another relay.',
      'outcome',
      HANG_UP_OUTCOMES,
    ),
    log,
    liveMs,
  })
  metrics.gauge('relay_calls_open', 'WebRTC calls that run here.', () => running.size)
  const adoption = createAdoption({
    records: store.calls,
    running,
    sealingKey: key,
    now: Date.now,
    mayAdopt: () => !deps.draining() && !deps.overloaded() && relay.sessions.count < config.limits.maxSessions,
    readmit,
    onAdopted: metrics.counter('relay_call_adoptions_total', 'WebRTC calls found without a relay: adopted, hung up instead, or older than any call.', 'result', ADOPTION_RESULTS),
    log,
    ...(deps.everyMs !== undefined && { everyMs: deps.everyMs }),
  })

  const desk = createCallDesk(
    { provider, records: store.calls, tickets: store.tickets, sealingKey: key, now: Date.now, claim: (id, identity) => relay.claimCall(id, identity), fetch: adoption.fetch },
    running,
  )

  function openCall({ chosen, ...session }: CallSession): void {
    openPinned(live, chosen, session.onEnd, (onEnd) => relay.openCall({ ...session, onEnd, recorder: deps.recorderOf(session) }))
  }

  async function readmit({ identity, sessionId, mode, requestedModel }: CallParcel): Promise<Pick<CallSession, 'profile' | 'tools' | 'onEnd'>> {
    if (identity.expiresAtMs <= Date.now()) throw new RefusalError('unauthenticated', 'expired')
    if (await store.revocations.isRevoked(identity)) throw new RefusalError('unauthenticated', 'revoked')
    const profile = live.profileFor(identity, requestedModel)
    const allowed = webrtcMode(live.config, profile.name)
    if (allowed !== mode && allowed !== 'shared') throw new RefusalError('forbidden', 'webrtc_off')
    // It may have its place already, under the same name.
    const lease = await store.leases.lease(identity.subject, sessionId, maxSessionsPerUser(live.config, profile.name) + 1)
    if (!lease) throw new RefusalError('too_many_sessions', 'subject_full')
    return { profile, tools: live.toolsFor(profile), onEnd: lease.release }
  }

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

  return {
    routes,
    claim: desk.claim,
    look: adoption.look,
    settled: (withinMs) => within(withinMs, running.settled(), () => undefined),
    async close() {
      adoption.stop()
      await ways.close()
    },
  }
}

/** One way to each service, through the company's proxy if there is one. */
function createWays({ proxies, limits }: Config) {
  const ways = new Map<string, ReturnType<typeof openDispatcher>>()
  return {
    to(url: URL) {
      const way = ways.get(url.origin) ?? openDispatcher({ connections: CONNECTIONS, connect: { timeout: limits.upstreamConnectTimeoutMs } }, proxyFor(url, proxies), url.protocol)
      ways.set(url.origin, way)
      return way
    },
    async close() {
      await Promise.all([...ways.values()].map((way) => way.destroy()))
    },
  }
}
