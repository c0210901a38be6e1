// The type of an event, which is one parsed message in GA spelling, and safe access to its fields.

/** The raw bytes of one text message, as a link received them. */
export type Frame = Buffer

export type Json = null | boolean | number | string | Json[] | JsonObject
export type JsonObject = { [key: string]: Json }

/** One Realtime event in GA spelling. Code that reads a field other than `type` must check it. */
export type RealtimeEvent = JsonObject & { type: string }

/** The two sides of the relay. */
export type Side = 'client' | 'upstream'

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The string at `key`, or undefined if there is none. Own properties only. */
export function stringAt(object: JsonObject | undefined, key: string): string | undefined {
  if (!object || !Object.hasOwn(object, key)) return undefined
  const value = object[key]
  return typeof value === 'string' ? value : undefined
}

/** The object at `key`, or undefined if there is none. Own properties only. */
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
