// Which kinds of settings a client asked for and did not get, since they are the server's: for the audit, by kind and never by value.
import { type Json, type JsonObject, objectAt, type RealtimeEvent } from '../protocol/events.js'
import { readPath } from '../protocol/paths.js'
import { liftMixedGa } from '../protocol/preview/lift-mixed.js'
import { settablePaths } from './settable.js'

const SERVERS = ['instructions', 'model', 'prompt', 'tools', 'tool_choice', 'tracing'] as const
export type LockedKind = (typeof SERVERS)[number] | 'settings'

/** `asked`: the client's event as it came. `rebuilt`: what goes upstream of it. `withTools`: the client may bring tools. */
export function lockedKinds(asked: RealtimeEvent, rebuilt: RealtimeEvent, withTools: boolean): readonly LockedKind[] {
  const part = asked.type === 'session.update' ? 'session' : 'response'
  const wanted = objectAt(liftMixedGa(asked), part)
  if (!wanted) return []
  const given = objectAt(rebuilt, part) ?? {}
  const servers: readonly LockedKind[] = SERVERS.filter((key) => isAsked(own(wanted, key)) && !(key === 'tools' && withTools))
  const isLost = settablePaths().some((path) => isAsked(readPath(wanted, path)) && readPath(given, path) === undefined)
  return isLost ? [...servers, 'settings'] : servers
}

/** SDKs write null, empty texts and empty lists for what they do not set. */
function isAsked(value: Json | undefined): boolean {
  return value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0)
}

function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined
}
