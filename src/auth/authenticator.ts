// Says who is calling: finds the credential in the upgrade request and verifies it.
import type { AuthConfig } from '../config/config.js'
import { RefusalError } from '../core/protocol/errors.js'
import type { Authenticator } from '../ports/caller.js'
import { extractCredential } from './credential.js'
import { createTokenVerifier } from './jwt.js'
import type { Fetch } from './remote-keys.js'

export interface AuthenticatorDeps {
  /** For the key set; the global `fetch` by default. */
  readonly fetch?: Fetch
  /** Epoch milliseconds; the system clock by default. */
  readonly now?: () => number
}

/** Asks for a key set at once and does not wait for it. A key host that is away shows in `health()` and refuses tokens; it does not stop the start. */
export function createAuthenticator(config: AuthConfig, deps: AuthenticatorDeps = {}): Authenticator {
  const verifier = createTokenVerifier(config, { fetch: deps.fetch ?? ((url, init) => fetch(url, init)), now: deps.now ?? Date.now })
  void verifier.health()
  return {
    async authenticate(request) {
      const token = extractCredential(request, config.allowQueryToken)
      if (token === undefined) throw new RefusalError('unauthenticated', 'no_credential')
      return verifier.verify(token)
    },
    verify: (token) => verifier.verify(token),
    health: () => verifier.health(),
  }
}
