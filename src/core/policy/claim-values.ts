// Reads a claim of a verified token by its name or its path, and what it says as single values.
import type { JsonObject } from '../protocol/events.js'
import { readPath } from '../protocol/paths.js'

type Claims = Readonly<Record<string, unknown>>

/** Claims whose text is a list of words. Source: RFC 8693, section 4.2 (`scope`), and Entra ID's `scp`. */
const OF_WORDS = /(^|\.)(scope|scp)$/

/** A claim whose whole name matches comes first: many issuers use URLs, dots included, as names. Own properties only. */
export function claimAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name]
  return readPath(claims as JsonObject, name)
}

/** A list says each of its texts. Text is one value, blanks included, but for scopes. What is nested deeper says nothing. */
export function claimValues(claims: Claims, name: string): readonly (string | boolean)[] {
  const value = claimAt(claims, name)
  if (typeof value === 'string') return OF_WORDS.test(name) ? value.split(' ').filter((word) => word !== '') : [value]
  if (Array.isArray(value)) return value.filter((one) => typeof one === 'string')
  if (typeof value === 'boolean') return [value]
  return typeof value === 'number' ? [String(value)] : []
}

/** Each claim with the values of which it must say one. */
export type RequiredClaims = Readonly<Record<string, readonly (string | boolean)[]>>

/** Names of the claims that say none of what they must. */
export function unmetClaims(claims: Claims, required: RequiredClaims): readonly string[] {
  return Object.entries(required).flatMap(([name, allowed]) => (claimValues(claims, name).some((value) => allowed.includes(value)) ? [] : [name]))
}
