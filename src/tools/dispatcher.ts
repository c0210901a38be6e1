// Opens undici's way to a host: directly, or through a proxy with the same limits.
import { Agent, type Dispatcher, Pool, ProxyAgent } from 'undici'
import type { ProxyConfig } from '../config/config.js'

/** Longest wait for the proxy's answer to one CONNECT. */
const TUNNEL_TIMEOUT_MS = 5000

/** Only over TLS is a tunnel asked for: many proxies refuse one to port 80. */
export function openDispatcher(options: Agent.Options, proxy: ProxyConfig | undefined, protocol: string): Dispatcher {
  if (!proxy) return new Agent(options)
  const { connect: _direct, ...limits } = options
  return new ProxyAgent({
    ...limits,
    uri: proxy.url.reveal(),
    proxyTunnel: protocol === 'https:',
    proxyTls: { timeout: TUNNEL_TIMEOUT_MS },
    // Otherwise the library builds these without any limit.
    clientFactory: (origin, opts) => new Pool(origin, { ...opts, headersTimeout: TUNNEL_TIMEOUT_MS }),
    factory: (origin, opts) => new Pool(origin, { ...limits, ...(opts as Pool.Options) }),
  })
}
