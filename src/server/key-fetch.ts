// Gives the part that verifies tokens its `fetch`, which reaches a key set through the company's proxy if there is one.
import type { AuthenticatorDeps } from '../auth/authenticator.js'
import type { Config, ProxyConfig } from '../config/config.js'
import { proxyFor } from '../config/proxy.js'

type Fetch = NonNullable<AuthenticatorDeps['fetch']>

const CONNECT_TIMEOUT_MS = 5000

/** Empty if the key set is reached directly, or there is none. */
export function keyFetch({ auth, proxies }: Pick<Config, 'auth' | 'proxies'>): { readonly fetch?: Fetch } {
  const proxy = auth.key.kind === 'jwks' ? proxyFor(auth.key.url, proxies) : undefined
  return proxy ? { fetch: fetchThrough(proxy) } : {}
}

/** For several key hosts, each of which is reached through a proxy or directly. */
export function fetchOf({ proxies }: Pick<Config, 'proxies'>): Fetch {
  const through = new Map<ProxyConfig, Fetch>()
  return (url, init) => {
    const proxy = proxyFor(url, proxies)
    if (!proxy) return fetch(url, init)
    const way = through.get(proxy) ?? fetchThrough(proxy)
    through.set(proxy, way)
    return way(url, init)
  }
}

/** Loads what it needs at once, which a relay without a proxy does not need here. */
function fetchThrough(proxy: ProxyConfig): Fetch {
  const loaded = Promise.all([import('undici'), import('../tools/dispatcher.js')])
  const way = loaded.then(([undici, { openDispatcher }]) => ({
    fetch: undici.fetch,
    dispatcher: openDispatcher({ connections: 2, connect: { timeout: CONNECT_TIMEOUT_MS } }, proxy, 'https:'),
  }))
  return async (url, init) => {
    const { fetch, dispatcher } = await way
    return (await fetch(url, { ...init, dispatcher })) as unknown as Response
  }
}
