// What is wrong with the guards of a profile: a guard that could never do anything must not look as if it did.
import { isObject } from '../protocol/events.js'
import { readPath } from '../protocol/paths.js'
import type { SessionProfile } from './profile.js'

const TRANSCRIPTION = 'audio.input.transcription'

/** Fixed words for an admin, each naming the guard. Empty: nothing is wrong. */
export function guardMistakes({ guards: policy, session, clientMaySet }: Pick<SessionProfile, 'guards' | 'session' | 'clientMaySet'>): readonly string[] {
  if (!policy) return []
  const mistakes: string[] = []
  const transcribes = isObject(readPath(session, TRANSCRIPTION))
  const isLocked = [...clientMaySet].every((path) => path !== TRANSCRIPTION && !path.startsWith(`${TRANSCRIPTION}.`))
  const seen = new Set<string>()
  for (const { name, on, mode } of policy.guards) {
    if (seen.has(name)) mistakes.push(`the guard '${name}' is named twice`)
    seen.add(name)
    if (on.length === 0) mistakes.push(`the guard '${name}' is on nothing`)
    if (mode === 'gate' && !on.includes('input')) mistakes.push(`the guard '${name}' has the mode 'gate', which is for 'input'`)
    if (!on.includes('input')) continue
    if (!transcribes) mistakes.push(`the guard '${name}' is on 'input', so the profile's session must set ${TRANSCRIPTION}: nothing else says what a user spoke`)
    if (!isLocked) mistakes.push(`the guard '${name}' is on 'input', so a client must not be allowed to set ${TRANSCRIPTION}`)
  }
  if (!Number.isInteger(policy.maxBlocks) || policy.maxBlocks < 1) mistakes.push('maxBlocks must be a whole number of at least 1')
  return mistakes
}
