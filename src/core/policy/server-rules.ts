// One row per server event type: what of it a client may see. No row: dropped and counted.
import { isObject, type Json, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../protocol/events.js'
import { drop, FORWARD, replace, type SessionView, type Verdict } from './policy.js'
import { publicError, publicErrorEvent } from './public-text.js'
import { isShownWhole, visibleFields, visibleItemFields, visibleResponse } from './server-fields.js'
import { visibleSession } from './session-update.js'

type ServerRule = (event: RealtimeEvent, view: SessionView) => Verdict

export const SERVER_RULES: Readonly<Record<string, ServerRule>> = {
  error: (event, view) => changed(event, publicErrorEvent(event, view)),

  'session.created': sessionEvent,
  'session.updated': sessionEvent,

  'conversation.created': plain,
  'conversation.item.created': itemEvent,
  'conversation.item.added': itemEvent,
  'conversation.item.done': itemEvent,
  'conversation.item.retrieved': itemEvent,
  'conversation.item.deleted': plain,
  'conversation.item.truncated': plain,
  'conversation.item.input_audio_transcription.delta': plain,
  'conversation.item.input_audio_transcription.completed': plain,
  'conversation.item.input_audio_transcription.segment': plain,
  // The text may name the transcription deployment.
  'conversation.item.input_audio_transcription.failed': (event, view) => {
    const error = objectAt(event, 'error')
    const visible = visibleFields(event)
    return hidden(event, view) ?? changed(event, error && publicError(error, view) !== error ? { ...visible, error: publicError(error, view) } : visible)
  },

  'input_audio_buffer.committed': (event, view) => hidden(event, view) ?? changed(event, withVisiblePrevious(shown(event), view)),
  'input_audio_buffer.cleared': plain,
  'input_audio_buffer.speech_started': plain,
  'input_audio_buffer.speech_stopped': plain,
  'input_audio_buffer.timeout_triggered': plain,
  // Key presses may be a card number, and they come by SIP only.
  'input_audio_buffer.dtmf_event_received': () => drop('not_for_websocket'),

  'output_audio_buffer.started': ofCall,
  'output_audio_buffer.stopped': ofCall,
  'output_audio_buffer.cleared': ofCall,

  'response.created': responseEvent,
  'response.done': responseEvent,
  'response.output_item.added': itemEvent,
  'response.output_item.done': itemEvent,
  'response.content_part.added': plain,
  'response.content_part.done': plain,
  'response.output_text.delta': plain,
  'response.output_text.done': plain,
  'response.output_audio.delta': plain,
  'response.output_audio.done': plain,
  'response.output_audio_transcript.delta': plain,
  'response.output_audio_transcript.done': plain,
  'response.function_call_arguments.delta': argumentsEvent,
  'response.function_call_arguments.done': argumentsEvent,

  // MCP run by the model's side is never configured by the relay; whatever comes of it is not the client's.
  'response.mcp_call_arguments.delta': () => drop('mcp'),
  'response.mcp_call_arguments.done': () => drop('mcp'),
  'response.mcp_call.in_progress': () => drop('mcp'),
  'response.mcp_call.completed': () => drop('mcp'),
  'response.mcp_call.failed': () => drop('mcp'),
  'mcp_list_tools.in_progress': () => drop('mcp'),
  'mcp_list_tools.completed': () => drop('mcp'),
  'mcp_list_tools.failed': () => drop('mcp'),

  // Describes the whole deployment, shared by all users.
  'rate_limits.updated': (event, view) => (view.profile.forwardRateLimits ? changed(event, shown(event)) : drop('rate_limits')),
}

/** The verdict on one server event. Never throws. */
export function judgeServerEvent(event: RealtimeEvent, view: SessionView): Verdict {
  const rule = Object.hasOwn(SERVER_RULES, event.type) ? SERVER_RULES[event.type] : undefined
  return rule ? rule(event, view) : drop('unknown_type')
}

/**
 * Whether the client may see this item: messages of user and assistant, its own calls and their results. Whose a call is was decided
 * when it first appeared: tools that the client registers or removes meanwhile change nothing about it.
 */
export function isVisibleItem(item: JsonObject, view: SessionView): boolean {
  const id = stringAt(item, 'id')
  if (id !== undefined && view.isHiddenItem(id)) return false
  switch (item.type) {
    case 'message':
      return item.role === 'user' || item.role === 'assistant'
    case 'function_call':
      return (id !== undefined && view.isClientCallItem(id)) || view.toolOwner(stringAt(item, 'name')) === 'client'
    case 'function_call_output':
      return view.isClientCall(stringAt(item, 'call_id') ?? '')
    default:
      return false
  }
}

function plain(event: RealtimeEvent, view: SessionView): Verdict {
  return hidden(event, view) ?? changed(event, shown(event))
}

/** The same object, if nothing of it had to go. */
function shown(event: RealtimeEvent): RealtimeEvent {
  return isShownWhole(event) ? event : visibleFields(event)
}

/** Only where the upstream plays the audio itself. */
function ofCall(event: RealtimeEvent, view: SessionView): Verdict {
  return view.isCall ? plain(event, view) : drop('not_for_websocket')
}

function sessionEvent(event: RealtimeEvent, view: SessionView): Verdict {
  const session = objectAt(event, 'session')
  return session ? replace({ type: event.type, event_id: event.event_id ?? null, session: visibleSession(session, view) }) : drop('malformed')
}

function itemEvent(event: RealtimeEvent, view: SessionView): Verdict {
  const item = objectAt(event, 'item')
  if (!item) return drop('malformed')
  if (!isVisibleItem(item, view)) return drop('hidden_item')
  const isWhole = isShownWhole(event)
  const visible = withVisiblePrevious(isWhole ? event : visibleFields(event), view)
  const fields = isWhole ? item : visibleItemFields(item)
  return changed(event, fields === item ? visible : { ...visible, item: fields })
}

function argumentsEvent(event: RealtimeEvent, view: SessionView): Verdict {
  const itemId = stringAt(event, 'item_id')
  return itemId !== undefined && view.isClientCallItem(itemId) ? changed(event, shown(event)) : drop('hidden_item')
}

function responseEvent(event: RealtimeEvent, view: SessionView): Verdict {
  const response = objectAt(event, 'response')
  if (!response) return drop('malformed')
  const isWhole = isShownWhole(event)
  const visible = withPublicDetails(withVisibleOutput(isWhole ? response : visibleResponse(response), view, isWhole), view)
  const fields = isWhole ? event : visibleFields(event)
  return changed(event, visible === response ? fields : { ...fields, response: visible })
}

/** `isWhole`: nothing of its items has to go, if they are shown. */
function withVisibleOutput(response: JsonObject, view: SessionView, isWhole: boolean): JsonObject {
  const output = response.output
  if (!Array.isArray(output)) return response
  if (output.every((item) => isObject(item) && isVisibleItem(item, view) && (isWhole || visibleItemFields(item) === item))) return response
  const kept = output.filter((item) => isObject(item) && isVisibleItem(item, view)).map((item): Json => visibleItemFields(item as JsonObject))
  return { ...response, output: kept }
}

function withPublicDetails(response: JsonObject, view: SessionView): JsonObject {
  const details = objectAt(response, 'status_details')
  const error = objectAt(details, 'error')
  if (!details || !error) return response
  const visible = publicError(error, view)
  return visible === error ? response : { ...response, status_details: { ...details, error: visible } }
}

/** A link to a hidden item would break the client's order and tell it the item's id. */
function withVisiblePrevious(event: RealtimeEvent, view: SessionView): RealtimeEvent {
  const previous = stringAt(event, 'previous_item_id')
  if (previous === undefined || !view.isHiddenItem(previous)) return event
  const visible = view.visibleItem(previous)
  // An upstream whose links run in a circle must not make an item follow itself.
  const own = stringAt(objectAt(event, 'item'), 'id') ?? stringAt(event, 'item_id')
  return { ...event, previous_item_id: visible === own ? null : visible }
}

function hidden(event: RealtimeEvent, view: SessionView): Verdict | undefined {
  const itemId = stringAt(event, 'item_id')
  return itemId !== undefined && view.isHiddenItem(itemId) ? drop('hidden_item') : undefined
}

function changed(before: RealtimeEvent, after: RealtimeEvent): Verdict {
  return before === after ? FORWARD : replace(after)
}

const ITEM_SAYS = 'as sent for messages and the client’s own calls, links to hidden items replaced; else hidden'

/** What a client sees of each, for the table in this folder's README. */
export const SERVER_RULE_SAYS: Readonly<Record<string, string>> = {
  error: 'as sent for known, harmless texts; else in the relay’s words; errors about the relay’s own events are hidden',
  'session.created': 'rebuilt: no instructions, model, prompt or server-run tools',
  'session.updated': 'rebuilt in the same way',
  'conversation.created': 'as sent',
  'conversation.item.created': ITEM_SAYS,
  'conversation.item.added': ITEM_SAYS,
  'conversation.item.done': ITEM_SAYS,
  'conversation.item.retrieved': ITEM_SAYS,
  'conversation.item.deleted': 'as sent',
  'conversation.item.truncated': 'as sent',
  'conversation.item.input_audio_transcription.delta': 'as sent',
  'conversation.item.input_audio_transcription.completed': 'as sent',
  'conversation.item.input_audio_transcription.segment': 'as sent',
  'conversation.item.input_audio_transcription.failed': 'as sent; the error’s text is treated as that of `error`',
  'input_audio_buffer.committed': 'as sent, a link to a hidden item replaced',
  'input_audio_buffer.cleared': 'as sent',
  'input_audio_buffer.speech_started': 'as sent',
  'input_audio_buffer.speech_stopped': 'as sent',
  'input_audio_buffer.timeout_triggered': 'as sent',
  'input_audio_buffer.dtmf_event_received': 'hidden: key presses, SIP only',
  'output_audio_buffer.started': 'as sent in a WebRTC call; else hidden',
  'output_audio_buffer.stopped': 'as sent in a WebRTC call; else hidden',
  'output_audio_buffer.cleared': 'as sent in a WebRTC call; else hidden',
  'response.created': 'as sent; if the session has server-run tools, only once something visible of the response comes',
  'response.done': 'as sent, without hidden items in `output`; hidden for a response that only calls server-run tools',
  'response.output_item.added': ITEM_SAYS,
  'response.output_item.done': ITEM_SAYS,
  'response.content_part.added': 'as sent',
  'response.content_part.done': 'as sent',
  'response.output_text.delta': 'as sent',
  'response.output_text.done': 'as sent',
  'response.output_audio.delta': 'as sent, without being parsed',
  'response.output_audio.done': 'as sent',
  'response.output_audio_transcript.delta': 'as sent',
  'response.output_audio_transcript.done': 'as sent',
  'response.function_call_arguments.delta': 'as sent for the client’s own calls; else hidden',
  'response.function_call_arguments.done': 'as sent for the client’s own calls; else hidden',
  'response.mcp_call_arguments.delta': 'hidden',
  'response.mcp_call_arguments.done': 'hidden',
  'response.mcp_call.in_progress': 'hidden',
  'response.mcp_call.completed': 'hidden',
  'response.mcp_call.failed': 'hidden',
  'mcp_list_tools.in_progress': 'hidden',
  'mcp_list_tools.completed': 'hidden',
  'mcp_list_tools.failed': 'hidden',
  'rate_limits.updated': 'recorded, and hidden unless `FORWARD_RATE_LIMITS=true`',
}
