// How a tool of an MCP server is named towards the model.

/** The name a model sees: `<label>__<tool>`. */
export function namespaced(label: string, tool: string): string {
  return `${label}__${tool}`
}
