// Leads one dial of an upstream through a company's proxy: CONNECT first, then TLS with the upstream itself.
import { HttpsProxyAgent } from 'https-proxy-agent'
import type { ProxyConfig } from '../config/config.js'
import type { Tunnel } from '../wire/dial-accept.js'

/** `abort` ends the connection to the proxy, also while that is silent. It must not be aborted once the dial has succeeded. */
export function openTunnel(proxy: ProxyConfig, abort: AbortSignal): Tunnel {
  let status: number | undefined
  const options = { signal: abort } as Record<string, unknown>
  const agent = new HttpsProxyAgent(proxy.url.reveal(), options)
  // Otherwise the library looks for Node's https in a stack trace, which may be cut.
  agent.isSecureEndpoint = () => true
  agent.once('proxyConnect', ({ statusCode }: { readonly statusCode: number }) => {
    status = statusCode
  })
  return { agent, proxyStatus: () => status }
}
