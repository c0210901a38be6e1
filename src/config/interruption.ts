// Reads what becomes of a profile's answers when the user speaks into them.
import type { Interruption } from '../core/policy/profile.js'
import type { Fields } from './json-fields.js'
import { oneOf, wholeNumber } from './parse.js'

/** Longest protection of an answer's beginning. To protect all of it is another setting. */
const MOST_PROTECT_MS = 60_000
/** Who has spoken for so long means to interrupt. */
const MOST_SPEECH_MS = 10_000

/** Undefined: none of its fields is there. */
export function readInterruption(fields: Fields): Interruption | undefined {
  const bargeIn = fields.parsed('bargeIn', oneOf('allow', 'protect'))
  const protectMs = fields.number('protectMs', wholeNumber(0, MOST_PROTECT_MS))
  const minSpeechMs = fields.number('minSpeechMs', wholeNumber(0, MOST_SPEECH_MS))
  const truncate = fields.parsed('truncate', oneOf('client', 'relay'))
  if (bargeIn === 'protect' && protectMs !== undefined) fields.bad('protectMs', 'says nothing beside bargeIn "protect": no answer is interrupted')
  if (bargeIn === 'protect' && minSpeechMs !== undefined) fields.bad('minSpeechMs', 'says nothing beside bargeIn "protect": no answer is interrupted')
  if (bargeIn === undefined && protectMs === undefined && minSpeechMs === undefined && truncate === undefined) return undefined
  return { bargeIn: bargeIn ?? 'allow', protectMs, minSpeechMs, truncate: truncate ?? 'client' }
}
