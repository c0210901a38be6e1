// Runs tools that are HTTP endpoints: a fixed template each, bounded connections, and a probe that says whether hosts can be reached.
import type { LookupFunction } from 'node:net'
import type { Dispatcher } from 'undici'
import type { ProxyConfig, ToolConfig } from '../config/config.js'
import type { ExactObject } from '../json/exact-json.js'
import type { Health } from '../ports/health.js'
import type { ToolContext, ToolSource, ToolSpec } from '../ports/tools.js'
import { openDispatcher } from './dispatcher.js'
import { createPublicLookup, createSharedLookup } from './host-lookup.js'
import { fetchText } from './http-fetch.js'
import { canReach } from './http-probe.js'
import { compileTemplate, type FillTemplate, withPathArguments } from './http-template.js'
import { type SourceOptions, sourceBytes } from './source-options.js'
import { ToolFailure } from './tool-failure.js'

export type HttpToolConfig = Extract<ToolConfig, { kind: 'http' }>

/** Most connections to one host. */
const MAX_CONNECTIONS = 32
/** Most calls of one tool, at work or waiting for a connection. */
const MAX_CALLS_PER_TOOL = 128
const CONNECT_TIMEOUT_MS = 5000
const PROBE_MAX_AGE_MS = 15_000

interface HttpTool {
  readonly config: HttpToolConfig
  readonly fill: FillTemplate
  calls: number
}

interface Target {
  readonly origin: string
  readonly lookup: LookupFunction
  readonly proxy: ProxyConfig | undefined
  readonly reached: boolean
}

/** Takes tools that `checkTools` accepted. */
export function createHttpSource(configs: readonly HttpToolConfig[], options: SourceOptions): ToolSource {
  const lookup = createSharedLookup()
  const publicLookup = createPublicLookup(lookup)
  const agents = { any: agentWith(lookup), publicOnly: agentWith(publicLookup) }
  const proxied = new Map<string, Dispatcher>()
  const tools = new Map(
    configs.map(({ definition, ...config }): [string, HttpTool] => {
      const parameters = withPathArguments(config.run, definition.parameters)
      return [definition.name, { config: { ...config, definition: { ...definition, ...(parameters && { parameters }) } }, fill: compileTemplate(config.run), calls: 0 }]
    }),
  )
  const targets = new Map([...tools.values()].map(({ config: { run } }) => [targetOf(run), { ...routeOf(run), lookup: run.denyPrivateAddresses ? publicLookup : lookup }]))
  const probe = cached(() => probeAll(targets), PROBE_MAX_AGE_MS)

  const call = async (name: string, args: unknown, context: ToolContext): Promise<string> => {
    const tool = tools.get(name)
    if (!tool) throw new ToolFailure('failed')
    if (tool.calls >= MAX_CALLS_PER_TOOL) throw new ToolFailure('busy')
    tool.calls++
    try {
      const { run } = tool.config
      const request = tool.fill(args as ExactObject, context.identity.claims, context.keys)
      const { identity } = context
      const { method } = run
      // A back end that must hear who is calling is never called without that.
      if (run.identity && !options.signIdentity) throw new ToolFailure('failed')
      const signed = run.identity && options.signIdentity ? await options.signIdentity({ how: run.identity, identity, tool: name, method, ...request }) : {}
      const dispatcher = dispatcherOf(run)
      return await fetchText(
        method,
        { ...request, headers: { ...request.headers, ...traceHeader(context.trace, request.headers), ...signed } },
        { dispatcher, signal: context.signal, maxBytes: sourceBytes(options.maxBytes), retryOnce: run.idempotent },
      )
    } finally {
      tool.calls--
    }
  }

  function routeOf(run: HttpToolConfig['run']): { readonly origin: string; readonly proxy: ProxyConfig | undefined } {
    const origin = originOf(run)
    return { origin, proxy: options.proxyFor?.(new URL(origin)) }
  }

  /** A proxy resolves names itself, so that `loadConfig` accepts none for a tool that must not use private addresses. */
  function dispatcherOf(run: HttpToolConfig['run']): Dispatcher {
    const { origin, proxy } = routeOf(run)
    if (proxy && run.denyPrivateAddresses) throw new ToolFailure('failed')
    if (!proxy) return run.denyPrivateAddresses ? agents.publicOnly : agents.any
    const { protocol } = new URL(origin)
    const through = proxied.get(protocol) ?? openDispatcher(LIMITS, proxy, protocol)
    proxied.set(protocol, through)
    return through
  }

  return {
    name: 'http',
    list: async () =>
      [...tools.values()].map(
        ({ config }): ToolSpec => ({ definition: config.definition, owner: 'server', ...(config.run.timeoutMs === undefined ? {} : { timeoutMs: config.run.timeoutMs }) }),
      ),
    call,
    health: async () => summary(await probe()),
    healthOf: async (name) => {
      const tool = tools.get(name)
      return tool && (await probe()).get(targetOf(tool.config.run))?.reached ? { status: 'ok', detail: 'reachable' } : { status: 'degraded', detail: 'unreachable' }
    },
    close: async () => {
      await Promise.all([agents.any, agents.publicOnly, ...proxied.values()].map((agent) => agent.destroy()))
    },
  }
}

/** A `traceparent` of the admin's own stays the only one. */
function traceHeader(trace: string | undefined, configured: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return trace === undefined || Object.keys(configured).some((name) => name.toLowerCase() === 'traceparent') ? {} : { traceparent: trace }
}

const LIMITS = { connections: MAX_CONNECTIONS, pipelining: 1, keepAliveTimeout: 10_000 }

function agentWith(lookup: LookupFunction): Dispatcher {
  return openDispatcher({ ...LIMITS, connect: { timeout: CONNECT_TIMEOUT_MS, lookup } }, undefined, '')
}

function originOf(run: HttpToolConfig['run']): string {
  return new URL(run.url.replace(/[{}]/g, '')).origin
}

/** Tools with the same target share a probe. A tool that must not use private addresses may not reach a host that another tool reaches. */
function targetOf(run: HttpToolConfig['run']): string {
  return `${run.denyPrivateAddresses ? 'public' : 'any'} ${originOf(run)}`
}

async function probeAll(targets: ReadonlyMap<string, Omit<Target, 'reached'>>): Promise<ReadonlyMap<string, Target>> {
  return new Map(await Promise.all([...targets].map(async ([key, target]) => [key, { ...target, reached: await canReach(target.origin, target) }] as const)))
}

/** Counts hosts, not tools. A host is missing if any of its tools cannot reach it. */
function summary(targets: ReadonlyMap<string, Target>): Health {
  const all = [...targets.values()]
  const hosts = new Set(all.map(({ origin }) => origin)).size
  const missing = new Set(all.filter(({ reached }) => !reached).map(({ origin }) => origin)).size
  return missing === 0 ? { status: 'ok', detail: 'reachable' } : { status: 'degraded', detail: `${missing} of ${hosts} hosts unreachable` }
}

/** Asks again only after `maxAgeMs`, and once at a time: however often health is asked, hosts see one connection per interval. */
function cached<T>(ask: () => Promise<T>, maxAgeMs: number): () => Promise<T> {
  let answer: Promise<T> | undefined
  let askedAt = 0
  return () => {
    const now = performance.now()
    if (!answer || now - askedAt > maxAgeMs) {
      answer = ask()
      askedAt = now
    }
    return answer
  }
}
