// Builds the guards of one version of the configuration, with the ways, threads and tokens that other rooms have. Nothing is loaded if there are none.
import { createHmac } from 'node:crypto'
import { guardKey } from '../auth/sealing-key.js'
import type { Config } from '../config/config.js'
import { proxyFor } from '../config/proxy.js'
import type { GuardOptions } from '../guards/guard-options.js'
import type { GuardRegistry } from '../ports/guards.js'
import type { Health } from '../ports/health.js'
import type { TokenCredential } from '../upstream/azure-credential.js'

/** To one host; questions beyond these wait for a connection within their own time. */
const CONNECTIONS = 32
const CONNECT_MS = 5000
const MAX_MODULE_BYTES = 131_072
const DIGEST_DIGITS = 32

type Log = { info(fields: object, message: string): void; warn(fields: object, message: string): void }

const SILENT: Log = { info() {}, warn() {} }

/** Resolves to undefined if there are no guards. Rejects with a `ConfigError` for modules that cannot be used. */
export async function openGuards(config: Config, log: Log = SILENT, credential?: TokenCredential): Promise<GuardRegistry | undefined> {
  if (config.guards.length === 0) return undefined
  const { createGuardRegistry } = await import('../guards/registry.js')
  return createGuardRegistry(config.guards, await guardOptions(config, log, credential))
}

/** Guards that are away never make a relay unready: sessions go on as `whenUnsure` says. Undefined: there are none. */
export async function guardsHealth(registry: GuardRegistry): Promise<Health> {
  const bad = (await registry.healthBySource()).filter(({ health }) => health.status !== 'ok')
  return bad.length === 0 ? { status: 'ok', detail: 'all guards' } : { status: 'degraded', detail: bad.map(({ name, health }) => `${name}: ${health.detail}`).join('; ') }
}

async function guardOptions(config: Config, log: Log, credential: TokenCredential | undefined): Promise<GuardOptions> {
  const [{ openDispatcher }, { canReach }, { createSharedLookup }, { createModuleHost }, { createEntraTokens }, { pathToFileURL }] = await Promise.all([
    import('../tools/dispatcher.js'),
    import('../tools/http-probe.js'),
    import('../tools/host-lookup.js'),
    import('../tools/module-host.js'),
    import('../upstream/azure-credential.js'),
    import('node:url'),
  ])
  const lookup = createSharedLookup()
  const ways = new Map<string, ReturnType<typeof openDispatcher>>()
  const key = guardKey(config)
  const proxyOf = (url: URL) => proxyFor(url, config.proxies)
  return {
    dispatcherFor(url) {
      const way = ways.get(url.origin) ?? openDispatcher({ connections: CONNECTIONS, pipelining: 1, connect: { timeout: CONNECT_MS, lookup } }, proxyOf(url), url.protocol)
      ways.set(url.origin, way)
      return way
    },
    reaches: (url) => canReach(url.origin, { lookup, proxy: proxyOf(url) }),
    digestOf({ issuer, subject }) {
      // The configuration is checked for it.
      if (!key) throw new Error('digests of users need a secret that all relays share')
      return createHmac('sha256', key)
        .update(JSON.stringify([issuer ?? null, subject]))
        .digest('hex')
        .slice(0, DIGEST_DIGITS)
    },
    startModule: (file) => createModuleHost(pathToFileURL(file), { maxBytes: MAX_MODULE_BYTES, log, label: file }),
    tokensFor: (scope) => createEntraTokens(scope, log, credential, proxyOf),
    log,
    async close() {
      await Promise.all([...ways.values()].map((way) => way.destroy()))
    },
  }
}
