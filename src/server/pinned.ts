// Keeps the configuration that a session began with for as long as the session lasts.
import type { SessionProfile } from '../core/policy/profile.js'
import type { GuardSet } from '../ports/guards.js'
import type { LiveConfig } from '../profiles/live.js'

/** What a session has of the configuration that it began with. */
export interface Pinned {
  readonly guards: GuardSet | undefined
  /** To be called at its end. */
  readonly onEnd: () => void
}

/** `open` gets what goes into the session. If it throws, there is no session, and `onEnd` is not called. */
export function openPinned(live: Pick<LiveConfig, 'pin'>, profile: SessionProfile, onEnd: () => void, open: (pinned: Pinned) => void): void {
  const pinned = live.pin(profile)
  try {
    open({
      guards: pinned.guards,
      onEnd() {
        pinned.release()
        onEnd()
      },
    })
  } catch (error) {
    pinned.release()
    throw error
  }
}
