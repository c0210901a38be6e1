// What may be written into the audit. Types only.

/** Strings and whole numbers alone: never content, and no subject but by its digest. */
export interface AuditBook {
  /** Never blocks, never throws. `kind`: what was decided, a fixed word. */
  record(kind: string, fields: Readonly<Record<string, string | number>>): void
  /** A subject as the audit names it. */
  subject(subject: string): string
}
