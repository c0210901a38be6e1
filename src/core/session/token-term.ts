// How long a caller's token carries the session, and what is known of a new one.

export interface TokenTerm {
  /** When the session ends by its token, on the session's clock. */
  readonly expiresAt: number
  /** The token's `exp` as the client knows it, epoch milliseconds. */
  readonly exp: number
  /** When to announce the end. Undefined: announced, or the client did not ask for it. */
  readonly noticeAt: number | undefined
  /** A new token is being verified. */
  readonly checking: { readonly eventId: string | undefined } | undefined
}

/** Whom a session belongs to: the same words in a new token mean the same caller. */
export interface Caller {
  readonly subject: string
  readonly issuer: string | undefined
}

/** A new token as the relay found it: verified and not revoked, or not. */
export type TokenOutcome =
  | { readonly ok: true; readonly caller: Caller; readonly expiresAt: number; readonly exp?: number; readonly tokenId: string | undefined }
  | { readonly ok: false; readonly code: 'unauthenticated' | 'internal' }

const NOTICE_MS = 60_000

/** The notice comes 60 s before the end, or after half of the remaining time if that is shorter. */
export function termFrom(now: number, expiresAt: number, exp: number = expiresAt): TokenTerm {
  return { expiresAt, exp, noticeAt: expiresAt - Math.min(NOTICE_MS, Math.max(0, expiresAt - now) / 2), checking: undefined }
}
