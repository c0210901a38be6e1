// Decides whether an upstream's error says that a limit of the deployment is used up.

import { type JsonObject, stringAt } from '../protocol/events.js'
import { isRefusalSource, type RefusalSource } from './merge.js'

/** Reads the error's `code`, then its `type`: both carry these values (source: issue reports; see `core/protocol/README.md`). */
export function refusedByLimit(error: JsonObject | undefined): RefusalSource | undefined {
  return [stringAt(error, 'code'), stringAt(error, 'type')].find(isRefusalSource)
}
