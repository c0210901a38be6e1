// Builds what calls by WebRTC and by SIP share: the way to their services, those that run here, their records and adoption. Loaded only if somebody may call.
import type { FastifyBaseLogger } from 'fastify'
import { sealingKey } from '../auth/sealing-key.js'
import { ADOPTION_RESULTS, type Adoption, createAdoption, type Readmitted } from '../calls/adoption.js'
import type { CallParcel } from '../calls/parcel.js'
import { type CallSession, createRunningCalls, HANG_UP_OUTCOMES, type RunningCalls } from '../calls/running.js'
import { createSipLine } from '../calls/sip-line.js'
import { sipProfile } from '../calls/sip-session.js'
import type { Config } from '../config/config.js'
import { proxyFor } from '../config/proxy.js'
import { webrtcMode } from '../config/webrtc.js'
import type { SessionProfile } from '../core/policy/profile.js'
import { RefusalError } from '../core/protocol/errors.js'
import { phoneProfile } from '../ingress/phone/phone-profile.js'
import { CALL_MODES } from '../ops/known-labels.js'
import type { Metrics } from '../ops/metrics.js'
import type { Identity } from '../ports/caller.js'
import type { CallClaim, CallProvider, PlacedCall, SessionCall } from '../ports/calls.js'
import type { Recorder } from '../ports/notes.js'
import type { SessionPhone } from '../ports/phone.js'
import type { NewSession } from '../ports/session.js'
import type { Store } from '../ports/store.js'
import { maxSessionsPerUser } from '../profiles/choose.js'
import type { LiveConfig } from '../profiles/live.js'
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
  readonly recorderOf: (session: Pick<NewSession, 'sessionId' | 'profile' | 'identity' | 'trace' | 'call'>) => Recorder
  readonly log: Pick<FastifyBaseLogger, 'debug' | 'info' | 'warn' | 'level'>
  readonly draining: () => boolean
  readonly overloaded: () => boolean
  /** Between two looks for calls without a relay, and the longest wait for a sideband, if not the usual. */
  readonly everyMs?: number
  readonly liveMs?: number
}

export interface CallParts {
  readonly provider: CallProvider
  readonly running: RunningCalls
  readonly adoption: Adoption
  readonly sealingKey: Buffer | undefined
  /** Longest wait for a sideband. */
  readonly liveMs: number
  /** What a call by SIP may ask of its line. */
  phoneOf(profile: SessionProfile, placed: PlacedCall): SessionPhone
  /** Resolves when no hang-up is under way, or after so many milliseconds. */
  settled(withinMs: number): Promise<void>
  close(): Promise<void>
}

/** Ways to one service: calls are placed and ended, and nothing else. */
const CONNECTIONS = 16
const SIDEBAND_MS = 5_000

export function startCallParts(deps: CallsDeps): CallParts {
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
    onPlaced: metrics.counter('relay_calls_total', 'Calls begun here by WebRTC or SIP, adopted ones included, by mode.', 'mode', CALL_MODES),
    onHungUp: metrics.counter(
      'relay_call_hangups_total',
      'Calls that ended here: hung up, not hung up for a failure, or handed over to another relay.',
      'outcome',
      HANG_UP_OUTCOMES,
    ),
    log,
    liveMs,
  })
  metrics.gauge('relay_calls_open', 'Calls by WebRTC or SIP that run here.', () => running.size)
  const adoption = createAdoption({
    records: store.calls,
    running,
    sealingKey: key,
    now: Date.now,
    mayAdopt: () => !deps.draining() && !deps.overloaded() && relay.sessions.count < config.limits.maxSessions,
    readmit,
    onAdopted: metrics.counter('relay_call_adoptions_total', 'Calls found without a relay: adopted, hung up instead, or older than any call.', 'result', ADOPTION_RESULTS),
    log,
    ...(deps.everyMs !== undefined && { everyMs: deps.everyMs }),
  })

  function openCall({ chosen, ...session }: CallSession): void {
    openPinned(live, chosen, session.onEnd, (pinned) => relay.openCall({ ...session, ...pinned, recorder: deps.recorderOf(session) }))
  }

  function phoneOf({ name }: SessionProfile, placed: PlacedCall): SessionPhone {
    return { carrier: 'sip', line: createSipLine(provider, placed), transferTo: live.config.profiles[name]?.transferTo ?? {} }
  }

  async function readmit(parcel: CallParcel, placed: PlacedCall): Promise<Readmitted> {
    const { identity, sessionId, requestedModel } = parcel
    if (identity.expiresAtMs <= Date.now()) throw new RefusalError('unauthenticated', 'expired')
    if (await store.revocations.isRevoked(identity)) throw new RefusalError('unauthenticated', 'revoked')
    const chosen = live.profileFor(identity, requestedModel)
    const isSip = parcel.carrier === 'sip'
    checkIngress(parcel, chosen.name)
    // It may have its place already, under the same name.
    const lease = await store.leases.lease(identity.subject, sessionId, mostOf(parcel, chosen.name) + 1)
    if (!lease) throw new RefusalError('too_many_sessions', 'subject_full')
    const own = isSip ? { profile: sipProfile(phoneProfile(chosen, undefined)), phone: phoneOf(chosen, placed) } : { profile: chosen }
    return { ...own, chosen, tools: live.toolsFor(chosen), onEnd: lease.release }
  }

  /** Calls of one caller, or of all who withhold their number, which is one caller as well. */
  function mostOf({ carrier }: CallParcel, profile: string): number {
    const { perCaller = 0, withheld = 0 } = config.telephony?.limits ?? {}
    return carrier === 'sip' ? Math.max(perCaller, withheld) : maxSessionsPerUser(live.config, profile)
  }

  function checkIngress({ carrier, mode }: CallParcel, profile: string): void {
    const allowed = webrtcMode(live.config, profile)
    if (carrier === 'sip' ? !config.telephony?.sip : allowed !== mode && allowed !== 'shared') throw new RefusalError('forbidden', carrier === 'sip' ? 'sip_off' : 'webrtc_off')
  }

  return {
    provider,
    running,
    adoption,
    sealingKey: key,
    liveMs,
    phoneOf,
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
