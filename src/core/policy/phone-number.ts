// The one form of a telephone number, however it was written, and whether a list holds it.

/** E.164 has at most 15 digits, the country's code first. */
const E164 = /^\+[1-9]\d{4,14}$/
const SEPARATORS = /[\s().\-/]/g
const BEGINNING = /^\+([1-9]\d{0,14})?$/
const MOST_WRITTEN = 128

/** E.164 with its plus. Undefined: no such number. Numbers without a plus mean something else in each country. */
export function normalNumber(text: string): string | undefined {
  if (text.length > MOST_WRITTEN) return undefined
  const number = text.replace(SEPARATORS, '')
  return E164.test(number) ? number : undefined
}

/** A called number, or a SIP user in lower case. */
export function normalCalled(text: string): string {
  return normalNumber(text) ?? text.slice(0, MOST_WRITTEN).trim().toLowerCase()
}

/** An entry of a list: a number, or the beginning of some with a `*` behind it. Undefined: neither. */
export function normalEntry(text: string): string | undefined {
  if (text.length > MOST_WRITTEN) return undefined
  const entry = text.replace(SEPARATORS, '')
  if (!entry.endsWith('*')) return normalNumber(entry)
  const beginning = entry.slice(0, -1)
  return beginning === '' || BEGINNING.test(beginning) ? entry : undefined
}

/** `number` and `entries` in their normal form. */
export function isListed(number: string, entries: readonly string[]): boolean {
  return entries.some((entry) => (entry.endsWith('*') ? number.startsWith(entry.slice(0, -1)) : number === entry))
}
