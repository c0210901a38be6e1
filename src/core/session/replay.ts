// What a new upstream leg must be told so that it knows the conversation: the session in force, then every item in order.
import { sessionUpdate } from '../policy/session-update.js'
import type { JsonObject, RealtimeEvent } from '../protocol/events.js'
import type { KeptItem } from './conversation.js'
import type { SessionState } from './state.js'

/** Longest item or call id that the service takes from a client. Its own have 26 characters. */
const MAX_ID = 32
/** Speech, in characters of its transcript a second. Low, so that no word comes back that the user did not hear. */
const SPOKEN_CHARACTERS_PER_SECOND = 14
const LEFT_OUT = 'Earlier parts of this conversation are left out.'

/**
 * Pure, and nothing is sent by it. Items keep the ids they had, so that a client goes on naming them. Spoken turns come back as text: of a spoken
 * answer that was interrupted, only the part that was heard. An item without words, such as a turn whose transcript never came, is left out.
 */
export function replay(state: SessionState): readonly RealtimeEvent[] {
  const { conversation, profile, inForce, relayIdPrefix } = state
  let events = 0
  const eventId = () => `${relayIdPrefix}replay_${++events}`
  const update = sessionUpdate(profile, inForce, { event_id: eventId() })
  const create = (item: JsonObject): RealtimeEvent => ({ type: 'conversation.item.create', event_id: eventId(), item })
  const begun = conversation.leftOut > 0 ? [create({ type: 'message', role: 'system', content: [{ type: 'input_text', text: LEFT_OUT }] })] : []
  const items = conversation.items.map(itemFor).filter((item) => item !== undefined)
  return [update, ...begun, ...items.map(create)]
}

function itemFor(kept: KeptItem): JsonObject | undefined {
  const id: JsonObject = kept.id.length <= MAX_ID ? { id: kept.id } : {}
  switch (kept.type) {
    case 'message': {
      const text = heardPart(kept)
      if (text === '') return undefined
      const type = kept.role === 'assistant' ? 'output_text' : 'input_text'
      return { ...id, type: 'message', role: kept.role ?? 'user', content: [{ type, text }] }
    }
    case 'function_call':
      if (!kept.done || kept.callId === undefined || kept.name === undefined) return undefined
      return { ...id, type: 'function_call', call_id: kept.callId, name: kept.name, arguments: kept.text }
    case 'function_call_output':
      return kept.callId === undefined ? undefined : { ...id, type: 'function_call_output', call_id: kept.callId, output: kept.text }
  }
}

/** Cut at a word. */
function heardPart({ text, heardMs }: KeptItem): string {
  if (heardMs === undefined) return text
  const most = Math.floor((heardMs / 1000) * SPOKEN_CHARACTERS_PER_SECOND)
  if (text.length <= most) return text
  const cut = text.lastIndexOf(' ', most)
  return text.slice(0, Math.max(cut, 0)).trimEnd()
}
