// One guard with what is known of it over all sessions: its breaker, and the words it may put things into.
import { afterFailure, afterNothing, beginDial, closedBreaker, dialableFrom } from '../core/upstreams/breaker.js'
import type { Guard, GuardAnswer } from '../ports/guards.js'
import type { Health } from '../ports/health.js'
import { GuardFailed } from './guard-failed.js'

export interface Guarded {
  readonly guard: Guard
  readonly timeoutMs: number
  /** False: it fails too often to be asked. If true, say with `ended` how it went. */
  begin(): boolean
  ended(how: 'answered' | 'aborted' | 'failed', reason?: string): void
  /** In fixed words and bounds. Throws if it is no answer. */
  checked(answer: GuardAnswer): GuardAnswer
  health(): Promise<Health>
}

const CATEGORY = /^[a-z][a-z0-9_]{0,39}$/
/** A service that invents words must not fill metrics with them. */
const MOST_CATEGORIES = 32
const OTHER = 'other'
/** Between two lines of the log about one guard. */
const TOLD_EVERY_MS = 10_000
/** Twice the longest text. */
const MOST_REDACTED = 16_384

export function createGuarded(guard: Guard, timeoutMs: number, log: { warn(fields: object, message: string): void }, now: () => number): Guarded {
  const words = new Set<string>()
  let breaker = closedBreaker
  let toldAt = Number.NEGATIVE_INFINITY

  function wordOf(category: unknown): string {
    const word = typeof category === 'string' ? category.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase() : ''
    if (!CATEGORY.test(word) || (!words.has(word) && words.size >= MOST_CATEGORIES)) return OTHER
    words.add(word)
    return word
  }

  return {
    guard,
    timeoutMs,
    begin() {
      const at = now()
      // The only door: a guard that is back must be noticed within a second.
      if (dialableFrom(breaker, at, true) > at) return false
      breaker = beginDial(breaker, at)
      return true
    },
    ended(how, reason) {
      if (how === 'aborted') breaker = afterNothing(breaker)
      else breaker = how === 'answered' ? closedBreaker : afterFailure(breaker, now())
      if (how !== 'failed' || now() - toldAt < TOLD_EVERY_MS) return
      toldAt = now()
      log.warn({ guard: guard.name, reason, open: breaker.openUntil !== undefined }, 'a guard gave no answer')
    },
    checked(answer) {
      if (answer.type === 'pass') return answer
      const category = wordOf(answer.category)
      if (answer.type === 'block') return { type: 'block', category }
      if (answer.type !== 'redact' || typeof answer.text !== 'string') throw new GuardFailed('no_answer')
      if (answer.text.length > MOST_REDACTED) throw new GuardFailed('redacted_too_long')
      return { type: 'redact', category, text: answer.text }
    },
    async health() {
      if (breaker.openUntil !== undefined) return { status: 'degraded', detail: 'does not answer' }
      try {
        return await guard.health()
      } catch {
        return { status: 'degraded', detail: 'unknown' }
      }
    },
  }
}
