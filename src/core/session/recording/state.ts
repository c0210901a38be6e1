// Whether what is said in a session is kept now, and how that begins.
import type { SessionProfile } from '../../policy/profile.js'

/** `off`: never in this session. `waiting`: for the consent that it needs. `stopped`: consent was withdrawn, and what was kept by then remains. */
export type Recording = 'off' | 'waiting' | 'on' | 'stopped'

export function recordingBegins({ record }: Pick<SessionProfile, 'record'>): Recording {
  if (!record) return 'off'
  return record.consent === 'awaited' ? 'waiting' : 'on'
}
