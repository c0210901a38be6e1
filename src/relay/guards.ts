// Asks a session's guards, and tells core what they say: each is answered once, with fixed words for what was found.
import type { GuardVerdict } from '../core/policy/guards.js'
import type { Action } from '../core/session/actions.js'
import type { Input } from '../core/session/inputs.js'
import type { GuardOutcome } from '../ports/guards.js'
import type { NewSession } from '../ports/session.js'

/** Of a session. */
interface Asking {
  readonly opened: Pick<NewSession, 'guards' | 'identity' | 'sessionId' | 'trace' | 'recorder'>
  /** What is aborted when the session ends. */
  readonly toolAborts: Map<string, AbortController>
  apply(input: Input): boolean
}

const CATEGORY = /^[a-z0-9_]{1,40}$/

export function askGuard(session: Asking, { id, guard, side, text }: Extract<Action, { type: 'guard.check' }>): void {
  const { guards, identity, sessionId, trace, recorder } = session.opened
  const abort = new AbortController()
  // No call of the service's has a space in its id.
  const key = `guard ${id}`
  session.toolAborts.set(key, abort)
  const done = (verdict: GuardVerdict) => {
    session.toolAborts.delete(key)
    session.apply({ type: 'guard.verdict', id, verdict })
  }
  const failed = () => done({ type: 'none', why: 'failed' })
  if (!guards) return queueMicrotask(failed)
  const context = { identity, sessionId, trace: recorder.traceparent?.({ type: 'session' }) ?? trace, signal: abort.signal }
  guards.ask(guard, { side, text }, context).then((outcome) => {
    recorder.note({ type: 'guard_checked', guard, side, outcome: outcome.answer.type, durationMs: outcome.durationMs })
    done(verdictOf(outcome))
  }, failed)
}

function verdictOf({ answer }: GuardOutcome): GuardVerdict {
  switch (answer.type) {
    case 'block':
      return { type: 'block', category: wordOf(answer.category) }
    case 'redact':
      return { type: 'redact', category: wordOf(answer.category), text: answer.text }
    default:
      return answer
  }
}

function wordOf(category: string): string {
  return CATEGORY.test(category) ? category : 'other'
}
