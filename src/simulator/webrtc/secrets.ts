// Client secrets: `ek_…` tickets that let a browser begin a call with the session that they were made for.
import type { CallSession } from './call-session.js'

export interface Secrets {
  keep(value: string, session: CallSession, expiresAt: number): void
  /** Undefined: it is unknown or has expired. A secret may be used again while it lives. */
  find(value: string): CallSession | undefined
}

export const DEFAULT_SECONDS = 7200
/** The oldest is forgotten first. */
const MAX_SECRETS = 1000

/** Times in seconds since 1970. */
export function createSecrets(now: () => number): Secrets {
  const kept = new Map<string, { readonly session: CallSession; readonly expiresAt: number }>()
  return {
    keep(value, session, expiresAt) {
      kept.set(value, { session, expiresAt })
      const oldest = kept.keys().next().value
      if (kept.size > MAX_SECRETS && oldest !== undefined) kept.delete(oldest)
    },
    find(value) {
      const found = kept.get(value)
      return found && found.expiresAt > now() ? found.session : undefined
    },
  }
}
