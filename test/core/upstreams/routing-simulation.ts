// A seeded day of dials without sockets: deployments with quotas and latencies, bursts of clients and a failing region, beside an oracle that knows them all.
import type { LimitRecord } from '../../../src/core/limits/merge.js'
import { type ChoiceState, choose, type DialOutcome, dialled, limitsSeen, openingChoice } from '../../../src/core/upstreams/choice.js'

export interface Deployment {
  readonly name: string
  readonly priority: number
  readonly weight: number
  /** Sessions a minute that it accepts. Beyond them it answers 429 with the time until the next is allowed. */
  readonly perMinute: number
  readonly latencyMs: number
  /** Fails from one moment to the other, in milliseconds from the start: at once, or after `hangMs`. */
  readonly down?: { readonly from: number; readonly to: number; readonly hangMs: number }
}

export interface Scenario {
  readonly seed: number
  readonly minutes: number
  readonly deployments: readonly Deployment[]
  /** Clients a second at a moment, in milliseconds from the start. */
  readonly rate: (at: number) => number
  /** How often a report of the provider reaches the relay. */
  readonly reportMs: number
}

export interface Result {
  readonly clients: number
  readonly refused: number
  readonly refusedByOracle: number
  readonly extraDials: number
  readonly slowestMs: number
}

const T = 1_790_000_000_000

/** Mulberry32: the same seed gives the same numbers everywhere. */
export function seededRandom(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** One deployment's quota: a bucket that refills evenly. Oracle and relay each have their own. */
function quotaWorld(deployments: readonly Deployment[]) {
  const buckets = new Map(deployments.map((one) => [one.name, { left: one.perMinute, at: 0 }]))
  const leftOf = (one: Deployment, at: number) => {
    const bucket = buckets.get(one.name) ?? { left: 0, at: 0 }
    return Math.min(one.perMinute, bucket.left + ((at - bucket.at) / 60_000) * one.perMinute)
  }
  return {
    leftOf,
    take(one: Deployment, at: number): boolean {
      const left = leftOf(one, at)
      buckets.set(one.name, { left: left >= 1 ? left - 1 : left, at })
      return left >= 1
    },
  }
}

const isDown = (one: Deployment, at: number) => one.down !== undefined && at >= one.down.from && at < one.down.to

export function simulate(scenario: Scenario): Result {
  const { deployments, minutes } = scenario
  const random = seededRandom(scenario.seed)
  const world = quotaWorld(deployments)
  const oracle = quotaWorld(deployments)
  const byName = new Map(deployments.map((one) => [one.name, one]))
  let state: ChoiceState = openingChoice(deployments, T)
  const result = { clients: 0, refused: 0, refusedByOracle: 0, extraDials: 0, slowestMs: 0 }
  const queue: { readonly at: number; readonly run: () => void }[] = []
  let now = 0

  const later = (ms: number, run: () => void) => {
    const event = { at: now + ms, run }
    let i = queue.length
    while (i > 0 && (queue[i - 1]?.at ?? 0) <= event.at) i--
    queue.splice(i, 0, event)
  }

  function dial(tried: ReadonlySet<string>, began: number): void {
    const [next, choice] = choose(state, { now: T + now, draw: random(), tried })
    state = next
    if (!('dial' in choice)) return void result.refused++
    if (tried.size > 0) result.extraDials++
    const one = byName.get(choice.dial) as Deployment
    const end = (ms: number, outcome: DialOutcome) =>
      later(ms, () => {
        state = dialled(state, one.name, outcome, T + now)
        if (outcome.type === 'opened') result.slowestMs = Math.max(result.slowestMs, now - began)
        else dial(new Set(tried).add(one.name), began)
      })
    if (isDown(one, now)) return end(one.down?.hangMs ?? 0, { type: 'failed' })
    if (world.take(one, now)) return end(one.latencyMs * (0.8 + 0.4 * random()), { type: 'opened', latencyMs: one.latencyMs })
    const seconds = Math.ceil(((1 - world.leftOf(one, now)) / one.perMinute) * 60)
    end(one.latencyMs, { type: 'rate_limited', retryAfterSeconds: Math.max(1, seconds) })
  }

  /** Refuses only if no deployment could have accepted the client. */
  function ask(): void {
    const able = deployments.filter((one) => !isDown(one, now) && oracle.leftOf(one, now) >= 1).sort((a, b) => oracle.leftOf(b, now) - oracle.leftOf(a, now))
    if (!able[0] || !oracle.take(able[0], now)) result.refusedByOracle++
  }

  function arrive(): void {
    result.clients++
    ask()
    dial(new Set(), now)
    later((-Math.log(1 - random()) / scenario.rate(now)) * 1000, arrive)
  }

  function report(): void {
    for (const one of deployments) {
      if (isDown(one, now)) continue
      const remaining = Math.floor(world.leftOf(one, now))
      const limits: LimitRecord[] = [
        { name: 'requests', source: 'event', limit: one.perMinute, remaining, resetAt: T + now + Math.ceil((1 - remaining / one.perMinute) * 60_000), at: T + now },
      ]
      state = limitsSeen(state, one.name, limits)
    }
    later(scenario.reportMs, report)
  }

  later(0, arrive)
  later(scenario.reportMs, report)
  for (let event = queue.pop(); event && event.at < minutes * 60_000; event = queue.pop()) {
    now = event.at
    event.run()
  }
  return result
}
