// Chooses the subprotocol of the answer: one that was offered and that the relay speaks.
import { CREDENTIAL_SUBPROTOCOL } from '../core/protocol/credentials.js'
import { RefusalError } from '../core/protocol/errors.js'

/** Asks for the preview dialect as well. */
export const BETA_SUBPROTOCOL = 'openai-beta.realtime-v1'

/** Carries the token of a client that comes back. Never answered, like a credential. */
export const RESUME_SUBPROTOCOL = 'relay-resume.'

/** RFC 9110 section 5.6.2: the characters of a subprotocol's name. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** The offered names in order. Throws `bad_request` for empty or doubled names and for other characters (RFC 6455 section 4.1). */
export function offeredSubprotocols(header: readonly string[] | undefined): readonly string[] {
  const offered = (header ?? []).flatMap((value) => value.split(',')).map((value) => value.trim())
  if (offered.some((name) => !TOKEN.test(name)) || new Set(offered).size !== offered.length) throw new RefusalError('bad_request', 'bad_subprotocol_header')
  return offered
}

/** What the relay speaks, preferred first. A browser accepts exactly one of its own offers. */
const SPOKEN = ['realtime', BETA_SUBPROTOCOL] as const

/** Undefined if nothing was offered. Throws `subprotocol_required` if nothing of what was offered is spoken here, so no credential is ever answered. */
export function chooseSubprotocol(offered: readonly string[]): string | undefined {
  const chosen = SPOKEN.find((name) => offered.includes(name))
  if (chosen === undefined && offered.length > 0) throw new RefusalError('subprotocol_required', offered.every(isCredential) ? 'only_credential_offered' : 'no_known_subprotocol')
  return chosen
}

function isCredential(name: string): boolean {
  return name.toLowerCase().startsWith(CREDENTIAL_SUBPROTOCOL)
}
