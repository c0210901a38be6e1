// Asks the guards of one session: each within its time, few at once, and none that keeps failing. An answer that comes late changes nothing.
import type { GuardAnswer, GuardContext, GuardFailure, GuardOutcome, GuardQuestion, GuardSet } from '../ports/guards.js'
import { GuardFailed } from './guard-failed.js'
import type { Guarded } from './guarded.js'

/** Questions at work in one session. More wait, within their own time. */
const MOST_AT_WORK = 4
/** Enough for the windows of a long answer that the model wrote faster than a guard reads. */
const MOST_WAITING = 16

type Answer = GuardOutcome['answer']

export function createGuardSet(guards: ReadonlyMap<string, Guarded>): GuardSet {
  let atWork = 0
  const waiting = new Set<() => void>()

  function next(): void {
    for (const begin of waiting) {
      if (atWork >= MOST_AT_WORK) return
      waiting.delete(begin)
      begin()
    }
  }

  function askRemote(guarded: Guarded, question: GuardQuestion, context: GuardContext): Promise<Answer> {
    return new Promise((resolve) => {
      const controller = new AbortController()
      let begun = false
      let over = false
      let waited = false
      const settle = (answer: Answer, how: Parameters<Guarded['ended']>[0], reason?: string): void => {
        if (over) return
        over = true
        clearTimeout(timer)
        context.signal.removeEventListener('abort', onAbort)
        waiting.delete(begin)
        if (begun) {
          atWork--
          guarded.ended(how, reason)
        }
        resolve(answer)
        controller.abort()
        next()
      }
      const begin = (): void => {
        if (!guarded.begin()) return settle(none('breaker_open'), 'aborted')
        begun = true
        atWork++
        answerOf(guarded, question, { ...context, signal: controller.signal }).then(
          (answer) => settle(answer, 'answered'),
          (error: unknown) => settle(none('failed'), 'failed', reasonOf(error)),
        )
      }
      const onAbort = (): void => settle(none('aborted'), 'aborted')
      const timer = setTimeout(() => settle(none('timeout'), waited ? 'aborted' : 'failed', 'timeout'), guarded.timeoutMs)
      context.signal.addEventListener('abort', onAbort, { once: true })
      if (atWork < MOST_AT_WORK) begin()
      else if (waiting.size < MOST_WAITING) {
        // If its time is then over, that says nothing of the guard.
        waited = true
        waiting.add(begin)
      } else settle(none('too_many'), 'aborted')
    })
  }

  async function answerTo(name: string, question: GuardQuestion, context: GuardContext): Promise<Answer> {
    const guarded = guards.get(name)
    if (!guarded) return none('failed')
    if (context.signal.aborted) return none('aborted')
    if (!guarded.guard.isLocal) return askRemote(guarded, question, context)
    return answerOf(guarded, question, context).catch(() => none('failed'))
  }

  return {
    async ask(name, question, context) {
      const since = performance.now()
      return { answer: await answerTo(name, question, context), durationMs: performance.now() - since }
    },
  }
}

/** Async, so that a guard that throws rejects like any other. */
async function answerOf({ guard, checked }: Guarded, question: GuardQuestion, context: GuardContext): Promise<GuardAnswer> {
  return checked(await guard.check(question, context))
}

function none(why: GuardFailure): Answer {
  return { type: 'none', why }
}

function reasonOf(error: unknown): string {
  return error instanceof GuardFailed ? error.reason : error instanceof Error ? error.name : typeof error
}
