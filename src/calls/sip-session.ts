// The session of a call by SIP: the server's, without what SIP negotiates and without what the service refuses to a call that came by SIP.
import type { SessionProfile } from '../core/policy/profile.js'
import { isObject, type JsonObject } from '../core/protocol/events.js'
import { readPath, writePath } from '../core/protocol/paths.js'

const TURNS = 'audio.input.turn_detection'
/** The Calls API refuses a session with one of them, so voice detection hears the caller as the service sees fit. */
const NOT_BY_SIP = ['threshold', 'prefix_padding_ms', 'silence_duration_ms']

/** Its settings are the same when the call is accepted and over the sideband, so nothing changes within the first words. */
export function sipProfile(profile: SessionProfile): SessionProfile {
  const session: JsonObject = { ...profile.session }
  for (const path of ['audio.input.format', 'audio.output.format']) if (readPath(session, path) !== undefined) without(session, path)
  const turns = readPath(session, TURNS)
  if (isObject(turns)) writePath(session, TURNS, Object.fromEntries(Object.entries(turns).filter(([key]) => !NOT_BY_SIP.includes(key))))
  return { ...profile, session }
}

/** Of the profile's settings, those that do not hold for calls by SIP. */
export function unheardBySip({ session }: Pick<SessionProfile, 'session'>): readonly string[] {
  const turns = readPath(session, TURNS)
  return isObject(turns) ? NOT_BY_SIP.filter((key) => Object.hasOwn(turns, key)).map((key) => `${TURNS}.${key}`) : []
}

/** `writePath` copies nothing, so what is changed is copied on the way. */
function without(session: JsonObject, path: string): void {
  const at = path.lastIndexOf('.')
  const parent = readPath(session, path.slice(0, at))
  if (isObject(parent)) writePath(session, path.slice(0, at), Object.fromEntries(Object.entries(parent).filter(([key]) => key !== path.slice(at + 1))))
}
