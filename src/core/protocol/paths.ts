// Reads and writes nested fields by dotted path. Only own properties count, so no name reaches a prototype.
import { isObject, type Json, type JsonObject } from './events.js'

/** The value at `path` (`audio.output.voice`), or undefined if any part of it is absent. */
export function readPath(object: JsonObject, path: string): Json | undefined {
  let value: Json | undefined = object
  for (const key of path.split('.')) {
    if (!isObject(value) || !Object.hasOwn(value, key)) return undefined
    value = value[key]
  }
  return value
}

/**
 * Puts `value` at `path` of `object`. Objects on the way are copied: only `object` itself changes, never one that it shares with a profile.
 * Any other value on the way is replaced by an object.
 */
export function writePath(object: JsonObject, path: string, value: Json): void {
  const cut = path.indexOf('.')
  const key = cut < 0 ? path : path.slice(0, cut)
  let written = value
  if (cut >= 0) {
    const child = Object.hasOwn(object, key) ? object[key] : undefined
    const copy: JsonObject = isObject(child) ? { ...child } : {}
    writePath(copy, path.slice(cut + 1), value)
    written = copy
  }
  // Assigning `__proto__` would replace the prototype; defining it makes an ordinary field.
  Object.defineProperty(object, key, { value: written, enumerable: true, writable: true, configurable: true })
}
