// The error events of the service, with its texts.
import type { RealtimeEvent } from '../core/protocol/events.js'
import { SUPPORTED_TYPES } from './client-events.js'
import { newId } from './ids.js'
import { listed, type Problem, problem } from './validate.js'

/** `causeEventId`: the `event_id` of the offending client event, if it had one. */
export function errorEvent(found: Problem, causeEventId: string | null, type = 'invalid_request_error'): RealtimeEvent {
  return { type: 'error', event_id: newId('event'), error: { type, code: found.code, message: found.message, param: found.param, event_id: causeEventId } }
}

export const BINARY_FRAME = problem('invalid_event', null, 'Expected a text WebSocket message; binary frames are not supported.')
export const NOT_JSON = problem('invalid_json', null, 'Invalid event: failed to parse JSON value. Expected one JSON object.')
export const TOO_DEEP = problem('invalid_json', null, 'Invalid event: failed to parse JSON value. It is nested too deeply.')
export const NO_TYPE = problem('invalid_event', null, "The 'type' field is missing.")

export function unknownType(type: string): Problem {
  return problem('invalid_value', 'type', `Invalid value: '${type.slice(0, 100)}'. Supported values are: ${listed(SUPPORTED_TYPES)}.`)
}

export function activeResponse(responseId: string): Problem {
  return problem(
    'conversation_already_has_active_response',
    null,
    `Conversation already has an active response in progress: ${responseId}. Wait until the response is finished before creating a new one.`,
  )
}

export const CANCEL_NOT_ACTIVE = problem('response_cancel_not_active', null, 'Cancellation failed: no active response found')

export function commitEmpty(ms: number): Problem {
  return problem(
    'input_audio_buffer_commit_empty',
    null,
    `Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer only has ${ms.toFixed(2)}ms of audio.`,
  )
}

export function noSuchItem(action: 'retrieve' | 'delete' | 'truncate', itemId: string): Problem {
  const doing = { retrieve: 'retrieving', delete: 'deleting', truncate: 'truncating' }[action]
  return problem(`item_${action}_invalid_item_id`, 'item_id', `Error ${doing} item: the item with id '${itemId}' does not exist.`)
}

export function sessionExpired(seconds: number): Problem {
  const length = seconds % 60 === 0 ? `${seconds / 60} minutes` : `${seconds} seconds`
  return problem('session_expired', null, `Your session hit the maximum duration of ${length}.`)
}
