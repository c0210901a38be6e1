// The session that a WebRTC call is placed with: the server's, with what the caller may set and asked for, and without what WebRTC negotiates.
import type { SessionProfile } from '../core/policy/profile.js'
import { openingUpdate } from '../core/policy/session-update.js'
import { isObject, type JsonObject, objectAt } from '../core/protocol/events.js'
import { readPath, writePath } from '../core/protocol/paths.js'
import { withoutAnswers } from '../core/session/quota/own-turns.js'

/** Voice detection ends turns, and the relay asks for the answers: so a quota counts before them. Answers that are protected are not interrupted. */
export function offeredSession(profile: SessionProfile): JsonObject {
  const { event } = withoutAnswers(openingUpdate(profile, 'relay_call'), true, profile.interruption?.bargeIn === 'protect')
  const session = objectAt(event, 'session') ?? {}
  const { audio } = session
  if (!isObject(audio)) return session
  return { ...session, audio: Object.fromEntries(Object.entries(audio).map(([side, settings]) => [side, withoutFormat(settings ?? null)])) }
}

function withoutFormat(settings: JsonObject[string]): JsonObject[string] {
  if (!isObject(settings)) return settings
  const { format: _, ...rest } = settings
  return rest
}

/** The profile whose session has these settings, so that locking it again keeps them. The same profile if there are none. */
export function wishedProfile(profile: SessionProfile, wishes: JsonObject): SessionProfile {
  const session: JsonObject = { ...profile.session }
  const paths = [...profile.clientMaySet].filter((path) => readPath(wishes, path) !== undefined)
  for (const path of paths) writePath(session, path, readPath(wishes, path) ?? null)
  return paths.length > 0 ? { ...profile, session } : profile
}
