// Writes an operator's act into the audit: who did what to whom, and what came of it. Refused ones as well.
import type { FastifyRequest } from 'fastify'
import type { AuditBook } from '../ports/audit.js'
import type { Identity } from '../ports/caller.js'

const NAME = /^[A-Za-z0-9_.:-]{1,128}$/

/** `by` undefined: nobody whom the relay knows. */
export function recordAct(
  book: AuditBook,
  { params, body, routeOptions }: Pick<FastifyRequest, 'params' | 'body' | 'routeOptions'>,
  status: number,
  by: Identity | undefined,
): void {
  const named = { ...textsOf(body), ...textsOf(params) }
  const { id, subject, tokenId } = named
  book.record('operator', {
    act: routeOptions.schema?.operationId ?? 'unknown',
    status,
    ...(by && { by: book.subject(by.subject) }),
    ...(id !== undefined && { session: NAME.test(id) ? id : 'other' }),
    ...(subject !== undefined && { subject: book.subject(subject) }),
    // The id of a token is no secret, and says nothing of its holder.
    ...(tokenId !== undefined && { token: NAME.test(tokenId) ? tokenId : 'other' }),
  })
}

function textsOf(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}
