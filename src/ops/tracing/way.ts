// The sockets to one collector: directly, or over TLS through a company's proxy, which is asked for a tunnel.
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { HttpsProxyAgent } from 'https-proxy-agent'
import type { OtlpTarget } from '../../config/config.js'

export interface Way {
  readonly agent: HttpAgent | HttpsAgent
  /** Ends every socket, also one that waits for the proxy. Those after it are new. */
  cut(): void
}

const OPTIONS = { keepAlive: true, maxSockets: 2 }

export function createWay({ url, proxy }: Pick<OtlpTarget, 'url' | 'proxy'>): Way {
  if (proxy) return throughProxy(proxy.url.reveal())
  const agent = url.protocol === 'https:' ? new HttpsAgent(OPTIONS) : new HttpAgent(OPTIONS)
  return { agent, cut: () => agent.destroy() }
}

function throughProxy(proxy: string): Way {
  let under = new AbortController()
  const agent = new HttpsProxyAgent(proxy, OPTIONS)
  // Otherwise the library looks for Node's https in a stack trace, which may be cut.
  agent.isSecureEndpoint = () => true
  // The agent knows no socket before the proxy has answered: without this a silent one would keep it for good.
  const sockets = agent.connectOpts as { signal?: AbortSignal }
  sockets.signal = under.signal
  return {
    agent,
    cut() {
      under.abort()
      under = new AbortController()
      sockets.signal = under.signal
      agent.destroy()
    },
  }
}
