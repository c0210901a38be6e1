// The errors of the service, with its texts.
import type { Json, JsonObject } from '../core/protocol/events.js'
import { listed, type Problem, problem } from './validate.js'

/** The fields of an `error` event. `causeEventId`: the `event_id` of the offending client event, if it had one. */
export function errorFields(found: Problem, causeEventId: string | null, type = 'invalid_request_error'): JsonObject {
  return { error: { type, code: found.code === '' ? null : found.code, message: found.message, param: found.param, event_id: causeEventId } }
}

export const BINARY_FRAME = problem('invalid_event', null, 'Expected a text WebSocket message; binary frames are not supported.')
export const NOT_JSON = problem('invalid_json', null, 'Invalid event: failed to parse JSON value. Expected one JSON object.')
export const TOO_DEEP = problem('invalid_json', null, 'Invalid event: failed to parse JSON value. It is nested too deeply.')
export const NO_TYPE = problem('invalid_event', null, "The 'type' field is missing.")
export const BETA_SHAPE_DISABLED = problem('beta_api_shape_disabled', null, 'The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.')
/** Its type is `server_error` and its code null. */
export const SERVER_ERROR = problem('', null, 'The server had an error while processing your request. Sorry about that!')
const NO_DEPLOYMENT = 'The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.'
/** Also the HTTP answer to a dial. */
export const DEPLOYMENT_NOT_FOUND = problem('DeploymentNotFound', null, NO_DEPLOYMENT)

export function unknownType(type: string, supported: readonly string[]): Problem {
  return problem('invalid_value', 'type', `Invalid value: '${type.slice(0, 100)}'. Supported values are: ${listed(supported)}.`)
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

export function duplicateItem(itemId: string): Problem {
  return problem('item_create_duplicate_item_id', null, `Error adding item: an item with id '${itemId}' already exists.`)
}

export const NOT_MODEL_AUDIO = problem('unsupported_content_type', null, 'Only model output audio messages can be truncated')

export function sessionExpired(seconds: number): Problem {
  const length = seconds % 60 === 0 ? `${seconds / 60} minutes` : `${seconds} seconds`
  return problem('session_expired', null, `Your session hit the maximum duration of ${length}.`)
}

/** Of a failed response. */
export function failure(code: string): Json {
  const type = code === 'server_error' ? 'server_error' : 'invalid_request_error'
  return { type: 'failed', error: { type, code: code === 'server_error' ? null : code, message: 'The response failed. Wait and try again.' } }
}
