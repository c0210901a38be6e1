// What a client wishes for its session or a response, rebuilt from the settable table: only paths the profile opens, only valid values.
import type { Json, JsonObject } from '../protocol/events.js'
import { isObject } from '../protocol/events.js'
import { readPath, writePath } from './paths.js'
import type { SessionProfile } from './profile.js'
import { SETTABLE, spelled } from './settable.js'

export type Wishes = { readonly ok: true; readonly fields: JsonObject } | { readonly ok: false; readonly param: string }

const VOICE = 'audio.output.voice'
/** Session paths that a single response may override, as GA spells them there too (source: schema of `response.create`). */
const RESPONSE_PATHS: readonly string[] = [VOICE, `${VOICE}.id`, 'audio.output.format', 'output_modalities', 'max_output_tokens']
/** Source: GA schema, `metadata`: at most 16 pairs, keys of 64 and values of 512 characters. */
const METADATA = { pairs: 16, key: 64, value: 512 }

type Openings = Pick<SessionProfile, 'clientMaySet' | 'clientMaySetValues'>

/** Everything not open to this client is left out without a word: real SDKs send their whole configuration and stop on errors. */
export function rebuildSessionWishes(session: JsonObject, openings: Openings): Wishes {
  return rebuild(session, [...openings.clientMaySet], openings, 'session')
}

export function rebuildResponseWishes(response: JsonObject, openings: Openings): Wishes {
  const paths = RESPONSE_PATHS.filter((path) => openings.clientMaySet.has(path))
  const wishes = rebuild(response, paths, openings, 'response')
  if (!wishes.ok || !Object.hasOwn(response, 'metadata') || response.metadata === null) return wishes
  const metadata = rebuildMetadata(response.metadata)
  return metadata ? { ok: true, fields: { ...wishes.fields, metadata } } : { ok: false, param: 'response.metadata' }
}

function rebuild(from: JsonObject, paths: readonly string[], openings: Openings, prefix: string): Wishes {
  const fields: JsonObject = {}
  for (const path of paths) {
    const settable = Object.hasOwn(SETTABLE, path) ? SETTABLE[path] : undefined
    const wish = readPath(from, path)
    // A custom voice is an object, which has a path of its own.
    if (!settable || wish === undefined || (path === VOICE && isObject(wish))) continue
    const value = settable(wish)
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
