// Opens the way to an MCP server: Streamable HTTP with bounded answers, or a child process with a clean environment.
import { DEFAULT_INHERITED_ENV_VARS, getDefaultEnvironment, StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { FetchLike, Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { fetch, Headers, type HeadersInit } from 'undici'
import type { ProxyConfig, ToolConfig } from '../config/config.js'
import type { Secret } from '../config/secret.js'
import { within } from '../time/within.js'
import { openDispatcher } from './dispatcher.js'
import { unmarkNumbers } from './mcp-numbers.js'
import { boundServerRetry, paceStreams } from './mcp-streams.js'
import type { SourceOptions } from './source-options.js'

export type McpConfig = Extract<ToolConfig, { kind: 'mcp' }>

/** Of one answer or message of a server. */
const LEAST_RESPONSE_BYTES = 4 * 1024 * 1024
const MAX_CONNECTIONS = 16
const CONNECT_TIMEOUT_MS = 5000
const GOODBYE_MS = 1000

export interface McpTransport {
  readonly transport: Transport
  /** Ends session, connections or child process. Always resolves, within about four seconds. */
  end(): Promise<void>
}

export function openMcpTransport(config: McpConfig, options: SourceOptions): McpTransport {
  const way = config.transport
  const maxBytes = responseBytes(options.maxBytes)
  return 'url' in way
    ? openHttp(way.url, way.headers, options.timeoutMs, maxBytes, options.proxyFor?.(way.url))
    : openChild(way.command, way.args, way.env, options.baseDir, maxBytes)
}

/**
 * Most bytes of one answer or message. An output of the longest allowed length fits in, though JSON may take twice the bytes for it. A stream of
 * notifications that reaches it is opened again.
 */
export function responseBytes(maxOutputBytes: number): number {
  return Math.max(LEAST_RESPONSE_BYTES, 2 * maxOutputBytes)
}

function openHttp(url: URL, headers: Readonly<Record<string, Secret>>, timeoutMs: number, maxBytes: number, proxy: ProxyConfig | undefined): McpTransport {
  const connect = { timeout: CONNECT_TIMEOUT_MS }
  // An abandoned request ends soon after its time limit. The stream of notifications may be silent for any time.
  const limits = { connections: MAX_CONNECTIONS, maxResponseSize: maxBytes, headersTimeout: timeoutMs + 5000, bodyTimeout: timeoutMs + 5000, connect }
  const requests = openDispatcher(limits, proxy, url.protocol)
  const notifications = openDispatcher({ connections: 2, maxResponseSize: maxBytes, bodyTimeout: 0, connect }, proxy, url.protocol)

  // The SDK types its fetch by the global one, which has the types of an older undici. The two agree at run time.
  const boundedFetch = (async (target: string | URL, init: Parameters<typeof fetch>[1] = {}) => {
    const asked = new Headers(init.headers as HeadersInit)
    asked.set('accept-encoding', 'identity')
    const body = typeof init.body === 'string' ? { body: unmarkNumbers(init.body) } : {}
    const response = await fetch(target, { ...init, ...body, headers: Object.fromEntries(asked), dispatcher: init.method === 'GET' ? notifications : requests })
    // The size limit counts bytes on the wire, so an answer that grows when unpacked is not read.
    if ((response.headers.get('content-encoding') ?? 'identity') !== 'identity') {
      await response.body?.cancel().catch(() => {})
      throw new Error('compressed answer')
    }
    return response
  }) as unknown as FetchLike

  const transport = new StreamableHTTPClientTransport(url, {
    requestInit: { headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.reveal()])) },
    fetch: paceStreams(boundedFetch),
    // `boundServerRetry` replaces the delays.
    reconnectionOptions: { initialReconnectionDelay: 1000, maxReconnectionDelay: 30_000, reconnectionDelayGrowFactor: 2, maxRetries: 1_000_000 },
  })
  boundServerRetry(transport)
  return {
    transport: transport as Transport,
    end: async () => {
      await inTime(transport.terminateSession())
      await inTime(transport.close())
      await Promise.all([requests.destroy(), notifications.destroy()])
    },
  }
}

function openChild(command: string, args: readonly string[], env: Readonly<Record<string, Secret>>, cwd: string, maxBytes: number): McpTransport {
  // The SDK hands on HOME, USER and the like. An undefined value takes one away again, so that only PATH remains.
  const withheld = Object.fromEntries(DEFAULT_INHERITED_ENV_VARS.filter((name) => name !== 'PATH').map((name) => [name, undefined]))
  const configured = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.reveal()]))
  const transport = new StdioClientTransport({
    command,
    args: [...args],
    env: { ...(withheld as unknown as Record<string, string>), PATH: getDefaultEnvironment().PATH ?? '', ...configured },
    cwd,
    // A server's printing may quote arguments, which must not reach the relay's log.
    stderr: 'ignore',
    maxBufferSize: maxBytes,
  })
  // As the SDK's own, but for numbers, which leave as they were written.
  transport.send = async (message) => {
    // biome-ignore lint/complexity/useLiteralKeys: a private field, whose name the type checker still checks
    const input = transport['_process']?.stdin
    if (!input) throw new Error('Not connected')
    if (!input.write(`${unmarkNumbers(JSON.stringify(message))}\n`)) await new Promise<void>((resolve) => input.once('drain', resolve))
  }
  return { transport, end: () => transport.close().catch(() => {}) }
}

/** Never rejects: a goodbye that fails changes nothing. */
async function inTime(goodbye: Promise<unknown>): Promise<void> {
  await within(GOODBYE_MS, goodbye, () => undefined).catch(() => undefined)
}
