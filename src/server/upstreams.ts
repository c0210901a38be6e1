// Builds the configured upstreams, for the server and for the commands that try them.
import type { Config } from '../config/config.js'
import { proxyFor } from '../config/proxy.js'
import type { TokenCredential, UpstreamLog } from '../upstream/azure-credential.js'
import type { NamedUpstream } from '../upstream/fail-over.js'
import { createUpstream } from '../upstream/provider.js'

/** Longest message of an upstream. Audio deltas and sessions with many tools are far smaller. */
const MAX_UPSTREAM_MESSAGE_BYTES = 32 * 1024 * 1024

export function createUpstreams(config: Config, log: UpstreamLog, credential?: TokenCredential): readonly NamedUpstream[] {
  const options = {
    connectTimeoutMs: config.limits.upstreamConnectTimeoutMs,
    pingIntervalMs: config.limits.pingIntervalMs,
    maxPayloadBytes: MAX_UPSTREAM_MESSAGE_BYTES,
    log,
    ...(config.proxies.https || config.proxies.http ? { proxyFor: (url: URL) => proxyFor(url, config.proxies) } : {}),
    ...(credential ? { credential } : {}),
  }
  return config.upstreams.map((upstream) => {
    const provider = createUpstream(upstream, options)
    return { config: upstream, provider, calls: provider.calls }
  })
}
