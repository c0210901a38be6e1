// The command `check`: reaches everything that the relay depends on, prints a table, and says whether it would work.
import { setTimeout as delay } from 'node:timers/promises'
import type { Config, ToolConfig } from '../config/config.js'
import { configWarnings, describeConfig } from '../config/describe.js'
import { readTextFile } from '../config/environment.js'
import { loadConfig, processEnvironment } from '../config/load.js'
import { proxyFor } from '../config/proxy.js'
import { RefusalError } from '../core/protocol/errors.js'
import type { Store } from '../ports/store.js'
import { createStore } from '../server/store.js'
import { toolRegistryOptions } from '../server/tools.js'
import { createUpstreams } from '../server/upstreams.js'
import { redisNodes } from '../store/redis/nodes.js'
import { checkTools } from '../tools/check.js'
import { createToolRegistry } from '../tools/registry.js'
import type { NamedUpstream } from '../upstream/fail-over.js'
import { checkGuards } from './check-guards.js'
import { checkKeys, type Line, way } from './check-keys.js'
import { tryConnect } from './reach.js'
import { type FailedDial, findingOf } from './upstream-advice.js'

const DIAL_MS = 15_000
const STORE_MS = 3000
/** A token comes first, and the chain of credentials may try several ways. */
const ENTRA_STORE_MS = 15_000

/** Prints one line per part, and an advice under each that does not work. False if any part is down. Rejects with a `ConfigError`. */
export async function check(print: (line: string) => void): Promise<boolean> {
  const config = loadConfig(checkTools)
  let allWell = true
  const report = (part: string, { status, detail, advice }: Line): void => {
    if (status === 'down') allWell = false
    print(`${part.padEnd(28)} ${status.padEnd(9)} ${detail}`)
    if (advice !== undefined) print(`${''.padEnd(28)} ${'→'.padStart(9)} ${advice}`)
  }
  for (const [name, value] of describeConfig(config)) print(`${name.padEnd(28)} ${value}`)
  for (const warning of configWarnings(config)) print(`warning: ${warning}`)
  print('')
  report('configuration', {
    status: 'ok',
    detail: `${config.upstreams.length} upstream(s), ${Object.keys(config.profiles).length} profile(s), ${config.tools.length} tool source(s)`,
  })
  const authorities = ownAuthorities()
  if (authorities) report('own authorities', authorities)
  for (const [part, line] of await checkKeys(config)) report(part, line)
  const silent = { debug() {}, info() {}, warn() {}, error() {} }
  const listed = ['UPSTREAMS', 'UPSTREAMS_FILE'].some((name) => processEnvironment()[name]?.trim())
  const failed = new Map<string, Partial<FailedDial>>()
  const noted = { ...silent, warn: (fields: Readonly<Record<string, unknown>>) => void note(failed, fields) }
  for (const upstream of createUpstreams(config, noted)) report(`upstream ${upstream.config.name}`, await checkUpstream(upstream, config, failed, listed))
  const store = await createStore(config, silent)
  report(config.redis ? 'Redis' : 'store in process', await checkStore(store, config))
  await store.close(1000)
  for (const [part, line] of await checkToolSources(config)) report(part, line)
  for (const [part, line] of await checkGuards(config)) report(part, line)
  print(allWell ? 'All parts work.' : 'Some parts do not work.')
  return allWell
}

/** Node says nothing on its own if it cannot use the file. */
function ownAuthorities(): Line | undefined {
  const file = processEnvironment().NODE_EXTRA_CA_CERTS
  if (!file) return undefined
  const content = readTextFile(file)
  if ('problem' in content)
    return { status: 'down', detail: `NODE_EXTRA_CA_CERTS ${content.problem}`, advice: 'Node ignores it then. Give the path of a PEM file that this user may read.' }
  const count = content.value.split('-----BEGIN CERTIFICATE-----').length - 1
  if (count === 0) return { status: 'down', detail: 'NODE_EXTRA_CA_CERTS names a file without a certificate', advice: 'It must be PEM: -----BEGIN CERTIFICATE-----.' }
  return { status: 'ok', detail: `${count} certificate(s) from NODE_EXTRA_CA_CERTS` }
}

/** The provider logs what a client must not hear. */
function note(failed: Map<string, Partial<FailedDial>>, fields: Readonly<Record<string, unknown>>): void {
  const { upstream, why, status, retryAfterSeconds, cause, oauthError } = fields
  if (typeof cause === 'string') failed.set('', { entra: [cause, oauthError].filter((word) => typeof word === 'string').join(', ') })
  if (typeof upstream !== 'string') return
  failed.set(upstream, {
    why: String(why),
    ...(typeof status === 'number' && { status }),
    ...(typeof retryAfterSeconds === 'number' && { retryAfterSeconds }),
  })
}

async function checkUpstream({ config: upstream, provider }: NamedUpstream, config: Config, failed: ReadonlyMap<string, Partial<FailedDial>>, listed: boolean): Promise<Line> {
  const proxy = proxyFor(upstream.endpoint, config.proxies)
  const since = performance.now()
  try {
    const { link } = await provider.dial({ correlationId: 'check', signal: AbortSignal.timeout(DIAL_MS) })
    link.close(1000, '')
    return { status: 'ok', detail: `${upstream.endpoint.host} reached ${way(proxy)} in ${Math.round(performance.now() - since)} ms` }
  } catch (error) {
    const why = error instanceof RefusalError ? error.why : 'failed'
    const dial = { why, status: undefined, retryAfterSeconds: undefined, entra: failed.get('')?.entra, ...failed.get(upstream.name) }
    const { setting, happened, advice } = findingOf(upstream, dial, { listed, proxy })
    return { status: 'down', detail: `${setting}: ${happened}, ${way(proxy)}`, advice }
  } finally {
    await provider.close()
  }
}

/** Waits a while, since a store connects in the background. Sessions can do without it, a check cannot. */
async function checkStore(store: Store, { redis }: Config): Promise<Line> {
  const since = performance.now()
  for (;;) {
    const health = await store.health()
    if (!redis) return health
    const patienceMs = redis.entra && health.detail !== 'redis refuses the credentials' ? ENTRA_STORE_MS : STORE_MS
    if (health.status !== 'ok' && performance.now() < since + patienceMs) {
      await delay(50)
      continue
    }
    const nodes = redisNodes(redis)
    if (health.status === 'ok') return { status: 'ok', detail: `REDIS_URL: ${nodes.map(({ host, port }) => `${host}:${port}`).join(', ')} reached` }
    const found = await Promise.all(nodes.map(async ({ host, port }) => `${host}:${port} ${await tryConnect(host, port)}`))
    const accepts = found.some((one) => one.endsWith('accepts connections'))
    const credentials = redis.entra
      ? 'Check that the identity may use this Redis, and that the user in REDIS_URL is its object id.'
      : 'Check user and password, and redis:// against rediss:// (TLS).'
    const advice = accepts ? credentials : 'Check host and port; Redis is reached directly, never through a proxy.'
    return { status: 'down', detail: `REDIS_URL: ${found.join('; ')}; ${health.detail}`, advice }
  }
}

async function checkToolSources(config: Config): Promise<readonly (readonly [string, Line])[]> {
  const registry = await createToolRegistry(config.tools, toolRegistryOptions(config))
  const listing = await registry.listing()
  const lines: (readonly [string, Line])[] = (await registry.healthBySource()).map(({ name, health }) => {
    const server = config.tools.find((tool) => tool.kind === 'mcp' && name === `mcp:${tool.label}`)
    const url = server && urlOf(server)
    return [`tools ${name}`, { ...health, detail: `${health.detail}${url ? `, ${url.host} ${way(proxyFor(url, config.proxies))}` : ''}` }]
  })
  await registry.close()
  for (const tool of config.tools) {
    const url = urlOf(tool)
    if (tool.kind !== 'http' || !url) continue
    const { name } = tool.definition
    const health = listing.find(({ spec }) => spec.definition.name === name)?.health ?? { status: 'degraded', detail: 'unknown' }
    const proxy = proxyFor(url, config.proxies)
    const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
    const found = health.status === 'ok' || proxy ? health.detail : await tryConnect(url.hostname.replace(/^\[|\]$/g, ''), port)
    const words = found === 'accepts connections' && tool.run.denyPrivateAddresses ? 'is at a private address, which denyPrivateAddresses refuses' : found
    lines.push([`tool ${name}`, { ...health, detail: `TOOLS: ${url.host} ${words}, ${way(proxy)}` }])
  }
  return lines
}

function urlOf(tool: ToolConfig): URL | undefined {
  if (tool.kind === 'http') return new URL(tool.run.url.replace(/[{}]/g, ''))
  return tool.kind === 'mcp' && 'url' in tool.transport ? tool.transport.url : undefined
}
