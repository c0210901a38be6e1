// Turns an MCP server's tools and results into what the model sees: a bounded list with the server's label in each name, and text.
import type { CallToolResult, Tool } from '@modelcontextprotocol/sdk/types.js'
import { TOOL_NAME } from '../core/policy/client-tools.js'
import { cutToBytes } from '../core/protocol/errors.js'
import type { JsonObject } from '../core/protocol/events.js'
import type { ToolSpec } from '../ports/tools.js'
import { type ArgumentCheck, compileSchema } from './tool-schema.js'

/** Most tools of one server. */
const MAX_TOOLS_PER_SERVER = 64
const MAX_DESCRIPTION_BYTES = 4096
const MAX_SCHEMA_BYTES = 32 * 1024

export interface CheckedTool {
  readonly spec: ToolSpec
  readonly check: ArgumentCheck
}

/** Never throws. Leaves out and counts tools with an unusable name or schema, with a name used before, or beyond the bounds. */
export function adoptTools(label: string, listed: readonly Tool[], allowed: readonly string[] | undefined): { tools: readonly CheckedTool[]; leftOut: number } {
  const wanted = allowed ? listed.filter((tool) => allowed.includes(tool.name)) : listed
  const tools = new Map<string, CheckedTool>()
  for (const tool of wanted) {
    const name = namespaced(label, tool.name)
    const adopted = TOOL_NAME.test(name) && !tools.has(name) && tools.size < MAX_TOOLS_PER_SERVER ? adopt(name, tool) : undefined
    if (adopted) tools.set(name, adopted)
  }
  return { tools: [...tools.values()], leftOut: wanted.length - tools.size }
}

function adopt(name: string, tool: Tool): CheckedTool | undefined {
  try {
    const text = JSON.stringify(tool.inputSchema)
    if (Buffer.byteLength(text) > MAX_SCHEMA_BYTES) return undefined
    const schema = JSON.parse(text) as JsonObject
    const check = compileSchema(schema, 'peer')
    const { $schema: _, ...parameters } = schema
    const description = tool.description === undefined ? {} : { description: cutToBytes(tool.description, MAX_DESCRIPTION_BYTES) }
    return { spec: { definition: { type: 'function', name, ...description, parameters }, owner: 'server' }, check }
  } catch {
    return undefined
  }
}

/** Text parts as they are. Other parts are only named, since the model reads text and cannot use an image's bytes. */
export function resultText(result: CallToolResult): string {
  const text = result.content.map(partText).join('\n')
  return text === '' && result.structuredContent !== undefined ? JSON.stringify(result.structuredContent) : text
}

function partText(part: CallToolResult['content'][number]): string {
  switch (part.type) {
    case 'text':
      return part.text
    case 'image':
    case 'audio':
      return `[${part.type}, ${part.mimeType}, not shown]`
    case 'resource':
      return 'text' in part.resource ? part.resource.text : `[file ${part.resource.uri}, not shown]`
    case 'resource_link':
      return `[link to ${part.name}: ${part.uri}]`
  }
}

/** The name that the model sees: `<label>__<tool>`. */
export function namespaced(label: string, tool: string): string {
  return `${label}__${tool}`
}
