// Keeps one connection to one MCP server: connects, notices a lost connection, connects again after growing pauses.
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { ErrorCode, ListToolsResultSchema, McpError, type Tool, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { createBackoff } from './backoff.js'
import { type McpConfig, type McpTransport, openMcpTransport } from './mcp-transport.js'
import type { SourceOptions } from './source-options.js'

const CONNECT_WITHIN_MS = 10_000
const PING_WITHIN_MS = 5000
const PING_EVERY_MS = 30_000
/** Between the loss of a connection and an attempt that no call asked for. */
const LEAST_PAUSE_MS = 125
/** Least time between two questions whether the server is there, however often it gives reason to ask. */
const PING_PAUSE_MS = 1000
/** The first end is followed by an attempt at once: a server that was restarted is there again. */
const RECONNECTING = { firstMs: 500, longestMs: 30_000, goodAfterMs: 30_000, free: 1 }
/** Between two readings of the list, however often the server says that it changed. */
const READING = { firstMs: 250, longestMs: 30_000, goodAfterMs: 30_000 }
const MAX_LIST_PAGES = 10
const MAX_LISTED = 1000

export interface McpConnection {
  /** The connected client, if there is one. */
  current(): Client | undefined
  /** Joins the attempt under way, or starts one at once unless the server failed too often of late. Never rejects. */
  connect(): Promise<void>
  /** Asks whether the server still answers, and reconnects if it does not. */
  suspect(client: Client): void
  /** Gives up this client and reconnects. */
  drop(client: Client): void
  close(): Promise<void>
}

/** Calls `onTools` with every list that it reads. */
export function createMcpConnection(config: McpConfig, options: SourceOptions, onTools: (tools: readonly Tool[]) => void): McpConnection {
  const log = { tool_source: `mcp:${config.label}` }
  const transports = new Map<Client, McpTransport>()
  let live: Client | undefined
  let attempt: Promise<void> | undefined
  let retry: NodeJS.Timeout | undefined
  const backoff = createBackoff(RECONNECTING)
  let liveSince = 0
  let notBefore = 0
  let closed = false
  const suspected = new WeakSet<Client>()
  const endings = new Set<Promise<void>>()

  function connect(): Promise<void> {
    return attempt ?? (performance.now() < notBefore ? Promise.resolve() : start())
  }

  function start(): Promise<void> {
    clearTimeout(retry)
    attempt ??= connectOnce().finally(() => {
      attempt = undefined
    })
    return attempt
  }

  async function connectOnce(): Promise<void> {
    if (closed || live) return
    const client = new Client({ name: 'realtime-relay', version: '1' })
    try {
      const opened = openMcpTransport(config, options)
      transports.set(client, opened)
      client.onclose = () => drop(client)
      client.onerror = () => suspect(client)
      client.setNotificationHandler(ToolListChangedNotificationSchema, () => refresh(client))
      await client.connect(opened.transport, { timeout: CONNECT_WITHIN_MS })
      const tools = await listTools(client)
      if (closed) return end(client)
      if (!transports.has(client)) return retryAfter(0)
      live = client
      liveSince = performance.now()
      options.log.info({ ...log, tools: tools.length }, 'MCP server connected')
      onTools(tools)
    } catch (error) {
      if (backoff.quickEnds === 0) options.log.warn({ ...log, reason: reasonOf(error) }, 'MCP server cannot be reached')
      end(client)
      retryAfter(0)
    }
  }

  /** A server that ends every connection soon is asked as seldom as one that takes none. */
  function retryAfter(heldMs: number): void {
    if (closed) return
    const pause = backoff.ended(heldMs)
    notBefore = performance.now() + pause
    clearTimeout(retry)
    retry = setTimeout(() => void start(), Math.max(pause, LEAST_PAUSE_MS))
    retry.unref()
  }

  function drop(client: Client): void {
    const wasLive = live === client
    if (wasLive) live = undefined
    end(client)
    if (!wasLive || closed) return
    options.log.warn(log, 'MCP server lost')
    retryAfter(performance.now() - liveSince)
  }

  function end(client: Client): void {
    const opened = transports.get(client)
    if (!opened) return
    transports.delete(client)
    const ending = opened.end().finally(() => endings.delete(ending))
    endings.add(ending)
  }

  function suspect(client: Client): void {
    if (client !== live || suspected.has(client)) return
    suspected.add(client)
    client
      .ping({ timeout: PING_WITHIN_MS })
      .catch(() => drop(client))
      .finally(() => setTimeout(() => suspected.delete(client), PING_PAUSE_MS).unref())
  }

  let refreshing = false
  let refreshAgain = false
  let readAt = Number.NEGATIVE_INFINITY
  const reading = createBackoff(READING)
  function refresh(client: Client): void {
    refreshAgain = refreshing
    if (refreshing) return
    refreshing = true
    const pause = reading.ended(performance.now() - readAt)
    readAt = performance.now()
    listTools(client)
      .then((tools) => {
        if (client === live) onTools(tools)
      })
      .catch(() => suspect(client))
      .finally(() =>
        setTimeout(() => {
          refreshing = false
          if (refreshAgain && live) refresh(live)
        }, pause).unref(),
      )
  }

  const heartbeat = setInterval(() => live && suspect(live), PING_EVERY_MS)
  heartbeat.unref()

  return {
    current: () => live,
    connect,
    suspect,
    drop,
    close: async () => {
      closed = true
      clearTimeout(retry)
      clearInterval(heartbeat)
      live = undefined
      for (const client of [...transports.keys()]) end(client)
      await Promise.all([...endings, attempt])
    },
  }
}

/** Does not use the SDK's own call: that compiles the server's output schemas and refuses the whole list if one does not compile. */
async function listTools(client: Client): Promise<readonly Tool[]> {
  const tools: Tool[] = []
  let cursor: string | undefined
  for (let page = 0; page < MAX_LIST_PAGES && tools.length < MAX_LISTED; page++) {
    const answer = await client.request({ method: 'tools/list', params: cursor === undefined ? {} : { cursor } }, ListToolsResultSchema, { timeout: CONNECT_WITHIN_MS })
    tools.push(...answer.tools)
    cursor = answer.nextCursor
    if (cursor === undefined) break
  }
  return tools.slice(0, MAX_LISTED)
}

/** The kind of failure, without the server's words. */
export function reasonOf(error: unknown): string {
  if (error instanceof McpError) return error.code === ErrorCode.RequestTimeout ? 'timeout' : 'protocol error'
  return error instanceof Error ? error.name : 'error'
}
