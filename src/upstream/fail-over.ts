// Several upstreams as one. Core chooses the order; if a dial fails, the next one follows, and the client notices only the delay.
import type { UpstreamConfig } from '../config/config.js'
import { RefusalError } from '../core/protocol/errors.js'
import type { BreakerState } from '../core/upstreams/breaker.js'
import {
  type Choice,
  type ChoiceState,
  choose,
  type DialOutcome,
  dialled,
  limitsSeen,
  openingChoice,
  type UpstreamView,
  viewOfUpstreams,
  type Wish,
} from '../core/upstreams/choice.js'
import type { Health } from '../ports/health.js'
import type { LimitsBook } from '../ports/store.js'
import type { DialRequest, UpstreamConnection, UpstreamProvider } from '../ports/upstream.js'
import { REACHED } from './dial-outcomes.js'
import { createLimitsCache } from './limits-cache.js'
import type { CallDoor } from './provider.js'

export interface NamedUpstream {
  readonly config: UpstreamConfig
  readonly provider: UpstreamProvider
  /** Absent: it takes no WebRTC calls. */
  readonly calls?: CallDoor | undefined
}

export interface KnownUpstream extends NamedUpstream {
  /** Name under which its limits are recorded. */
  readonly limitKey: string
}

export interface FailOverDeps {
  readonly limits: LimitsBook
  /** Epoch milliseconds. */
  readonly now: () => number
  /** At least 0 and below 1. */
  readonly random: () => number
  /** The time limit that each upstream has itself. A dial gets half of it if another upstream is left to try. All dials of a client end within one and a half. */
  readonly connectTimeoutMs: number
  readonly log: { warn(fields: object, message: string): void }
  /** `trace`: a `traceparent` that the dial belongs to. */
  readonly onDialled?: (upstream: string, outcome: DialOutcome, trace: string | undefined) => void
}

export interface FailOver extends UpstreamProvider {
  /** For operators: each upstream's breaker, pause and latency, and the name under which its limits are recorded. */
  views(): readonly (UpstreamView & { readonly deployment: string })[]
  /** Makes an attempt with one upstream after the other, as `dial` does, until one succeeds. Rejects like `dial`. */
  each<T>(wish: UpstreamWish, attempt: (upstream: KnownUpstream, signal: AbortSignal) => Promise<T>): Promise<T>
  named(name: string): KnownUpstream | undefined
}

export interface UpstreamWish extends Pick<DialRequest, 'signal' | 'zones' | 'avoid' | 'trace'> {
  /** Names. Absent: any. */
  readonly among?: ReadonlySet<string>
}

/** Pause of an upstream whose 429 names no time. */
const DEFAULT_PAUSE_SECONDS = 2

export function createFailOver(upstreams: readonly NamedUpstream[], deps: FailOverDeps): FailOver {
  const { now } = deps
  const byName = new Map<string, KnownUpstream>(upstreams.map((one) => [one.config.name, { ...one, limitKey: limitKeyOf(one.config, upstreams) }]))
  let state: ChoiceState = openingChoice(
    upstreams.map(({ config }) => config),
    now(),
  )
  const limits = createLimitsCache([...byName.values()], {
    book: deps.limits,
    now,
    seen: (name, found) => {
      state = limitsSeen(state, name, found)
    },
  })

  const nameOf = (deployment: string | undefined) => [...byName.values()].find(({ limitKey }) => limitKey === deployment)?.config.name

  function next(wish: Wish): Choice {
    const [after, choice] = choose(state, { now: now(), draw: deps.random(), ...wish })
    state = after
    return choice
  }

  /** Without `timeoutMs` only the upstream's own time limit applies. */
  async function tryOne<T>(
    name: string,
    { signal: given, trace }: UpstreamWish,
    timeoutMs: number | undefined,
    attempt: (upstream: KnownUpstream, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const known = byName.get(name) as KnownUpstream
    const timeout = timeoutMs === undefined ? undefined : AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs)))
    const signal = timeout ? AbortSignal.any([given, timeout]) : given
    const began = now()
    try {
      const result = await attempt(known, signal)
      ended(name, { type: 'opened', latencyMs: Math.max(0, now() - began) }, trace)
      return result
    } catch (error) {
      const refusal = error instanceof RefusalError ? error : new RefusalError('upstream_refused', 'dial_failed')
      const timedOut = timeout?.aborted === true && !given.aborted && refusal.why === 'aborted'
      ended(name, given.aborted ? { type: 'given_up' } : outcomeOf(refusal), trace)
      if (refusal.code === 'rate_limited') {
        const resetSeconds = refusal.retryAfterSeconds ?? DEFAULT_PAUSE_SECONDS
        deps.limits.recordLimits({ deployment: known.limitKey, source: 'http_429', at: now(), limits: [{ name: 'requests', remaining: 0, resetSeconds }] })
      }
      throw timedOut ? new RefusalError('upstream_timeout', 'connect') : refusal
    }
  }

  function ended(name: string, outcome: DialOutcome, trace: string | undefined): void {
    learn(name, outcome)
    deps.onDialled?.(name, outcome, trace)
  }

  function learn(name: string, outcome: DialOutcome): void {
    const before = breakerOf(name)
    state = dialled(state, name, outcome, now())
    const after = breakerOf(name)
    if (before !== after) deps.log.warn({ upstream: name, breaker: after }, 'upstream breaker')
  }

  const breakerOf = (name: string): BreakerState | undefined => viewOfUpstreams(state, now()).find((view) => view.name === name)?.breaker

  async function each<T>(wish: UpstreamWish, attempt: (upstream: KnownUpstream, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal, zones, avoid, among } = wish
    const until = now() + deps.connectTimeoutMs * 1.5
    await limits.refreshed()
    const tried = new Set<string>()
    const failures: RefusalError[] = []
    for (;;) {
      const choice = next({ tried, zones, avoid: nameOf(avoid), among })
      if (!('dial' in choice)) throw finalRefusal(choice, failures)
      tried.add(choice.dial)
      const others = tried.size < (among?.size ?? upstreams.length)
      const timeoutMs = tried.size === 1 && !others ? undefined : Math.min(others ? deps.connectTimeoutMs / 2 : deps.connectTimeoutMs, until - now())
      try {
        return await tryOne(choice.dial, wish, timeoutMs, attempt)
      } catch (error) {
        // Any other would say the same.
        if (error instanceof RefusalError && isOfAsker(error)) throw error
        failures.push(error as RefusalError)
        if (signal.aborted || now() >= until) throw finalRefusal({ refuse: 'tried' }, failures)
      }
    }
  }

  return {
    each,
    named: (name) => byName.get(name),
    dial: (request) => each(request, async (known, signal) => asKnown(await known.provider.dial({ ...request, signal }), known)),
    lost(deployment) {
      const name = nameOf(deployment)
      if (name !== undefined) learn(name, { type: 'failed' })
    },
    async health() {
      const known = await Promise.all(upstreams.map(({ provider }) => provider.health()))
      // The upstream's own health ignores dials that were given up early; the breaker counts them.
      return worstOfUsable(known.map((one, index) => (breakerOf(upstreams[index]?.config.name ?? '') === 'open' ? { status: 'down', detail: 'the upstream fails' } : one)))
    },
    async close() {
      await Promise.all(upstreams.map(({ provider }) => provider.close()))
    },
    views: () => viewOfUpstreams(state, now()).map((view) => ({ ...view, deployment: byName.get(view.name)?.limitKey ?? '' })),
  }
}

/** A connection under the names that the relay knows. */
export function asKnown(connection: UpstreamConnection, { config, limitKey }: KnownUpstream): UpstreamConnection {
  return { ...connection, deployment: limitKey, zone: config.zone, privateWords: (connection.privateWords ?? []).concat(config.deployment) }
}

/** Limits are recorded by deployment. If several upstreams, in other regions, have deployments of the same name, the upstream's name is added. */
export function limitKeyOf(config: UpstreamConfig, all: readonly NamedUpstream[]): string {
  return all.some((other) => other.config.deployment === config.deployment && other.config.name !== config.name) ? `${config.deployment}~${config.name}` : config.deployment
}

/** What was asked for is wrong, which says nothing against the upstream. */
function isOfAsker({ code }: RefusalError): boolean {
  return code === 'bad_request'
}

function outcomeOf(refusal: RefusalError): DialOutcome {
  const { code, why, retryAfterSeconds } = refusal
  // What is asked for may be over, or elsewhere.
  if (isOfAsker(refusal) || code === 'not_found') return { type: 'given_up' }
  if (code === 'rate_limited') return { type: 'rate_limited', retryAfterSeconds: retryAfterSeconds ?? DEFAULT_PAUSE_SECONDS }
  return why === 'closed' ? { type: 'given_up' } : { type: 'failed', retryAfterSeconds }
}

/** If any upstream tried was rate limited, the refusal says when the first is free again. Else it is the last failure. */
function finalRefusal(choice: Exclude<Choice, { dial: string }>, failures: readonly RefusalError[]): RefusalError {
  const limited = failures.filter((one) => one.code === 'rate_limited')
  const last = failures.at(-1)
  if (limited.length > 0) return new RefusalError('rate_limited', 'quota', Math.min(...limited.map((one) => one.retryAfterSeconds ?? DEFAULT_PAUSE_SECONDS)))
  if (last) return last
  if (choice.refuse === 'rate_limited' || choice.refuse === 'upstream_refused') return new RefusalError(choice.refuse, 'none_left', choice.retryAfterSeconds)
  return new RefusalError('upstream_refused', 'none_left')
}

/** Down only if every upstream is down; degraded if any is not ok. */
function worstOfUsable(all: readonly Health[]): Health {
  const unwell = all.find((one) => one.status !== 'ok')
  if (!unwell) return all.find((one) => one.detail === REACHED) ?? all[0] ?? { status: 'ok', detail: REACHED }
  if (all.every((one) => one.status === 'down')) return unwell
  return { status: 'degraded', detail: unwell.detail }
}
