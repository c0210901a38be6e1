// Gives the part that verifies tokens its `fetch`, which reaches a key set through the company's proxy if there is one.
import type { AuthenticatorDeps } from '../auth/authenticator.js'
import type { Config } from '../config/config.js'
import { proxyFor } from '../config/proxy.js'

type Fetch = NonNullable<AuthenticatorDeps['fetch']>

const CONNECT_TIMEOUT_MS = 5000

/** Empty if the key set is reached directly, or there is none. */
export function keyFetch({ auth, proxies }: Pick<Config, 'auth' | 'proxies'>): { readonly fetch?: Fetch } {
  const proxy = auth.key.kind === 'jwks' ? proxyFor(auth.key.url, proxies) : undefined
  if (!proxy) return {}
  // Loaded at the first fetch, since a relay without a proxy needs none of it here.
  const loaded = Promise.all([import('undici'), import('../tools/dispatcher.js')])
  const way = loaded.then(([undici, { openDispatcher }]) => ({
    fetch: undici.fetch,
    dispatcher: openDispatcher({ connections: 2, connect: { timeout: CONNECT_TIMEOUT_MS } }, proxy, 'https:'),
  }))
  return {
    fetch: async (url, init) => {
      const { fetch, dispatcher } = await way
      return (await fetch(url, { ...init, dispatcher })) as unknown as Response
    },
  }
}
