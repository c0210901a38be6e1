// Runs tools of an MCP server. Reads its list at start and when the server says that it changed, and turns its failures into fixed words.
import { StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { type CallToolResult, CallToolResultSchema, ErrorCode, McpError } from '@modelcontextprotocol/sdk/types.js'
import { cutToBytes } from '../core/protocol/errors.js'
import type { ExactObject } from '../json/exact-json.js'
import type { ToolContext, ToolSource } from '../ports/tools.js'
import { createMcpConnection, reasonOf } from './mcp-connection.js'
import { markNumbers } from './mcp-numbers.js'
import { adoptTools, type CheckedTool, namespaced, resultText } from './mcp-tools.js'
import type { McpConfig } from './mcp-transport.js'
import { type SourceOptions, sourceBytes } from './source-options.js'
import { ToolFailure } from './tool-failure.js'

/** In `_meta`: what the caller has pressed on the telephone. */
const KEYS_META = 'realtime-relay/keys'
/** Most calls of one server at work. */
const MAX_CALLS = 64
/** Given to the SDK. The run's own limit always ends a call first. */
const SDK_TIMEOUT_MS = 24 * 3600 * 1000

/**
 * Resolves after the first attempt to connect, within about twenty seconds. If the server is away, it is tried again in the background.
 * Calls `onTools` with the tools of every list that it reads. If the first attempt succeeds, it does so before it resolves.
 */
export async function createMcpSource(config: McpConfig, options: SourceOptions, onTools: (tools: readonly CheckedTool[]) => void): Promise<ToolSource> {
  const name = `mcp:${config.label}`
  const prefix = namespaced(config.label, '')
  let tools: readonly CheckedTool[] = []
  let leftOut = 0
  let calls = 0

  const connection = createMcpConnection(config, options, (listed) => {
    const before = tools.map((tool) => tool.spec.definition.name).join()
    ;({ tools, leftOut } = adoptTools(config.label, listed, config.allowedTools))
    const changed = tools.map((tool) => tool.spec.definition.name).join() !== before
    options.log.info({ tool_source: name, tools: tools.length, left_out: leftOut, changed }, 'MCP tool list read')
    onTools(tools)
  })
  await connection.connect()

  async function callRemote(remoteName: string, args: unknown, context: ToolContext, mayRetry: boolean): Promise<CallToolResult> {
    const client = connection.current()
    if (!client) throw new ToolFailure('unavailable')
    try {
      const meta = { ...(context.trace !== undefined && { traceparent: context.trace }), ...(context.keys !== undefined && { [KEYS_META]: context.keys }) }
      const params = { name: remoteName, arguments: markNumbers(args as ExactObject), ...(Object.keys(meta).length > 0 && { _meta: meta }) }
      return await client.request({ method: 'tools/call', params }, CallToolResultSchema, { signal: context.signal, timeout: SDK_TIMEOUT_MS })
    } catch (error) {
      if (context.signal.aborted) throw error
      // 404: the server no longer knows our session, so the call has not been run (MCP specification, Streamable HTTP, session management).
      if (error instanceof StreamableHTTPError && error.code === 404) {
        connection.drop(client)
        await connection.connect()
        if (mayRetry && !context.signal.aborted) return callRemote(remoteName, args, context, false)
      }
      if (error instanceof McpError && error.code !== ErrorCode.ConnectionClosed) throw new ToolFailure('failed')
      options.log.warn({ tool_source: name, reason: reasonOf(error) }, 'MCP call failed')
      connection.suspect(client)
      throw new ToolFailure('unavailable')
    }
  }

  return {
    name,
    list: async () => tools.map((tool) => tool.spec),
    call: async (toolName, args, context) => {
      if (!toolName.startsWith(prefix)) throw new ToolFailure('failed')
      if (calls >= MAX_CALLS) throw new ToolFailure('busy')
      calls++
      try {
        const result = await callRemote(toolName.slice(prefix.length), args, context, true)
        // Here servers put the text of their exceptions.
        if (result.isError) throw new ToolFailure('failed')
        return cutToBytes(resultText(result), sourceBytes(options.maxBytes))
      } finally {
        calls--
      }
    },
    health: async () => {
      if (!connection.current()) return { status: 'degraded', detail: 'not connected' }
      return leftOut > 0 ? { status: 'degraded', detail: `${leftOut} tools are unusable and left out` } : { status: 'ok', detail: 'connected' }
    },
    close: () => connection.close(),
  }
}
