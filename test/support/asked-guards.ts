// Guards whose questions the test answers, oldest first.
import type { GuardOutcome, GuardSet } from '../../src/ports/guards.js'
import { settle } from './memory-link.js'

export interface AskedGuards {
  readonly guards: GuardSet
  /** Resolves once the relay has done what follows from the answer. */
  readonly asked: ((answer: GuardOutcome['answer']) => Promise<void>)[]
}

export function askedGuards(): AskedGuards {
  const asked: AskedGuards['asked'] = []
  const ask = () =>
    new Promise<GuardOutcome>((resolve) => {
      asked.push((answer) => {
        resolve({ answer, durationMs: 1 })
        return settle()
      })
    })
  return { guards: { ask }, asked }
}
