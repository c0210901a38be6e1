// Truncates and deletes what was replayed in another form: the service holds an answer as text and refuses to cut what has no audio, so its text is replaced.
import { type JsonObject, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import { itemBefore } from '../conversation.js'
import { itemsOf } from '../kept-items.js'
import { itemFor } from '../replay.js'
import { handleServerEvent } from '../server-events.js'
import { publicEventId, relayId, type Step } from '../state.js'

/** True: the item was replayed, and the relay has answered. */
export function truncatedByRelay(step: Step, event: RealtimeEvent): boolean {
  const id = stringAt(event, 'item_id') ?? ''
  if (!step.state.restored.replayed.has(id)) return false
  const before = itemsOf(step.state.conversation).find((one) => one.id === id)
  if (before?.type !== 'message' || before.role !== 'assistant') return false
  const { content_index: index = 0, audio_end_ms: end = 0 } = event
  handleServerEvent(step, { event: { type: 'conversation.item.truncated', event_id: publicEventId(step), item_id: id, content_index: index, audio_end_ms: end }, frame: undefined })
  const after = itemsOf(step.state.conversation).find((one) => one.id === id)
  const item = after && itemFor(after)
  if (item && !step.state.restored.retold.has(id) && JSON.stringify(itemFor(before)) !== JSON.stringify(item)) rewrite(step, id, item)
  return true
}

/** True: the upstream has the item's words in another one, and the relay has answered. */
export function deletedByRelay(step: Step, event: RealtimeEvent): boolean {
  const id = stringAt(event, 'item_id') ?? ''
  if (!step.state.restored.retold.has(id)) return false
  handleServerEvent(step, { event: { type: 'conversation.item.deleted', event_id: publicEventId(step), item_id: id }, frame: undefined })
  return true
}

/** In its old place, and under its id. */
function rewrite(step: Step, id: string, item: JsonObject): void {
  const previous = itemBefore(step.state.conversation, id)
  const { rewritten, ...rest } = step.state.restored
  step.set({ restored: { ...rest, rewritten: new Set(rewritten).add(id) } })
  const send = (event: RealtimeEvent) => step.actions.push({ type: 'send', to: 'upstream', event: { ...event, event_id: relayId(step) } })
  send({ type: 'conversation.item.delete', item_id: id })
  send({ type: 'conversation.item.create', previous_item_id: previous ?? 'root', item: { id, ...item } })
}
