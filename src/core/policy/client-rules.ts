// One row per client event type: each rebuilds the event from an allow-list. No row: refused.

import type { Json, JsonObject, RealtimeEvent } from '../protocol/events.js'
import { isObject, objectAt, stringAt } from '../protocol/events.js'
import { MAX_AUDIO_BYTES } from '../protocol/fast-lane.js'
import { liftMixedGa } from '../protocol/preview/lift-mixed.js'
import { BASE64, rebuildClientItem } from './client-items.js'
import { rebuildClientTools, withClientTools } from './client-tools.js'
import { reject, replace, type SessionView, type Verdict } from './policy.js'
import { requestedResponse, requestedSession } from './requested.js'
import { sessionUpdate } from './session-update.js'

/** Longest `event_id` a client may choose (source: schema of the GA client events). */
export const MAX_EVENT_ID = 512
const MAX_ID = 256
/** Audio of one append, base64 characters: 15 MiB decoded is the service's own limit (source: OpenAI's API reference, `input_audio_buffer.append`). */
const MAX_AUDIO_CHARS = (MAX_AUDIO_BYTES / 3) * 4

/** One of the service's sixteen is the relay's mark. */
const MOST_METADATA_IN_CALL = 15

type ClientRule = (event: RealtimeEvent, view: SessionView) => Verdict

export const CLIENT_RULES: Readonly<Record<string, ClientRule>> = {
  'session.update': (event, view) => {
    const session = objectAt(liftMixedGa(event), 'session')
    if (!session) return reject('bad_event', 'session', "'session' must be an object.")
    const type = stringAt(session, 'type')
    if (type !== undefined && type !== 'realtime') return reject('event_not_allowed', 'session.type', 'Only realtime sessions are available.')
    const requested = requestedSession(session, view.profile)
    if (!requested.ok) return reject('bad_event', requested.param, `'${requested.param}' has a wrong value.`)
    const brought = rebuildClientTools(session, view.profile)
    if (!brought.ok) return { type: 'reject', error: brought.error }
    const profile = brought.tools ? withClientTools(view.profile, brought.tools) : view.profile
    return replace(sessionUpdate(profile, requested.fields, keepId(event)))
  },

  'response.create': (event, view) => {
    const lifted = liftMixedGa(event)
    if (Object.hasOwn(lifted, 'response') && lifted.response !== null && !isObject(lifted.response)) return reject('bad_event', 'response', "'response' must be an object.")
    const response = objectAt(lifted, 'response')
    if (!response) return replace({ type: event.type, ...keepId(event) })
    if (Object.hasOwn(response, 'conversation') && response.conversation !== 'auto' && response.conversation !== null) {
      return reject('event_not_allowed', 'response.conversation', 'Responses outside the conversation are not available.')
    }
    if (Array.isArray(response.input) && response.input.length > 0) return reject('event_not_allowed', 'response.input', 'A response cannot be given its own input.')
    const requested = requestedResponse(response, view.profile)
    if (!requested.ok) return reject('bad_event', requested.param, `'${requested.param}' has a wrong value.`)
    if (view.isCall && Object.keys(objectAt(requested.fields, 'metadata') ?? {}).length > MOST_METADATA_IN_CALL)
      return reject('bad_event', 'response.metadata', `In a WebRTC call, 'response.metadata' has at most ${MOST_METADATA_IN_CALL} pairs.`)
    const hasFields = Object.keys(requested.fields).length > 0
    return replace({ type: event.type, ...keepId(event), ...(hasFields ? { response: requested.fields } : {}) })
  },

  'response.cancel': (event) => {
    const responseId = event.response_id
    if (responseId !== undefined && responseId !== null && !isId(responseId)) return reject('bad_event', 'response_id', "'response_id' must be a string.")
    return replace({ type: event.type, ...keepId(event), ...(typeof responseId === 'string' ? { response_id: responseId } : {}) })
  },

  'conversation.item.create': (event, view) => {
    const item = objectAt(event, 'item')
    if (!item) return reject('bad_event', 'item', "'item' must be an object.")
    const previous = event.previous_item_id
    if (previous !== undefined && previous !== null) {
      if (!isId(previous)) return reject('bad_event', 'previous_item_id', "'previous_item_id' must be a string.")
      if (isPrivateItem(previous, view)) return unknownItem('previous_item_id')
    }
    const rebuilt = rebuildClientItem(item, view)
    if (!rebuilt.ok) return { type: 'reject', error: rebuilt.error }
    return replace({ type: event.type, ...keepId(event), ...(typeof previous === 'string' ? { previous_item_id: previous } : {}), item: rebuilt.item })
  },

  'conversation.item.retrieve': itemReference,
  'conversation.item.delete': itemReference,

  'conversation.item.truncate': (event, view) => {
    const verdict = itemReference(event, view)
    if (verdict.type !== 'replace') return verdict
    const { content_index: index, audio_end_ms: end } = event
    if (!isCount(index)) return reject('bad_event', 'content_index', "'content_index' must be a whole number of 0 or more.")
    if (!isCount(end)) return reject('bad_event', 'audio_end_ms', "'audio_end_ms' must be a whole number of 0 or more.")
    return replace({ ...verdict.event, content_index: index, audio_end_ms: end })
  },

  'input_audio_buffer.append': (event, view) => {
    if (view.isCall) return reject('event_not_allowed', 'type', "The audio of this call goes by WebRTC: 'input_audio_buffer.append' is not taken here.")
    const audio = stringAt(event, 'audio')
    if (audio === undefined || audio.length > MAX_AUDIO_CHARS || !BASE64.test(audio))
      return reject('bad_event', 'audio', "'audio' must be a base64 string of at most 15 MiB of audio.")
    return replace({ type: event.type, ...keepId(event), audio })
  },
  'input_audio_buffer.commit': bare,
  'input_audio_buffer.clear': bare,

  // Belongs to WebRTC and SIP; a WebSocket upstream does not know it (source: OpenAI's API reference, `output_audio_buffer.clear`). A relay that truncates does.
  'output_audio_buffer.clear': (event, view) =>
    view.isCall || view.profile.interruption?.truncate === 'relay' ? bare(event) : reject('event_not_allowed', 'type', "'output_audio_buffer.clear' has no use on a WebSocket."),
}

/** The verdict on one client event, whatever it holds. Never throws. */
export function judgeClientEvent(event: RealtimeEvent, view: SessionView): Verdict {
  const eventId = event.event_id
  if (eventId !== undefined && eventId !== null) {
    if (typeof eventId !== 'string' || eventId.length > MAX_EVENT_ID) return reject('bad_event', 'event_id', `'event_id' must be a string of at most ${MAX_EVENT_ID} characters.`)
    if (eventId.startsWith(view.relayIdPrefix)) return reject('bad_event', 'event_id', "This 'event_id' is reserved.")
  }
  const rule = Object.hasOwn(CLIENT_RULES, event.type) ? CLIENT_RULES[event.type] : undefined
  return rule ? rule(event, view) : reject('event_not_allowed', 'type', 'This event type is not allowed.')
}

function itemReference(event: RealtimeEvent, view: SessionView): Verdict {
  const itemId = event.item_id
  if (!isId(itemId)) return reject('bad_event', 'item_id', "'item_id' must be a string.")
  return isPrivateItem(itemId, view) ? unknownItem('item_id') : replace({ type: event.type, ...keepId(event), item_id: itemId })
}

function bare(event: RealtimeEvent): Verdict {
  return replace({ type: event.type, ...keepId(event) })
}

function keepId(event: RealtimeEvent): JsonObject {
  return typeof event.event_id === 'string' ? { event_id: event.event_id } : {}
}

/** Hidden items are answered like items that do not exist. */
function unknownItem(param: string): Verdict {
  return reject('bad_event', param, 'There is no such item.')
}

function isPrivateItem(itemId: string, view: SessionView): boolean {
  return view.isHiddenItem(itemId) || itemId.startsWith(view.relayIdPrefix)
}

function isId(value: Json | undefined): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_ID
}

function isCount(value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 1e9
}

/** What each rule does, for the table in this folder's README. */
export const CLIENT_RULE_SAYS: Readonly<Record<string, string>> = {
  'session.update': 'rebuilt: the fields in `CLIENT_MAY_SET`, with the server’s part put over them',
  'response.create': 'rebuilt: `metadata` and the fields in `CLIENT_MAY_SET`; `conversation: "none"` and `input` are refused',
  'response.cancel': 'rebuilt; also stops tools at work',
  'conversation.item.create': 'rebuilt: user messages and results of the client’s own calls; anything else is refused',
  'conversation.item.retrieve': 'rebuilt; a hidden item does not exist',
  'conversation.item.delete': 'rebuilt; a hidden item does not exist',
  'conversation.item.truncate': 'rebuilt; a hidden item does not exist',
  'input_audio_buffer.append': 'as sent if it has one exact shape; else rebuilt. Refused in a WebRTC call',
  'input_audio_buffer.commit': 'rebuilt',
  'input_audio_buffer.clear': 'rebuilt',
  'output_audio_buffer.clear': 'rebuilt in a WebRTC call; stops the answer if the relay truncates; else refused',
}
