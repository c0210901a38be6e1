// Finds the one credential of an upgrade request: which channels count, in which order, and what counts as absent.
import { CREDENTIAL_SUBPROTOCOL } from '../core/protocol/credentials.js'
import { RefusalError } from '../core/protocol/errors.js'
import type { UpgradeRequest } from '../ports/caller.js'

/** What clients send when they have no credential. */
const ABSENT = new Set(['', 'null', 'undefined', '<Missing Key>'])

/**
 * Returns the token of the first channel that has one: `Authorization`, `api-key`, subprotocol, then, with `allowQuery`, the query's `api-key`,
 * `Authorization` and `access_token`. Undefined if no channel has one. Throws `ambiguous_credentials` if two of them differ.
 */
export function extractCredential(request: UpgradeRequest, allowQuery: boolean): string | undefined {
  const present = candidates(request, allowQuery).filter((token) => !ABSENT.has(token))
  const first = present[0]
  if (present.some((token) => token !== first)) throw new RefusalError('ambiguous_credentials', 'differing_credentials')
  return first
}

function candidates(request: UpgradeRequest, allowQuery: boolean): string[] {
  const tokens: (string | undefined)[] = [
    ...valuesOf(request.headers.authorization).map(bearerToken),
    ...valuesOf(request.headers['api-key']),
    ...valuesOf(request.headers['sec-websocket-protocol']).map((offered) =>
      offered.startsWith(CREDENTIAL_SUBPROTOCOL) ? offered.slice(CREDENTIAL_SUBPROTOCOL.length) : undefined,
    ),
  ]
  if (allowQuery) for (const name of ['api-key', 'Authorization', 'access_token']) tokens.push(...request.query.getAll(name).map((value) => bearerToken(value) ?? value.trim()))
  return tokens.filter((token) => token !== undefined).map((token) => (token.startsWith('ek_') ? token.slice(3) : token))
}

/** A header sent twice arrives as a list or joined by commas. No token and no subprotocol contains a comma. */
function valuesOf(header: string | string[] | undefined): string[] {
  if (header === undefined) return []
  return (Array.isArray(header) ? header : [header]).flatMap((value) => value.split(',')).map((value) => value.trim())
}

/** Undefined for another scheme, which carries no credential of the relay. */
function bearerToken(value: string): string | undefined {
  return /^bearer(?:\s+(.*))?$/is
    .exec(value.trim())
    ?.slice(1)
    .map((token) => token?.trim() ?? '')[0]
}
