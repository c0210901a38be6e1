// The events of MCP tool discovery. The simulator reaches no MCP server, so discovery always fails.
import type { StoredItem } from './conversation.js'
import type { Tool } from './session-config.js'
import type { Session } from './session-state.js'

const DISCOVERY_MS = 20

/** Adds one `mcp_list_tools` item for each newly configured MCP server. */
export function announceMcpTools(session: Session, tools: readonly Tool[]): void {
  for (const tool of tools) {
    if (tool.type !== 'mcp') continue
    const stored: StoredItem = { item: { id: session.newId('item'), type: 'mcp_list_tools', server_label: tool.server_label ?? '', tools: [] } }
    session.send('conversation.item.added', { previous_item_id: session.conversation.insert(stored), item: stored.item })
    session.send('mcp_list_tools.in_progress', { item_id: stored.item.id })
    session.after(session.paced(DISCOVERY_MS), () => {
      session.send('mcp_list_tools.failed', { item_id: stored.item.id })
      session.send('conversation.item.done', { previous_item_id: session.conversation.previousOf(stored.item.id), item: stored.item })
    })
  }
}
