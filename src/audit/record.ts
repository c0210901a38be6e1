// One record of the audit as one line: keys in order, strings and whole numbers alone, chained to the line before it by that line's hash.
import { createHash } from 'node:crypto'

/** What a line says. Never content: no words, no arguments, no prompt. */
export type AuditFields = Readonly<Record<string, string | number>>

/** Where a chain stands. */
export interface Head {
  /** Records so far. */
  readonly size: number
  /** SHA-256 of the last line, without its line end, in hex. */
  readonly hash: string
}

/** Before the first line of the first chain. */
export const NO_LINE = '0'.repeat(64)
export const AUDIT_VERSION = 1
/** Of a value. What a peer chose may be longer, and is cut. */
const MOST_CHARACTERS = 256

/** The next line of `chain`, without line end, and where the chain stands then. `at`: epoch milliseconds. */
export function nextLine(chain: string, head: Head, kind: string, fields: AuditFields, at: number): { readonly line: string; readonly head: Head } {
  const own = { at: new Date(at).toISOString(), chain, kind, prev: head.hash, seq: head.size, v: AUDIT_VERSION }
  const line = canonical({ ...fields, ...own })
  return { line, head: { size: head.size + 1, hash: hashOf(line) } }
}

export function hashOf(line: string): string {
  return createHash('sha256').update(line).digest('hex')
}

/** The one way to write these fields. */
export function canonical(fields: AuditFields): string {
  const entries = Object.entries(fields).map(([key, value]) => [key, typeof value === 'number' ? Math.round(value) : plain(value)] as const)
  return JSON.stringify(Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))))
}

/** A record from its line; undefined: no line that `canonical` writes. */
export function readLine(line: string): AuditFields | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const isField = (one: unknown) => typeof one === 'string' || (typeof one === 'number' && Number.isSafeInteger(one))
  if (!Object.values(value).every(isField)) return undefined
  return canonical(value as AuditFields) === line ? (value as AuditFields) : undefined
}

/** Half of a pair of surrogates has no bytes of its own: two texts would have one hash. */
function plain(text: string): string {
  return Buffer.from(text.slice(0, MOST_CHARACTERS)).toString()
}
