// Leads requests for Entra ID tokens the way that everything else goes: the library's own reading of NO_PROXY knows no ranges, ports or subdomains.
import { Agent } from 'node:http'
import { Agent as TlsAgent } from 'node:https'
import { HttpsProxyAgent } from 'https-proxy-agent'
import type { ProxyConfig } from '../config/config.js'

/** The part of `@azure/core-rest-pipeline`'s policies that is used. */
interface RoutePolicy {
  readonly name: string
  sendRequest<Request extends { readonly url: string; agent?: unknown; readonly tlsSettings?: unknown }, Response>(
    request: Request,
    next: (request: Request) => Promise<Response>,
  ): Promise<Response>
}

/** A policy that gives each request its agent, which keeps the library from choosing a proxy itself. */
export function entraRoute(proxyFor: (url: URL) => ProxyConfig | undefined): RoutePolicy {
  const direct = { http: new Agent({ keepAlive: true }), https: new TlsAgent({ keepAlive: true }) }
  const proxied = new Map<ProxyConfig, HttpsProxyAgent<string>>()
  const agentOf = (url: URL): Agent => {
    const proxy = proxyFor(url)
    if (!proxy) return url.protocol === 'https:' ? direct.https : direct.http
    const agent = proxied.get(proxy) ?? new HttpsProxyAgent(proxy.url.reveal(), { keepAlive: true })
    proxied.set(proxy, agent)
    return agent
  }
  return {
    name: 'relayRoute',
    sendRequest(request, next) {
      // These are of a local service with a certificate of its own.
      if (request.tlsSettings === undefined) request.agent ??= agentOf(new URL(request.url))
      return next(request)
    },
  }
}
