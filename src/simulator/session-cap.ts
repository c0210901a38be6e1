// The end of a session at its longest time, in each of the ways that were reported.
import { errorFields, SERVER_ERROR, sessionExpired } from './error-events.js'
import type { Link } from './link.js'
import type { SessionEnd } from './options.js'
import type { Session } from './session-state.js'

export const DEFAULT_SESSION_SECONDS = 3600

/** `encode`: an event as the door spells it, for the frame that comes after the close. */
export function armSessionCap(session: Session, link: Link, encode: (type: string, fields: object) => string): void {
  const seconds = session.options.sessionSeconds ?? DEFAULT_SESSION_SECONDS
  const how: SessionEnd = session.options.sessionEnd ?? 'error-close'
  session.after(seconds * 1000, () => {
    const expired = sessionExpired(seconds)
    if (how === 'close-error') return link.closeThenWrite(1001, expired.message, encode('error', errorFields(expired, null)))
    if (how === 'server-error') session.send('error', errorFields(SERVER_ERROR, null, 'server_error'))
    else if (how !== 'close') session.send('error', errorFields(expired, null))
    // After an error alone the connection stays, and nobody answers on it.
    if (how === 'error' || how === 'server-error') link.fallSilent()
    else link.close(1001, expired.message)
  })
}
