// Reads what the service calls back: an array of CloudEvents, of which those that change a call have a meaning here.
import { type JsonObject, objectAt, stringAt } from '../../../core/protocol/events.js'
import { readEventList } from './event-list.js'

export interface CallbackEvent {
  readonly type: 'disconnected' | 'answer_failed' | 'media_failed' | 'media_started' | 'media_stopped' | 'transferred' | 'transfer_failed' | 'other'
  /** The call that the event names. */
  readonly connectionId: string
  /** What was said when the operation was asked for. */
  readonly operation: string | undefined
  /** The service's own numbers of what went wrong. Its words are left out: they may quote. */
  readonly code: number | undefined
  readonly subCode: number | undefined
}

const PREFIX = 'Microsoft.Communication.'
const TYPES: Readonly<Record<string, CallbackEvent['type']>> = {
  CallDisconnected: 'disconnected',
  AnswerFailed: 'answer_failed',
  MediaStreamingFailed: 'media_failed',
  MediaStreamingStarted: 'media_started',
  MediaStreamingStopped: 'media_stopped',
  CallTransferAccepted: 'transferred',
  CallTransferFailed: 'transfer_failed',
}

/** The events of one request that name a call; undefined if it is no array of events, or too long. Their order says nothing. */
export function readCallbacks(body: string): readonly CallbackEvent[] | undefined {
  return readEventList(body)?.flatMap(readEvent)
}

function readEvent(event: JsonObject): readonly CallbackEvent[] {
  const name = stringAt(event, 'type') ?? ''
  const data = objectAt(event, 'data')
  const connectionId = stringAt(data, 'callConnectionId')
  if (!name.startsWith(PREFIX) || connectionId === undefined) return []
  const kind = name.slice(PREFIX.length)
  const result = objectAt(data, 'resultInformation')
  return [
    {
      type: Object.hasOwn(TYPES, kind) ? (TYPES[kind] ?? 'other') : 'other',
      connectionId,
      operation: stringAt(data, 'operationContext'),
      code: numberAt(result, 'code'),
      subCode: numberAt(result, 'subCode'),
    },
  ]
}

function numberAt(object: JsonObject | undefined, key: string): number | undefined {
  const value = object && Object.hasOwn(object, key) ? object[key] : undefined
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
