// Ids under which the client knows what the present upstream calls otherwise, and how they are put into events both ways.
import { arrayAt, isObject, type Json, type JsonObject, objectAt, type RealtimeEvent, stringAt } from '../../protocol/events.js'

/** The upstream's id → the client's. */
export type Aliases = ReadonlyMap<string, string>

export const noAliases: Aliases = new Map()

const ID_FIELDS = ['response_id', 'item_id', 'previous_item_id'] as const

/** The same event if it names nothing that has another id. */
export function withAliases(event: RealtimeEvent, aliases: Aliases): RealtimeEvent {
  if (aliases.size === 0) return event
  let after = fieldsWith(event, ID_FIELDS, aliases) as RealtimeEvent
  const item = objectAt(after, 'item')
  if (item) after = put(after, 'item', fieldsWith(item, ['id'], aliases))
  const session = objectAt(after, 'session')
  if (session) after = put(after, 'session', fieldsWith(session, ['id'], aliases))
  const response = objectAt(after, 'response')
  if (response) after = put(after, 'response', responseWith(response, aliases))
  return after
}

/** The other way round, for what is sent upstream. */
export function reversed(aliases: Aliases): Aliases {
  return aliases.size === 0 ? noAliases : new Map([...aliases].map(([upstream, client]) => [client, upstream]))
}

function responseWith(response: JsonObject, aliases: Aliases): JsonObject {
  const after = fieldsWith(response, ['id', 'conversation_id'], aliases)
  const output = arrayAt(after, 'output')
  const named = output.map((item): Json => (isObject(item) ? fieldsWith(item, ['id'], aliases) : item))
  return named.some((item, at) => item !== output[at]) ? { ...after, output: named } : after
}

function fieldsWith(object: JsonObject, fields: readonly string[], aliases: Aliases): JsonObject {
  let after = object
  for (const field of fields) {
    const alias = aliases.get(stringAt(object, field) ?? '')
    if (alias !== undefined) after = { ...after, [field]: alias }
  }
  return after
}

function put(event: RealtimeEvent, key: string, value: JsonObject): RealtimeEvent {
  return event[key] === value ? event : { ...event, [key]: value }
}
