// Tells what was said in a session to whom asked for it: what is new in the conversation, and what a response said. Never sound, never instructions.
import { arrayAt, isObject, type JsonObject, objectAt, stringAt } from '../core/protocol/events.js'
import type { Action } from '../core/session/actions.js'
import { holds } from '../core/session/guards/state.js'
import type { Input } from '../core/session/inputs.js'
import { itemsOf, type KeptItem } from '../core/session/kept-items.js'
import type { SessionState } from '../core/session/state.js'
import type { Content, ContentSink, OutputPart } from '../ports/content.js'

/** Before the actions are performed, so that a span hears of it while it is open. */
export function tellContent(sink: ContentSink, before: SessionState, after: SessionState, input: Input, actions: readonly Action[]): void {
  if (after.conversation !== before.conversation) {
    const known = new Set(itemsOf(before.conversation))
    for (const item of itemsOf(after.conversation)) if (!known.has(item)) tellItem(sink, item)
  }
  if (input.type !== 'upstream.event' || input.event.type !== 'response.done') return
  for (const action of actions) {
    if (action.type === 'note' && action.note.type === 'response_done' && !isWithheld(after, action.note.responseId)) {
      sink({ type: 'output', responseId: action.note.responseId, parts: partsOf(objectAt(input.event, 'response')) })
    }
  }
}

/** A guard has blocked it, or holds it and has not decided: the span ends now, and cannot be told later. */
function isWithheld(state: SessionState, responseId: string): boolean {
  const isThis = (one: { readonly responseId: string }) => one.responseId === responseId
  return state.guards !== undefined && (state.guards.dropped.some(isThis) || (holds(state) && state.guards.words.some(isThis)))
}

/** Answers are told with their response. Messages of the system are instructions. */
function tellItem(sink: ContentSink, { id, type, role, text, callId }: KeptItem): void {
  const from: Extract<Content, { type: 'input' }>['from'] | undefined = type === 'function_call_output' ? 'tool' : role === 'user' ? 'user' : undefined
  if (from) sink({ type: 'input', itemId: id, from, callId, text })
}

function partsOf(response: JsonObject | undefined): readonly OutputPart[] {
  return arrayAt(response, 'output').flatMap((item): readonly OutputPart[] => {
    if (!isObject(item)) return []
    if (item.type === 'function_call') {
      return [{ type: 'tool_call', callId: stringAt(item, 'call_id') ?? '', name: stringAt(item, 'name') ?? '', arguments: stringAt(item, 'arguments') ?? '' }]
    }
    const texts = arrayAt(item, 'content').map((part) => (isObject(part) ? (stringAt(part, 'text') ?? stringAt(part, 'transcript') ?? '') : ''))
    return texts.filter((text) => text !== '').map((text) => ({ type: 'text', text }))
  })
}
