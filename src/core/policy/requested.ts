// The settings that a client asks for, for its session or a response, rebuilt from the settable table: only paths the profile opens, only valid values.
import type { Json, JsonObject } from '../protocol/events.js'
import { isObject } from '../protocol/events.js'
import { readPath, writePath } from '../protocol/paths.js'
import type { SessionProfile } from './profile.js'
import { settableAt, spelled } from './settable.js'

export type Requested = { readonly ok: true; readonly fields: JsonObject } | { readonly ok: false; readonly param: string }

const VOICE = 'audio.output.voice'
/** Session paths that a single response may override, as GA spells them there too (source: schema of `response.create`). */
const RESPONSE_PATHS: readonly string[] = [VOICE, `${VOICE}.id`, 'audio.output.format', 'output_modalities', 'max_output_tokens']
/** Source: GA schema, `metadata`: at most 16 pairs, keys of 64 and values of 512 characters. */
const METADATA = { pairs: 16, key: 64, value: 512 }

type Openings = Pick<SessionProfile, 'clientMaySet' | 'clientMaySetValues'>

/** Everything not open to this client is left out without a word: real SDKs send their whole configuration and stop on errors. */
export function requestedSession(session: JsonObject, openings: Openings): Requested {
  return rebuild(session, [...openings.clientMaySet], openings, 'session')
}

export function requestedResponse(response: JsonObject, openings: Openings): Requested {
  const paths = RESPONSE_PATHS.filter((path) => openings.clientMaySet.has(path))
  const requested = rebuild(response, paths, openings, 'response')
  if (!requested.ok || !Object.hasOwn(response, 'metadata') || response.metadata === null) return requested
  const metadata = rebuildMetadata(response.metadata)
  return metadata ? { ok: true, fields: { ...requested.fields, metadata } } : { ok: false, param: 'response.metadata' }
}

/** Of a session in force, what this client may set. Values that the table does not know are left out. */
export function requestedInForce(session: JsonObject, clientMaySet: ReadonlySet<string>): JsonObject {
  const fields = readInForce(session, clientMaySet)
  const last = lastInForce.get(clientMaySet)
  if (last && JSON.stringify(last) === JSON.stringify(fields)) return last
  lastInForce.set(clientMaySet, fields)
  return fields
}

/** Nearly all sessions of a profile have the same in force, and then share it. */
const lastInForce = new WeakMap<ReadonlySet<string>, JsonObject>()

function readInForce(session: JsonObject, clientMaySet: ReadonlySet<string>): JsonObject {
  const fields: JsonObject = {}
  for (const path of clientMaySet) {
    const given = readPath(session, path)
    const settable = settableAt(path)
    const value = given === undefined ? undefined : settable?.(given)
    if (value !== undefined) writePath(fields, path, value)
  }
  return fields
}

function rebuild(from: JsonObject, paths: readonly string[], openings: Openings, prefix: string): Requested {
  const fields: JsonObject = {}
  for (const path of paths) {
    const settable = settableAt(path)
    const given = readPath(from, path)
    // A custom voice is an object, which has a path of its own.
    if (!settable || given === undefined || (path === VOICE && isObject(given))) continue
    const value = settable(given)
    // SDKs write null for what they do not set. Only a field for which the API knows a null takes it as a value.
    if (value === undefined && given === null) continue
    if (value === undefined) return { ok: false, param: `${prefix}.${path}` }
    if (!isAllowed(value, openings.clientMaySetValues?.[path])) continue
    writePath(fields, path, value)
  }
  return { ok: true, fields }
}

function isAllowed(value: Json, allowed: readonly string[] | undefined): boolean {
  const name = spelled(value)
  return allowed === undefined || (name !== undefined && allowed.includes(name))
}

function rebuildMetadata(value: Json | undefined): JsonObject | undefined {
  if (!isObject(value)) return undefined
  const entries = Object.entries(value)
  if (entries.length > METADATA.pairs) return undefined
  const fits = entries.every(([key, text]) => key.length > 0 && key.length <= METADATA.key && key !== '__proto__' && typeof text === 'string' && text.length <= METADATA.value)
  // Keys alike but for case: a reader of the upstream's that ignores case would keep one of them, and not the one the client sees.
  const folded = new Set(entries.map(([key]) => key.toLowerCase().toUpperCase()))
  return fits && folded.size === entries.length ? Object.fromEntries(entries) : undefined
}
