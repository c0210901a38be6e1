// Counts dials, tokens and money, and reads limits and breakers at each scrape. Never by user.
import { Gauge, type Registry } from 'prom-client'
import type { BreakerState } from '../core/upstreams/breaker.js'
import type { DialOutcome } from '../core/upstreams/choice.js'
import type { LimitsBook, UsageBook, UsageReport } from '../ports/store.js'
import { within } from '../time/within.js'
import { combined, DIAL_OUTCOMES, TOKEN_KINDS } from './known-labels.js'
import { createBoundedLabel } from './labels.js'
import type { Series } from './series.js'

export interface WatchedUpstreams {
  readonly upstreams: () => readonly { readonly name: string; readonly deployment: string; readonly breaker: BreakerState }[]
  readonly limits: LimitsBook
}

export interface UpstreamMetrics {
  /** `trace`: a `traceparent` that the dial belongs to. */
  dialled(upstream: string, outcome: DialOutcome, trace?: string | undefined): void
  /** Sets the upstreams whose limits and breakers are shown. */
  watch(upstreams: WatchedUpstreams): void
  /** Returns the same book, but counts each report that passes through it. */
  counted(usage: UsageBook): UsageBook
  /** Their counters begin at 0. */
  expect(names: { readonly profiles: readonly string[]; readonly upstreams: readonly string[]; readonly currency: string | undefined }): void
  /** What was used since the last scrape is counted now. */
  handOver(): void
}

const BREAKERS = ['closed', 'open', 'half_open'] as const satisfies readonly BreakerState[]
const DIAL_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
/** If Redis is slower than this, its numbers are left out so that the scrape still succeeds. */
const LOOK_UP_MS = 250

export function createUpstreamMetrics(registry: Registry, { counter, histogram }: Series): UpstreamMetrics {
  const registers = [registry]
  let watched: WatchedUpstreams | undefined
  const profile = createBoundedLabel()
  const kind = createBoundedLabel()
  const limitName = createBoundedLabel()
  const dials = counter('relay_dials_total', 'Dials of upstreams, by upstream and outcome.', ['upstream', 'outcome'])
  const dialSeconds = histogram('relay_dial_seconds', 'Time of dials that opened a connection; next to none if one was open ahead.', DIAL_SECONDS, ['upstream'])
  const tokens = counter('relay_tokens_total', 'Tokens used, by profile and kind; kinds contain one another.', ['profile', 'kind'])
  const money = counter('relay_money_total', 'Money spent by the price table, by profile and currency.', ['profile', 'currency'])
  /** By profile and counter. They get their labels at scrapes only. */
  const sums = new Map<string, Map<string, { amount: number }>>()
  const remaining: Gauge = new Gauge({
    name: 'relay_limit_remaining',
    help: 'What an upstream still allows, by its configured name and the name of the limit, as all relays recorded it.',
    labelNames: ['upstream', 'name'],
    registers,
    // Every process of a relay reads the same number.
    aggregator: 'min',
    async collect() {
      if (!watched) return
      const found = await remainingOf(watched)
      remaining.reset()
      for (const { upstream, name, value } of found) remaining.set({ upstream, name: limitName(name) }, value)
    },
  })
  const breakers: Gauge = new Gauge({
    name: 'relay_breaker_state',
    help: 'Processes that see an upstream in this state.',
    labelNames: ['upstream', 'state'],
    registers,
    collect() {
      for (const { name, breaker } of watched?.upstreams() ?? []) {
        for (const state of BREAKERS) breakers.set({ upstream: name, state }, state === breaker ? 1 : 0)
      }
    },
  })

  function count({ profile: name, counters }: UsageReport): void {
    const label = profile(name ?? 'other')
    let ofProfile = sums.get(label)
    if (!ofProfile) {
      ofProfile = new Map()
      sums.set(label, ofProfile)
    }
    for (const counter in counters) {
      const amount = counters[counter] as number
      if (!(Number.isFinite(amount) && amount > 0)) continue
      const sum = ofProfile.get(counter)
      if (sum) sum.amount = Math.min(sum.amount + amount, Number.MAX_VALUE)
      else ofProfile.set(counter, { amount })
    }
  }

  function handOver(): void {
    for (const [label, ofProfile] of sums) {
      for (const [counter, { amount }] of ofProfile) {
        if (counter.endsWith('_tokens')) tokens.inc({ profile: label, kind: kind(counter.slice(0, -'_tokens'.length)) }, amount)
        else if (/^cost_[a-z]{3}$/.test(counter)) money.inc({ profile: label, currency: counter.slice(5) }, amount)
      }
    }
    sums.clear()
  }

  return {
    dialled(upstream, outcome, trace) {
      dials.inc({ upstream, outcome: outcome.type })
      if (outcome.type === 'opened') dialSeconds.observe(outcome.latencyMs / 1000, { upstream }, () => trace)
    },
    watch(upstreams) {
      watched = upstreams
    },
    counted: (usage) => ({
      ...usage,
      recordUsage(report) {
        usage.recordUsage(report)
        count(report)
      },
    }),
    expect({ profiles, upstreams, currency }) {
      const names = profiles.map(profile)
      dials.begin(combined({ upstream: upstreams, outcome: DIAL_OUTCOMES }))
      dialSeconds.begin(combined({ upstream: upstreams }))
      tokens.begin(combined({ profile: names, kind: TOKEN_KINDS.map(kind) }))
      if (currency !== undefined) money.begin(combined({ profile: names, currency: [currency.toLowerCase()] }))
    },
    handOver,
  }
}

/** Leaves out deployments that the store does not know or does not answer for in time. Never rejects. */
async function remainingOf({ upstreams, limits }: WatchedUpstreams): Promise<readonly { upstream: string; name: string; value: number }[]> {
  // Upstreams that share a deployment are shown once, under the first one's configured name: a metric never names a deployment.
  const byDeployment = new Map([...upstreams()].reverse().map(({ name, deployment }) => [deployment, name]))
  const found = await Promise.all(
    [...byDeployment].map(async ([deployment, upstream]) => {
      const known = await within(LOOK_UP_MS, limits.limitsOf(deployment), () => []).catch(() => [])
      return known.flatMap(({ name, remaining: value }) => (value === undefined ? [] : [{ upstream, name, value }]))
    }),
  )
  return found.flat()
}
