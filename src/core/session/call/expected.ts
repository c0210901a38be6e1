// Tells the upstream's echoes of what the relay has sent in a call from the echoes of what somebody else has sent. Pure.
import { objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'
import type { CallState, Expected } from './state.js'

/** In a response's `metadata`, which the service returns with it. */
export const CALL_MARK = 'relay_call'
export const SESSION = 'session'

/** More than a session's items and updates can be in one round trip. */
const MOST_EXPECTED = 1024

/** The event as it goes upstream, marked if it asks for a response. `n`: a number not used before. */
export function withMark({ secret }: CallState, event: RealtimeEvent, n: number): RealtimeEvent {
  if (event.type !== 'response.create') return event
  const response = objectAt(event, 'response')
  return { ...event, response: { ...response, metadata: { ...objectAt(response, 'metadata'), [CALL_MARK]: `${secret}${n}` } } }
}

/** The event without the mark, and without `metadata` that held nothing else. The same event: it has none. */
export function withoutMark(event: RealtimeEvent): RealtimeEvent {
  const response = objectAt(event, 'response')
  const metadata = objectAt(response, 'metadata')
  if (!response || !metadata || !Object.hasOwn(metadata, CALL_MARK)) return event
  const rest = Object.entries(metadata).filter(([key]) => key !== CALL_MARK)
  return { ...event, response: { ...response, metadata: rest.length > 0 ? Object.fromEntries(rest) : null } }
}

/** Of an event on its way upstream. */
export function expecting(call: CallState, event: RealtimeEvent): CallState {
  const key = keyOfSent(event)
  if (key === undefined) return call
  return { ...call, expected: [...call.expected, { key, eventId: stringAt(event, 'event_id') }].slice(-MOST_EXPECTED) }
}

/** Of an event of the upstream: what explains it. Undefined: nothing that the relay sent. */
export function explanationOf({ expected }: CallState, event: RealtimeEvent): Expected | undefined {
  const key = keyOfEcho(event)
  return expected.find((one) => one.key === key)
}

/** Of an `error`: what it says has not happened. */
export function refusedBy({ expected }: CallState, error: RealtimeEvent): Expected | undefined {
  const cause = stringAt(objectAt(error, 'error'), 'event_id')
  return cause === undefined ? undefined : expected.find(({ eventId }) => eventId === cause)
}

export function withoutExpected(call: CallState, one: Expected | undefined): CallState {
  return { ...call, expected: call.expected.filter((other) => other !== one) }
}

/** Whether an instance of the relay asked for the response, as far as its form says. */
export function isMarked(event: RealtimeEvent): boolean {
  return markOf(event) !== undefined
}

/** A new sideband does not answer the updates of the one before. Items and responses that came of what was sent there may still be told of. */
export function withoutUpdates(call: CallState): CallState {
  return { ...call, expected: call.expected.filter(({ key }) => key !== SESSION) }
}

function keyOfSent(event: RealtimeEvent): string | undefined {
  switch (event.type) {
    case 'session.update':
      return SESSION
    case 'response.create':
      return `response ${markOf(event)}`
    case 'conversation.item.create':
      return keyOfItem(event)
    case 'conversation.item.delete':
      return `deleted ${stringAt(event, 'item_id')}`
    case 'conversation.item.retrieve':
      return `retrieved ${stringAt(event, 'item_id')}`
    default:
      return undefined
  }
}

function keyOfEcho(event: RealtimeEvent): string | undefined {
  switch (event.type) {
    case 'session.updated':
      return SESSION
    case 'response.created':
      return `response ${markOf(event)}`
    case 'conversation.item.added':
    case 'conversation.item.created':
      return keyOfItem(event)
    case 'conversation.item.deleted':
      return `deleted ${stringAt(event, 'item_id')}`
    case 'conversation.item.retrieved':
      return `retrieved ${stringAt(objectAt(event, 'item'), 'id')}`
    default:
      return undefined
  }
}

/** With what it is: an item that the upstream refused must not explain a forged one under its id. */
function keyOfItem(event: RealtimeEvent): string {
  const item = objectAt(event, 'item')
  return `item ${stringAt(item, 'id')} ${stringAt(item, 'type')} ${stringAt(item, 'role') ?? stringAt(item, 'call_id')}`
}

function markOf(event: RealtimeEvent): string | undefined {
  return stringAt(objectAt(objectAt(event, 'response'), 'metadata'), CALL_MARK)
}
