// The command `check`: reaches everything that the relay depends on, prints a table, and says whether it would work.
import { setTimeout as delay } from 'node:timers/promises'
import { createAuthenticator } from '../auth/authenticator.js'
import { configWarnings, describeConfig } from '../config/describe.js'
import { loadConfig } from '../config/load.js'
import { RefusalError } from '../core/protocol/errors.js'
import type { Health } from '../ports/health.js'
import type { Store } from '../ports/store.js'
import { createStore } from '../server/store.js'
import { toolRegistryOptions } from '../server/tools.js'
import { createUpstreams } from '../server/upstreams.js'
import { checkTools } from '../tools/check.js'
import { createToolRegistry } from '../tools/registry.js'

const DIAL_MS = 15_000
const STORE_MS = 3000

/** Prints one line per part. False if any part is down. Rejects with a `ConfigError`. */
export async function check(print: (line: string) => void): Promise<boolean> {
  const config = loadConfig(checkTools)
  const silent = { debug() {}, info() {}, warn() {}, error() {} }
  let allWell = true
  const report = (part: string, { status, detail }: Health): void => {
    if (status === 'down') allWell = false
    print(`${part.padEnd(28)} ${status.padEnd(9)} ${detail}`)
  }
  for (const [name, value] of describeConfig(config)) print(`${name.padEnd(28)} ${value}`)
  for (const warning of configWarnings(config)) print(`warning: ${warning}`)
  print('')
  report('configuration', {
    status: 'ok',
    detail: `${config.upstreams.length} upstream(s), ${Object.keys(config.profiles).length} profile(s), ${config.tools.length} tool source(s)`,
  })
  const authenticator = createAuthenticator(config.auth)
  report('token keys', await authenticator.health())
  for (const { config: upstream, provider } of createUpstreams(config, silent)) {
    report(`upstream ${upstream.name}`, await dialOnce(provider.dial({ correlationId: 'check', signal: AbortSignal.timeout(DIAL_MS) })))
    await provider.close()
  }
  const store = await createStore(config, silent)
  report(config.redis ? 'Redis' : 'store in process', await settledHealth(store))
  await store.close(1000)
  const registry = await createToolRegistry(config.tools, toolRegistryOptions(config))
  for (const { name, health } of await registry.healthBySource()) report(`tools ${name}`, health)
  await registry.close()
  print(allWell ? 'All parts work.' : 'Some parts do not work.')
  return allWell
}

/** Waits a while, since a store connects in the background. Sessions can do without it, a check cannot. */
async function settledHealth(store: Store): Promise<Health> {
  const end = performance.now() + STORE_MS
  for (;;) {
    const health = await store.health()
    if (health.status === 'ok') return health
    if (performance.now() >= end) return { ...health, status: 'down' }
    await delay(50)
  }
}

async function dialOnce(dial: Promise<{ link: { close(code: number, reason: string): void } }>): Promise<Health> {
  try {
    const { link } = await dial
    link.close(1000, '')
    return { status: 'ok', detail: 'reached' }
  } catch (error) {
    return { status: 'down', detail: error instanceof RefusalError ? `${error.code}: ${error.why}` : 'failed' }
  }
}
