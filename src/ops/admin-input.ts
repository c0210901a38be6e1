// Checks what an operator sends to the admin API by the same table that describes it, and says which field is wrong and how.

export type JsonSchema = Readonly<Record<string, unknown>>

interface FieldKind {
  readonly schema: JsonSchema
  /** Completes the sentence that begins with the field's name. */
  readonly must: string
  readonly ok: (value: unknown, nowMs: number) => boolean
}

/** The last second of the year 9999; a time in milliseconds is far beyond it. */
const LAST_SECOND = 253_402_300_799

const KINDS = {
  /** As in a token: no longer, or it would be nobody's. */
  subject: text(256),
  tokenId: text(1024),
  sessionId: text(128),
  day: { schema: { type: 'string', format: 'date' }, must: 'must be a day of the calendar, yyyy-mm-dd', ok: isDay },
  until: {
    schema: { type: 'integer', minimum: 1, maximum: LAST_SECOND },
    must: 'must be a time to come, in whole seconds since 1970-01-01 as in the exp of a token',
    ok: (value: unknown, nowMs: number) => Number.isSafeInteger(value) && (value as number) <= LAST_SECOND && (value as number) * 1000 > nowMs,
  },
} as const satisfies Record<string, FieldKind>

export interface AdminField {
  readonly name: string
  readonly in: 'path' | 'query' | 'body'
  readonly kind: keyof typeof KINDS
  readonly required: boolean
  readonly description: string
}

export type AdminInput = Readonly<Record<string, string | number>>

/** `field` is named as the caller spells it; the message quotes no value. */
export class AdminInputError extends Error {
  override readonly name = 'AdminInputError'
  constructor(
    readonly field: string,
    message: string,
  ) {
    super(message)
  }
}

export function schemaOf(field: AdminField): JsonSchema {
  return KINDS[field.kind].schema
}

/** Throws an `AdminInputError` about the first field that is missing, unknown or wrong. */
export function readInput(fields: readonly AdminField[], from: { readonly path: unknown; readonly query: unknown; readonly body: unknown }, nowMs: number): AdminInput {
  const input: Record<string, string | number> = {}
  for (const place of ['path', 'query', 'body'] as const) {
    const known = fields.filter((field) => field.in === place)
    const given = place === 'body' && known.length === 0 ? {} : objectOf(place, from[place])
    for (const name of Object.keys(given)) {
      if (!known.some((field) => field.name === name)) throw new AdminInputError(shownName(name), `${shownName(name)} is not known here; ${knownNames(place, known)}`)
    }
    for (const field of known) {
      const value = Object.hasOwn(given, field.name) ? given[field.name] : undefined
      if (value === undefined && !field.required) continue
      if (value === undefined) throw new AdminInputError(field.name, `${field.name} is missing.`)
      const { ok, must } = KINDS[field.kind]
      if (!ok(value, nowMs)) throw new AdminInputError(field.name, `${field.name} ${must}.`)
      input[field.name] = value as string | number
    }
  }
  return input
}

function knownNames(place: 'path' | 'query' | 'body', known: readonly AdminField[]): string {
  return known.length === 0 ? `the ${place} takes nothing.` : `the ${place} takes ${known.map(({ name }) => name).join(', ')}.`
}

function objectOf(place: string, value: unknown): Readonly<Record<string, unknown>> {
  if (place !== 'body') return (value ?? {}) as Record<string, unknown>
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new AdminInputError('body', 'body must be a JSON object.')
  return value as Record<string, unknown>
}

function shownName(name: string): string {
  return /^[A-Za-z0-9_.-]{1,64}$/.test(name) ? name : 'a field'
}

function text(maxLength: number): FieldKind {
  return {
    schema: { type: 'string', minLength: 1, maxLength },
    must: `must be a text of 1 to ${maxLength} characters`,
    ok: (value) => typeof value === 'string' && value.length > 0 && value.length <= maxLength,
  }
}

function isDay(value: unknown): boolean {
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}$/.test(value)) return false
  const at = Date.parse(`${value}T00:00:00Z`)
  // What the calendar does not have, such as 30 February, comes back as another day.
  return Number.isFinite(at) && new Date(at).toISOString().startsWith(value)
}
