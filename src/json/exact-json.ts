// Reads and writes JSON without changing a number: one that a JavaScript number would alter stays the text that was written.
import { isLosslessNumber, LosslessNumber, parse, stringify } from 'lossless-json'
import { decimalOf } from './decimal.js'

/** A number as its text. Only numbers that a JavaScript number would change, or spell otherwise, are kept so. */
export type ExactNumber = LosslessNumber
export type ExactJson = null | boolean | number | string | ExactNumber | ExactJson[] | ExactObject
export type ExactObject = { [key: string]: ExactJson }

/**
 * Throws a `SyntaxError`. If a key stands twice in one object, the last one holds, as with `JSON.parse`, and `onDuplicate` hears of it unless
 * both have the same value. Bound the depth before, since this recurses.
 */
export function parseExact(text: string, onDuplicate?: (key: string) => void): ExactJson {
  return parse(text, null, {
    parseNumber: exactNumber,
    onDuplicateKey: ({ key, newValue }) => {
      onDuplicate?.(key)
      return newValue
    },
  }) as ExactJson
}

export function stringifyExact(value: unknown): string | undefined {
  return stringify(value)
}

export function isExactNumber(value: unknown): value is ExactNumber {
  return isLosslessNumber(value)
}

/** A plain number if it comes out as it went in, and no other integer is rounded to it. */
function exactNumber(text: string): number | ExactNumber {
  const value = Number(text)
  const own = String(value) === text && (Number.isSafeInteger(value) || !Number.isInteger(value))
  return own ? value : new LosslessNumber(text)
}

/** The JavaScript number of exactly this value (`1.0`, `1e2`), or undefined if there is none: integers beyond 2^53, long decimals, `1e400`. */
export function numberOf(exact: ExactNumber): number | undefined {
  const value = Number(exact.value)
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) return undefined
  return decimalOf(String(value)).text === decimalOf(exact.value).text ? value : undefined
}

/** Copies `value` with `change` made of each number that is kept as text. `path` is a JSON pointer. */
export function mapExact(value: ExactJson, change: (exact: ExactNumber, path: string) => unknown, path = ''): unknown {
  if (isExactNumber(value)) return change(value, path)
  if (Array.isArray(value)) return value.map((entry, index) => mapExact(entry, change, `${path}/${index}`))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, mapExact(entry, change, `${path}/${escaped(key)}`)]))
}

/** `value` with plain numbers, and as text those that a JavaScript number would change. */
export function plainOrText(value: ExactJson): unknown {
  return mapExact(value, (exact) => numberOf(exact) ?? exact.value)
}

/** One step of a JSON pointer (RFC 6901). */
export function escaped(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}
