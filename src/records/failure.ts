// Why a store did not take a record, in a fixed word: what it answered may hold a name, a key or content.
import type { StoreFailure } from '../ports/records.js'

export class RecordStoreError extends Error {
  constructor(readonly failure: StoreFailure) {
    super(failure)
  }
}

const SYSTEM: Readonly<Record<string, StoreFailure>> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EACCES: 'refused',
  EPERM: 'refused',
  EROFS: 'refused',
  ENOENT: 'missing',
  ENOTDIR: 'missing',
}

/** Of anything that was thrown. Unknown failures are taken for a store that is away, and tried again like all others. */
export function failureOf(error: unknown): StoreFailure {
  if (error instanceof RecordStoreError) return error.failure
  if (typeof error !== 'object' || error === null) return 'away'
  const { code, statusCode, $metadata } = error as { code?: unknown; statusCode?: unknown; $metadata?: { httpStatusCode?: unknown } }
  const status = typeof statusCode === 'number' ? statusCode : $metadata?.httpStatusCode
  if (typeof status === 'number') return failureOfStatus(status)
  return (typeof code === 'string' && Object.hasOwn(SYSTEM, code) && SYSTEM[code]) || 'away'
}

export function failureOfStatus(status: number): StoreFailure {
  if (status === 401 || status === 403) return 'refused'
  if (status === 404) return 'missing'
  return status === 413 || status === 507 ? 'full' : 'away'
}
