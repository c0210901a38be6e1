// Reads the body of one request of Azure that brings events: one, or a list of them.
import { isObject, type JsonObject } from '../../../core/protocol/events.js'

const MOST_EVENTS = 100

/** Undefined: no JSON, no event in it, something else among them, or too many. */
export function readEventList(body: string): readonly JsonObject[] | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    return undefined
  }
  const events: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed]
  return events.length > 0 && events.length <= MOST_EVENTS && events.every(isObject) ? (events as readonly JsonObject[]) : undefined
}
