// Chooses the client's dialect by the first rule that matches. The User-Agent never counts.
import type { DialectName } from '../core/protocol/dialect.js'
import { RefusalError } from '../core/protocol/errors.js'
import { canonicalPath } from './paths.js'
import { BETA_SUBPROTOCOL } from './subprotocol.js'

export interface DialectSigns {
  /** The request target. */
  readonly target: string
  readonly query: URLSearchParams
  readonly betaHeader: readonly string[] | undefined
  readonly offered: readonly string[]
}

/** Throws `bad_request` for an unknown `?dialect=` if no earlier rule matches. */
export function chooseDialect(signs: DialectSigns, otherwise: DialectName): DialectName {
  const path = canonicalPath(signs.target)
  if (asksForBeta(signs.betaHeader) || signs.offered.includes(BETA_SUBPROTOCOL)) return 'preview'
  if (path.includes('/v1/')) return 'ga'
  if (signs.query.has('api-version') || signs.query.has('deployment') || path === '/openai/realtime') return 'preview'
  const named = signs.query.get('dialect')
  if (named === null) return otherwise
  if (named !== 'ga' && named !== 'preview') throw new RefusalError('bad_request', 'unknown_dialect')
  return named
}

function asksForBeta(header: readonly string[] | undefined): boolean {
  return (header ?? []).flatMap((value) => value.split(',')).some((value) => value.trim().toLowerCase() === 'realtime=v1')
}
