// Keeps the configuration that a session began with for as long as the session lasts.
import type { SessionProfile } from '../core/policy/profile.js'
import type { LiveConfig } from '../profiles/live.js'

/** `open` gets what is to be called at the session's end. If it throws, there is no session, and `onEnd` is not called. */
export function openPinned(live: Pick<LiveConfig, 'pin'>, profile: SessionProfile, onEnd: () => void, open: (onEnd: () => void) => void): void {
  const pinned = live.pin(profile)
  try {
    open(() => {
      pinned.release()
      onEnd()
    })
  } catch (error) {
    pinned.release()
    throw error
  }
}
