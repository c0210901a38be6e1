// Makes this process's part of what operators watch, and gathers the parts of the others: through Redis, and without it from the workers of this relay.
import { randomBytes } from 'node:crypto'
import type { Config } from '../config/config.js'
import { VERSION } from '../config/version.js'
import type { DialOutcome } from '../core/upstreams/choice.js'
import type { Readiness } from '../ops/health.js'
import { type CountedLive, createLiveCounts } from '../ops/live-counts.js'
import type { Metrics } from '../ops/metrics.js'
import { joinRecorders } from '../ops/session-log.js'
import type { LivePart, LiveSource } from '../ports/live.js'
import type { Peers } from '../ports/peers.js'
import type { Store } from '../ports/store.js'
import type { Relay } from '../relay/relay.js'
import type { FailOver } from '../upstream/fail-over.js'

export interface LiveOptions {
  readonly config: Pick<Config, 'limits' | 'prices'>
  readonly relay: Pick<Relay, 'seen'>
  readonly upstreams: FailOver['views']
  readonly counted: CountedLive
  readonly readiness: () => Promise<Readiness>
  readonly store: Pick<Store, 'live' | 'directory'>
  readonly peers: Peers | undefined
  /** Epoch milliseconds. */
  readonly now: () => number
}

/** The question that workers answer each other. */
const QUESTION = 'live'
type Answer = readonly [instance: string, part: LivePart]

/** Everything that metrics hear of, operators hear of as well. */
export function countForOperators({ recorder, recorderOf, upstreams }: Pick<Metrics, 'recorder' | 'recorderOf' | 'upstreams'>): Pick<Metrics, 'recorder' | 'recorderOf'> & {
  readonly counted: CountedLive
  dialled(upstream: string, outcome: DialOutcome, trace: string | undefined): void
} {
  const counted = createLiveCounts(Date.now)
  const joined = joinRecorders(recorder, counted.recorder)
  return {
    counted,
    recorder: joined,
    recorderOf(traceparent) {
      const own = recorderOf(traceparent)
      // Sessions without examples share one.
      return own === recorder ? joined : joinRecorders(own, counted.recorder)
    },
    dialled(upstream, outcome, trace) {
      upstreams.dialled(upstream, outcome, trace)
      counted.dialled(upstream, outcome.type)
    },
  }
}

export function shareLive({ config, relay, upstreams, counted, readiness, store, peers, now }: LiveOptions): LiveSource {
  const instance = store.directory.instance ?? 'this one'
  const ownKey = randomBytes(32).toString('base64url')

  async function ownPart(most: number): Promise<LivePart> {
    const { status, checks } = await readiness()
    const unwell = Object.entries(checks).flatMap(([name, check]) => (check.status === 'ok' ? [] : [{ name, ...check }]))
    return {
      v: 1,
      version: VERSION,
      at: now(),
      status,
      checks: unwell,
      mostSessions: config.limits.maxSessions,
      ...relay.seen(most),
      ...(config.prices && { currency: config.prices.currency }),
      counts: counted.counts(),
      upstreams: upstreams().map(({ name, deployment, breaker, freeFrom, latencyMs }) => ({
        name,
        deployment,
        breaker,
        freeFrom,
        ...(latencyMs !== undefined && { latencyMs }),
        dials: counted.dialsOf(name),
      })),
    }
  }

  /** What can be known without the store. */
  async function alone(most: number): Promise<ReadonlyMap<string, LivePart>> {
    const answers = peers ? ((await peers.ask(QUESTION, most)) as readonly Answer[]) : []
    return new Map(answers.length > 0 ? answers : [[instance, await ownPart(most)]])
  }

  store.live?.share(ownPart)
  peers?.answer(QUESTION, async (most): Promise<Answer> => [instance, await ownPart(Number(most))])
  return {
    watch: async (most) => store.live?.watch(most),
    pseudonymKey: async () => store.live?.pseudonymKey() ?? ownKey,
    async parts(most) {
      if (!store.live) return { parts: await alone(most), shared: true }
      const found = await store.live.parts().catch(() => undefined)
      return found ? { parts: found, shared: true } : { parts: await alone(most), shared: false }
    },
  }
}
