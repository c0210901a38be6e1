// Tools as a session or a response names them.

/** A function that the model may call. Who registers it answers its calls, or the relay does for its own. */
export interface FunctionTool {
  type: 'function'
  /** 1 to 64 letters, digits, `_` or `-`. */
  name: string
  description?: string
  /** A JSON Schema of the arguments, an object's. */
  parameters?: { [key: string]: unknown }
}

/** An MCP server that the service itself calls. The relay has its own tools for that: it refuses these, and never configures one. */
export interface McpTool {
  type: 'mcp'
  server_label: string
  server_url?: string
  connector_id?: string
  server_description?: string
  authorization?: string
  headers?: { [name: string]: string } | null
  allowed_tools?: string[] | McpToolFilter | null
  require_approval?: 'always' | 'never' | { always?: McpToolFilter; never?: McpToolFilter } | null
}

export interface McpToolFilter {
  tool_names?: string[]
  read_only?: boolean
}

export type Tool = FunctionTool | McpTool

export type ToolChoice = 'none' | 'auto' | 'required' | { type: 'function'; name: string } | { type: 'mcp'; server_label: string; name?: string | null }
