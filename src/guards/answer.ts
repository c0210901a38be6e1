// Reads what a guard of the admin's answered: `{blocked, category, redacted?}`. What is not exactly that is no answer.
import { isObject } from '../core/protocol/events.js'
import type { GuardAnswer } from '../ports/guards.js'
import { GuardFailed } from './guard-failed.js'

/** Throws `GuardFailed`: garbage must never count as "nothing is wrong". */
export function readAnswer(text: string): GuardAnswer {
  const answer = parsed(text)
  if (!isObject(answer) || typeof answer.blocked !== 'boolean') throw new GuardFailed('answer_without_blocked')
  const category = typeof answer.category === 'string' ? answer.category : ''
  if (answer.blocked) return { type: 'block', category }
  if (answer.redacted === undefined || answer.redacted === null) return { type: 'pass' }
  if (typeof answer.redacted !== 'string') throw new GuardFailed('redacted_is_no_text')
  return { type: 'redact', category, text: answer.redacted }
}

function parsed(text: string): ReturnType<typeof JSON.parse> {
  try {
    return JSON.parse(text)
  } catch {
    throw new GuardFailed('answer_is_no_json')
  }
}
