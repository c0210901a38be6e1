// Chooses the subprotocol of the answer: one of those offered, and never one that carries a credential.
import { CREDENTIAL_SUBPROTOCOL } from '../core/protocol/credentials.js'
import { RefusalError } from '../core/protocol/errors.js'

/** RFC 9110 section 5.6.2: the characters of a subprotocol's name. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** The offered names in order. Throws `bad_request` for empty or doubled names and for other characters (RFC 6455 section 4.1). */
export function offeredSubprotocols(header: readonly string[] | undefined): readonly string[] {
  const offered = (header ?? []).flatMap((value) => value.split(',')).map((value) => value.trim())
  if (offered.some((name) => !TOKEN.test(name)) || new Set(offered).size !== offered.length) throw new RefusalError('bad_request', 'bad_subprotocol_header')
  return offered
}

/**
 * `realtime` if offered, else the first name that carries no credential: a browser accepts exactly one of its own offers.
 * Undefined if nothing was offered. Throws `subprotocol_required` if only a credential was offered.
 */
export function chooseSubprotocol(offered: readonly string[]): string | undefined {
  if (offered.includes('realtime')) return 'realtime'
  const harmless = offered.find((name) => !name.toLowerCase().startsWith(CREDENTIAL_SUBPROTOCOL))
  if (offered.length > 0 && harmless === undefined) throw new RefusalError('subprotocol_required', 'only_credential_offered')
  return harmless
}
