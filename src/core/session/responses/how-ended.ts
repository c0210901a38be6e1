// What a finished response says of its end, beyond its status: why it ended early, and whether tools are to be answered first.
import { arrayAt, isObject, type JsonObject, objectAt, stringAt } from '../../protocol/events.js'

/** The service's own words for it, of a fixed set: its messages may quote what was said. */
const REASONS: ReadonlySet<string> = new Set(['turn_detected', 'client_cancelled', 'max_output_tokens', 'content_filter'])

export function endReason(response: JsonObject | undefined): string | undefined {
  const reason = stringAt(objectAt(response, 'status_details'), 'reason')
  return reason !== undefined && REASONS.has(reason) ? reason : undefined
}

/** Calls of tools, whoever runs them: what answers them belongs to the same turn. */
export function callCount(response: JsonObject | undefined): number | undefined {
  let count = 0
  for (const item of arrayAt(response, 'output')) if (isObject(item) && item.type === 'function_call') count++
  return count > 0 ? count : undefined
}
