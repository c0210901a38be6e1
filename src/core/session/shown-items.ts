// Tells a client that missed too much what the conversation has by now: `added` and `done` of every item that it may see.
import type { JsonObject } from '../protocol/events.js'
import { isHidden } from './items.js'
import { itemsOf, type KeptItem } from './kept-items.js'
import { publicEventId, type Step } from './state.js'

/** Spoken items come with their transcripts, and without audio. */
export function showItems(step: Step): void {
  const { conversation, items } = step.state
  let previous: string | null = null
  for (const kept of itemsOf(conversation)) {
    const item = isHidden(items, kept.id) ? undefined : visible(kept, step)
    if (!item) continue
    for (const type of kept.done ? ['conversation.item.added', 'conversation.item.done'] : ['conversation.item.added']) {
      step.actions.push({ type: 'send', to: 'client', event: { type, event_id: publicEventId(step), previous_item_id: previous, item } })
    }
    previous = kept.id
  }
}

function visible(kept: KeptItem, step: Step): JsonObject | undefined {
  const base: JsonObject = { id: kept.id, object: 'realtime.item', type: kept.type, status: kept.done ? 'completed' : 'in_progress' }
  switch (kept.type) {
    case 'message':
      if (kept.role !== 'user' && kept.role !== 'assistant') return undefined
      return { ...base, role: kept.role, content: kept.text === '' ? [] : [{ type: kept.role === 'user' ? 'input_text' : 'output_text', text: kept.text }] }
    case 'function_call':
      return { ...base, call_id: kept.callId ?? '', name: kept.name ?? '', arguments: kept.text }
    case 'function_call_output':
      return step.isClientCall(kept.callId ?? '') ? { ...base, call_id: kept.callId ?? '', output: kept.text } : undefined
  }
}
