// Who calls, and who verifies that.
import type { Health } from './health.js'

/** A verified caller. Made from the verified token alone, or by the desk that takes a telephone call. */
export interface Identity {
  /** The token's `sub`: 1 to 256 characters without control characters. */
  readonly subject: string
  readonly issuer: string | undefined
  /** The token's `jti`. */
  readonly tokenId: string | undefined
  /** The token's `exp`, epoch milliseconds. */
  readonly expiresAtMs: number
  readonly claims: Readonly<Record<string, unknown>>
  /** Decided by the way in, whatever the claims say. Absent: a claim chooses it. */
  readonly profile?: string | undefined
}

/** What of an upgrade request may carry a credential. Header names are lower case, as Node gives them. */
export interface UpgradeRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly query: URLSearchParams
}

export interface Authenticator {
  /** Resolves to the caller; rejects with a `RefusalError` (`unauthenticated`, `ambiguous_credentials`). Bounded in time by itself. */
  authenticate(request: UpgradeRequest): Promise<Identity>
  /** Verifies one bare token the same way (in-session refresh, admin API). */
  verify(token: string): Promise<Identity>
  /** For `/readyz` and `check`: whether tokens can be verified now. Never rejects. */
  health(): Promise<Health>
}
