// Tells whether an error of the upstream says that a limit of the deployment is used up.

import { type JsonObject, stringAt } from '../protocol/events.js'
import { isRefusalSource, type RefusalSource } from './merge.js'

/** By `code`, or by `type` where the code says something else; both spellings are seen (source: protocol dossier 3.7). */
export function refusedByLimit(error: JsonObject | undefined): RefusalSource | undefined {
  return [stringAt(error, 'code'), stringAt(error, 'type')].find(isRefusalSource)
}
