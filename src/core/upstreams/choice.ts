// Chooses the upstream that a session dials, and the client's refusal if none is left.

import type { LimitRecord } from '../limits/merge.js'
import { afterFailure, afterNothing, type Breaker, type BreakerState, beginDial, breakerState, closedBreaker, dialableFrom } from './breaker.js'
import { earnDial, fullBudget, type RetryBudget, takeRetry } from './retry-budget.js'
import { roomOf } from './room.js'

export interface UpstreamSpec {
  readonly name: string
  /** The lowest is tried first. */
  readonly priority: number
  /** Share among upstreams of the same priority; above zero. */
  readonly weight: number
  /** Where what is said there stays, such as `eu`. */
  readonly zone?: string | undefined
}

export interface UpstreamState {
  readonly spec: UpstreamSpec
  readonly breaker: Breaker
  /** Epoch milliseconds until which the upstream asked for a pause. */
  readonly pausedUntil: number
  readonly latency: { readonly ms: number; readonly at: number } | undefined
  readonly limits: readonly LimitRecord[]
  /** Sessions opened since the limits were read. */
  readonly taken: number
}

export interface ChoiceState {
  readonly upstreams: readonly UpstreamState[]
  readonly budget: RetryBudget
}

export type DialOutcome =
  | { readonly type: 'opened'; readonly latencyMs: number }
  | { readonly type: 'rate_limited'; readonly retryAfterSeconds: number }
  /** `retryAfterSeconds`: the pause that the answer asked for, if any. */
  | { readonly type: 'failed'; readonly retryAfterSeconds?: number | undefined }
  /** Its caller no longer waited, so it says nothing about the upstream. */
  | { readonly type: 'given_up' }

export type Choice =
  | { readonly dial: string }
  /** No upstream can be dialled now; the client should come back later. */
  | { readonly refuse: 'rate_limited' | 'upstream_refused'; readonly retryAfterSeconds: number }
  /** All upstreams were tried for this client, or the retry budget is spent. */
  | { readonly refuse: 'tried' | 'retry_budget' }

/** A slow upstream still gets a quarter of its share. Otherwise no dial would show that it is fast again. */
const LEAST_SPEED = 0.25
const LEAST_SHARE = 0.05
/** An older latency no longer counts. */
const LATENCY_AGE_MS = 60_000
const LATENCY_SMOOTHING = 0.3

export function openingChoice(specs: readonly UpstreamSpec[], now: number): ChoiceState {
  return { upstreams: specs.map((spec) => ({ spec, breaker: closedBreaker, pausedUntil: 0, latency: undefined, limits: [], taken: 0 })), budget: fullBudget(now) }
}

/** What a client's dial may choose among. */
export interface Wish {
  readonly tried: ReadonlySet<string>
  /** Absent: any. */
  readonly zones?: readonly string[] | undefined
  /** Name of an upstream that is taken only if no other can be dialled. */
  readonly avoid?: string | undefined
  /** The only upstreams that can do what is asked. Absent: all can. */
  readonly among?: ReadonlySet<string> | undefined
}

/**
 * The next upstream for one client. `tried`: the names dialled for it already. The client's first dial earns retry budget, each further one
 * costs some. `draw`: at least 0 and below 1. After a `dial`, the caller must report its outcome with `dialled`.
 */
export function choose(state: ChoiceState, ask: { readonly now: number; readonly draw: number } & Wish): [ChoiceState, Choice] {
  const { now, draw, tried, zones, avoid, among } = ask
  const allowed = state.upstreams.filter(({ spec }) => (!zones || (spec.zone !== undefined && zones.includes(spec.zone))) && (among?.has(spec.name) ?? true))
  const left = allowed.filter(({ spec }) => !tried.has(spec.name))
  const freeOf = (lastResort: boolean) => left.filter((one) => freeFrom(one, now, state, lastResort) <= now)
  const healthy = freeOf(false)
  const usable = healthy.length === 0 && tried.size === 0 ? freeOf(true) : healthy
  if (usable.length === 0) return [state, tried.size > 0 ? { refuse: 'tried' } : refusal({ ...state, upstreams: allowed }, now)]
  const others = usable.filter(({ spec }) => spec.name !== avoid)
  const free = others.length > 0 ? others : usable
  const paid = tried.size === 0 ? { ok: true, budget: earnDial(state.budget, now) } : takeRetry(state.budget, now)
  if (!paid.ok) return [{ ...state, budget: paid.budget }, { refuse: 'retry_budget' }]
  const { name } = pick(foremost(free, now), draw, now).spec
  return [{ ...change(state, name, (one) => ({ ...one, breaker: beginDial(one.breaker, now) })), budget: paid.budget }, { dial: name }]
}

export function dialled(state: ChoiceState, name: string, outcome: DialOutcome, now: number): ChoiceState {
  return change(state, name, (one) => {
    switch (outcome.type) {
      case 'opened':
        return { ...one, breaker: closedBreaker, taken: one.taken + 1, latency: { ms: smoothed(one.latency, outcome.latencyMs, now), at: now } }
      case 'rate_limited':
        return { ...one, breaker: afterNothing(one.breaker), pausedUntil: pause(one, outcome.retryAfterSeconds, now) }
      case 'failed':
        return { ...one, breaker: afterFailure(one.breaker, now), pausedUntil: pause(one, outcome.retryAfterSeconds ?? 0, now) }
      case 'given_up':
        return { ...one, breaker: afterNothing(one.breaker) }
    }
  })
}

/** Sets the upstream's limits, as recorded by any instance. */
export function limitsSeen(state: ChoiceState, name: string, limits: readonly LimitRecord[]): ChoiceState {
  return change(state, name, (one) => ({ ...one, limits, taken: 0 }))
}

export interface UpstreamView {
  readonly name: string
  readonly breaker: BreakerState
  /** Epoch milliseconds. It may be dialled from then on. */
  readonly freeFrom: number
  readonly latencyMs: number | undefined
}

/** For operators. */
export function viewOfUpstreams(state: ChoiceState, now: number): readonly UpstreamView[] {
  return state.upstreams.map((one) => ({
    name: one.spec.name,
    breaker: breakerState(one.breaker, now),
    freeFrom: freeFrom(one, now, state),
    latencyMs: one.latency?.ms,
  }))
}

/** A single upstream has no breaker: it would only delay noticing that the upstream is back. */
function freeFrom(one: UpstreamState, now: number, { upstreams }: ChoiceState, lastResort = false): number {
  return Math.max(now, quotaFrom(one, now), upstreams.length > 1 ? dialableFrom(one.breaker, now, lastResort) : now)
}

function quotaFrom(one: UpstreamState, now: number): number {
  return Math.max(one.pausedUntil, roomOf(one.limits, now).closedUntil ?? 0)
}

/** The refusal before the first dial: when the earliest upstream is free again, and whether the cause is a quota. */
function refusal(state: ChoiceState, now: number): Choice {
  const until = Math.min(...state.upstreams.map((one) => freeFrom(one, now, state, true)))
  const quota = state.upstreams.some((one) => quotaFrom(one, now) > now)
  return { refuse: quota ? 'rate_limited' : 'upstream_refused', retryAfterSeconds: Math.max(1, Math.ceil((until - now) / 1000)) }
}

/** The upstreams of the lowest priority. One whose quota is probably used up comes after all others. */
function foremost(free: readonly UpstreamState[], now: number): readonly UpstreamState[] {
  const sure = free.filter((one) => !roomOf(one.limits, now, one.taken).doubtful)
  const better = sure.length > 0 ? sure : free
  const priority = Math.min(...better.map(({ spec }) => spec.priority))
  return better.filter(({ spec }) => spec.priority === priority)
}

/** Draws one, by weight, room and speed. */
function pick(among: readonly UpstreamState[], draw: number, now: number): UpstreamState {
  const recent = (one: UpstreamState) => (one.latency && now - one.latency.at < LATENCY_AGE_MS ? Math.max(1, one.latency.ms) : undefined)
  const fastest = Math.min(...among.map((one) => recent(one) ?? Number.POSITIVE_INFINITY))
  const sizes = among.map((one) => {
    const speed = Math.max(LEAST_SPEED, fastest / (recent(one) ?? fastest))
    return one.spec.weight * Math.max(LEAST_SHARE, roomOf(one.limits, now, one.taken).share) * (Number.isFinite(speed) ? speed : 1)
  })
  let at = draw * sizes.reduce((sum, size) => sum + size, 0)
  const index = sizes.findIndex((size) => {
    at -= size
    return at < 0
  })
  return (among[index] ?? among.at(-1)) as UpstreamState
}

function smoothed(before: UpstreamState['latency'], ms: number, now: number): number {
  if (!before || now - before.at >= LATENCY_AGE_MS) return ms
  return before.ms + LATENCY_SMOOTHING * (ms - before.ms)
}

function pause(one: UpstreamState, seconds: number, now: number): number {
  return Math.max(one.pausedUntil, now + seconds * 1000)
}

function change(state: ChoiceState, name: string, how: (one: UpstreamState) => UpstreamState): ChoiceState {
  return { ...state, upstreams: state.upstreams.map((one) => (one.spec.name === name ? how(one) : one)) }
}
