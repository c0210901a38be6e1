// Opens connections to the upstreams ahead, configured as most sessions want them, if `WARM_POOL_SIZE` asks for that.
import { openingUpdate } from '../core/policy/session-update.js'
import { withBuiltIns } from '../core/session/manners/built-in.js'
import type { Metrics } from '../ops/metrics.js'
import { commonProfile } from '../profiles/choose.js'
import type { LiveConfig } from '../profiles/live.js'
import type { NamedUpstream } from '../upstream/fail-over.js'
import { createPool, POOL_EVENTS, type PoolOptions } from '../upstream/pool.js'

/** Returns the upstreams as they are if `WARM_POOL_SIZE` is 0. */
export function createWarmUpstreams(upstreams: readonly NamedUpstream[], live: LiveConfig, log: PoolOptions['log'], metrics: Metrics): readonly NamedUpstream[] {
  const { config } = live
  if (config.warmPoolSize === 0) return upstreams
  const count = metrics.counter('relay_warm_pool_events_total', 'Dials that found a connection ready or not, and what became of connections.', 'event', POOL_EVENTS)
  const opening = () => {
    const profile = commonProfile(live.config, (names) => live.tools.toolSet(names))
    return profile && openingUpdate(withBuiltIns(profile, false), 'relay_ahead')
  }
  const options: PoolOptions = { size: config.warmPoolSize, firstEventMs: config.limits.upstreamConnectTimeoutMs, random: Math.random, log, count, opening }
  const pools = upstreams.map((upstream) => ({ ...upstream, provider: createPool(upstream.provider, options) }))
  metrics.gauge('relay_warm_pool_ready', 'Upstream connections open ahead and ready.', () => pools.reduce((sum, { provider }) => sum + provider.ready, 0))
  return pools
}
