// Several upstreams as one: dialled by priority, the next one when a dial is refused, and every 429 recorded for its deployment.
import type { UpstreamConfig } from '../config-shape.js'
import { RefusalError } from '../core/protocol/errors.js'
import type { Health, LimitStore, UpstreamConnection, UpstreamProvider } from '../ports.js'

export interface NamedUpstream {
  readonly config: UpstreamConfig
  readonly provider: UpstreamProvider
}

export interface SeveralDeps {
  readonly store: Pick<LimitStore, 'recordLimits'>
  /** Epoch milliseconds. */
  readonly now: () => number
  /** At least 0 and below 1. */
  readonly random: () => number
}

/** Lower `priority` goes first; among equals a draw by `weight`. A deployment that asked for a pause is left alone until it is over. */
export function severalUpstreams(upstreams: readonly NamedUpstream[], deps: SeveralDeps): UpstreamProvider {
  const pausedUntil = new Map<string, number>()

  async function dialOne({ config, provider }: NamedUpstream, request: { correlationId: string; signal: AbortSignal }): Promise<UpstreamConnection> {
    try {
      const connection = await provider.dial(request)
      return { ...connection, privateWords: [...(connection.privateWords ?? []), config.endpoint.hostname] }
    } catch (error) {
      if (error instanceof RefusalError && error.code === 'rate_limited') {
        const seconds = error.retryAfterSeconds ?? DEFAULT_PAUSE_SECONDS
        pausedUntil.set(config.name, deps.now() + seconds * 1000)
        deps.store.recordLimits({ deployment: config.deployment, source: 'http_429', at: deps.now(), limits: [{ name: 'requests', remaining: 0, resetSeconds: seconds }] })
      }
      throw error
    }
  }

  return {
    async dial(request) {
      const paused = (one: NamedUpstream) => (pausedUntil.get(one.config.name) ?? 0) - deps.now()
      const free = upstreams.filter((one) => paused(one) <= 0)
      if (free.length === 0) throw new RefusalError('rate_limited', 'all_paused', Math.max(1, Math.ceil(Math.min(...upstreams.map(paused)) / 1000)))
      let last: unknown
      for (const one of inDialOrder(free, deps.random)) {
        try {
          return await dialOne(one, request)
        } catch (error) {
          last = error
          if (request.signal.aborted) break
        }
      }
      throw last
    },
    async health() {
      const all = await Promise.all(upstreams.map(({ provider }) => provider.health()))
      return worstOfUsable(all)
    },
    async close() {
      await Promise.all(upstreams.map(({ provider }) => provider.close()))
    },
  }
}

const DEFAULT_PAUSE_SECONDS = 2

function inDialOrder(upstreams: readonly NamedUpstream[], random: () => number): readonly NamedUpstream[] {
  return upstreams
    .map((one) => ({ one, draw: random() ** (1 / Math.max(one.config.weight, Number.MIN_VALUE)) }))
    .sort((a, b) => a.one.config.priority - b.one.config.priority || b.draw - a.draw)
    .map(({ one }) => one)
}

/** Down only when every upstream is; degraded when any is not well. */
function worstOfUsable(all: readonly Health[]): Health {
  const unwell = all.find((one) => one.status !== 'ok')
  if (!unwell) return { status: 'ok', detail: 'reachable' }
  if (all.every((one) => one.status === 'down')) return unwell
  return { status: 'degraded', detail: unwell.detail }
}
