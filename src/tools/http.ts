// Runs tools that are HTTP endpoints: a fixed template each, bounded connections, and a probe that says whether hosts can be reached.
import { connect, type LookupFunction } from 'node:net'
import { Agent } from 'undici'
import type { ToolConfig } from '../config/config.js'
import type { ExactObject } from '../json/exact-json.js'
import type { Health } from '../ports/health.js'
import type { ToolContext, ToolSource, ToolSpec } from '../ports/tools.js'
import { createPublicLookup, createSharedLookup } from './host-lookup.js'
import { fetchText } from './http-fetch.js'
import { compileTemplate, type FillTemplate, withPathArguments } from './http-template.js'
import { type SourceOptions, sourceBytes } from './source-options.js'
import { ToolFailure } from './tool-failure.js'

export type HttpToolConfig = Extract<ToolConfig, { kind: 'http' }>

/** Most connections to one host. */
const MAX_CONNECTIONS = 32
/** Most calls of one tool, at work or waiting for a connection. */
const MAX_CALLS_PER_TOOL = 128
const CONNECT_TIMEOUT_MS = 5000
const PROBE_TIMEOUT_MS = 2000
const PROBE_MAX_AGE_MS = 15_000

interface HttpTool {
  readonly config: HttpToolConfig
  readonly fill: FillTemplate
  calls: number
}

interface Target {
  readonly origin: string
  readonly lookup: LookupFunction
  readonly reached: boolean
}

/** Takes tools that `checkTools` accepted. */
export function createHttpSource(configs: readonly HttpToolConfig[], options: SourceOptions): ToolSource {
  const lookup = createSharedLookup()
  const publicLookup = createPublicLookup(lookup)
  const agents = { any: agentWith(lookup), publicOnly: agentWith(publicLookup) }
  const tools = new Map(
    configs.map(({ definition, ...config }): [string, HttpTool] => {
      const parameters = withPathArguments(config.run, definition.parameters)
      return [definition.name, { config: { ...config, definition: { ...definition, ...(parameters && { parameters }) } }, fill: compileTemplate(config.run), calls: 0 }]
    }),
  )
  const targets = new Map([...tools.values()].map(({ config: { run } }) => [targetOf(run), { origin: originOf(run), lookup: run.denyPrivateAddresses ? publicLookup : lookup }]))
  const probe = cached(() => probeAll(targets), PROBE_MAX_AGE_MS)

  const call = async (name: string, args: unknown, context: ToolContext): Promise<string> => {
    const tool = tools.get(name)
    if (!tool) throw new ToolFailure('failed')
    if (tool.calls >= MAX_CALLS_PER_TOOL) throw new ToolFailure('busy')
    tool.calls++
    try {
      const { run } = tool.config
      const request = tool.fill(args as ExactObject, context.identity.claims)
      const { identity } = context
      const { method } = run
      // A back end that must hear who is calling is never called without that.
      if (run.identity && !options.signIdentity) throw new ToolFailure('failed')
      const signed = run.identity && options.signIdentity ? await options.signIdentity({ how: run.identity, identity, tool: name, method, ...request }) : {}
      const dispatcher = run.denyPrivateAddresses ? agents.publicOnly : agents.any
      return await fetchText(
        method,
        { ...request, headers: { ...request.headers, ...traceHeader(context.trace, request.headers), ...signed } },
        { dispatcher, signal: context.signal, maxBytes: sourceBytes(options.maxBytes), retryOnce: run.idempotent },
      )
    } finally {
      tool.calls--
    }
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
      await Promise.all([agents.any.destroy(), agents.publicOnly.destroy()])
    },
  }
}

/** A `traceparent` of the admin's own stays the only one. */
function traceHeader(trace: string | undefined, configured: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return trace === undefined || Object.keys(configured).some((name) => name.toLowerCase() === 'traceparent') ? {} : { traceparent: trace }
}

function agentWith(lookup: LookupFunction): Agent {
  return new Agent({ connections: MAX_CONNECTIONS, pipelining: 1, keepAliveTimeout: 10_000, connect: { timeout: CONNECT_TIMEOUT_MS, lookup } })
}

function originOf(run: HttpToolConfig['run']): string {
  return new URL(run.url.replace(/[{}]/g, '')).origin
}

/** Tools with the same target share a probe. A tool that must not use private addresses may not reach a host that another tool reaches. */
function targetOf(run: HttpToolConfig['run']): string {
  return `${run.denyPrivateAddresses ? 'public' : 'any'} ${originOf(run)}`
}

async function probeAll(targets: ReadonlyMap<string, Omit<Target, 'reached'>>): Promise<ReadonlyMap<string, Target>> {
  return new Map(await Promise.all([...targets].map(async ([key, target]) => [key, { ...target, reached: await canConnect(target.origin, target.lookup) }] as const)))
}

/** Counts hosts, not tools. A host is missing if any of its tools cannot reach it. */
function summary(targets: ReadonlyMap<string, Target>): Health {
  const all = [...targets.values()]
  const hosts = new Set(all.map(({ origin }) => origin)).size
  const missing = new Set(all.filter(({ reached }) => !reached).map(({ origin }) => origin)).size
  return missing === 0 ? { status: 'ok', detail: 'reachable' } : { status: 'degraded', detail: `${missing} of ${hosts} hosts unreachable` }
}

function canConnect(origin: string, lookup: LookupFunction): Promise<boolean> {
  const { hostname, port, protocol } = new URL(origin)
  return new Promise((resolve) => {
    const socket = connect({ lookup, host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (protocol === 'https:' ? 443 : 80) })
    const finish = (ok: boolean) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(ok)
    }
    const timer = setTimeout(() => finish(false), PROBE_TIMEOUT_MS)
    socket.once('connect', () => finish(true)).once('error', () => finish(false))
  })
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
