// Which subprotocol is answered: never one that carries a credential, and one only where one was offered.
import { CREDENTIAL_SUBPROTOCOL } from '../core/protocol/credentials.js'
import { RefusalError } from '../core/protocol/errors.js'

/** RFC 9110 section 5.6.2: what a subprotocol's name is made of. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** What was offered, in order. Throws `bad_request` where RFC 6455 section 4.1 is broken: empty or doubled names, other characters. */
export function offeredSubprotocols(header: readonly string[] | undefined): readonly string[] {
  const offered = (header ?? []).flatMap((value) => value.split(',')).map((value) => value.trim())
  if (offered.some((name) => !TOKEN.test(name)) || new Set(offered).size !== offered.length) throw new RefusalError('bad_request', 'bad_subprotocol_header')
  return offered
}

/**
 * `realtime` when offered, else the first that carries no credential: a browser accepts exactly one of its offers and nothing else.
 * Undefined when nothing was offered. Throws `subprotocol_required` when there is only a credential.
 */
export function chooseSubprotocol(offered: readonly string[]): string | undefined {
  if (offered.includes('realtime')) return 'realtime'
  const harmless = offered.find((name) => !name.toLowerCase().startsWith(CREDENTIAL_SUBPROTOCOL))
  if (offered.length > 0 && harmless === undefined) throw new RefusalError('subprotocol_required', 'only_credential_offered')
  return harmless
}
