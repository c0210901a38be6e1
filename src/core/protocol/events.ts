// What an event is: one parsed message in GA vocabulary, of which only a few types are ever looked inside.

/** Raw bytes of one text message, as they came off a link. */
export type Frame = Buffer

export type Json = null | boolean | number | string | Json[] | JsonObject
export type JsonObject = { [key: string]: Json }

/** One Realtime event in GA spelling. Fields other than `type` are checked where they are read, never assumed. */
export type RealtimeEvent = JsonObject & { type: string }

/** A socket's side, seen from the relay. */
export type Side = 'client' | 'upstream'

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The string at `key`, or undefined where it is absent or anything but a string. Own properties only. */
export function stringAt(object: JsonObject | undefined, key: string): string | undefined {
  if (!object || !Object.hasOwn(object, key)) return undefined
  const value = object[key]
  return typeof value === 'string' ? value : undefined
}

/** The object at `key`, or undefined where it is absent or anything but an object. Own properties only. */
export function objectAt(object: JsonObject | undefined, key: string): JsonObject | undefined {
  if (!object || !Object.hasOwn(object, key)) return undefined
  const value = object[key]
  return isObject(value) ? value : undefined
}

/** The array at `key`, or an empty one. Own properties only. */
export function arrayAt(object: JsonObject | undefined, key: string): readonly Json[] {
  if (!object || !Object.hasOwn(object, key)) return []
  const value = object[key]
  return Array.isArray(value) ? value : []
}
