// Guards: what checks the words of users, answers and tools before or while others have them. Types only.
import type { GuardSide, GuardSilence, GuardVerdict } from '../core/policy/guards.js'
import type { Identity } from './caller.js'
import type { Health } from './health.js'

export interface GuardQuestion {
  readonly side: GuardSide
  /** At most 8,192 characters: of an answer a window, which overlaps with the one before. */
  readonly text: string
}

/** `pass`: nothing is wrong. `block`: it must not be heard or done. `redact`: it may, in this form. `category`: a fixed word of the guard's, fit for metrics. */
export type GuardAnswer = Exclude<GuardVerdict, { readonly type: 'none' }>

export interface GuardContext {
  readonly identity: Pick<Identity, 'subject' | 'issuer'>
  readonly sessionId: string
  readonly signal: AbortSignal
  /** A `traceparent` to be passed on. */
  readonly trace?: string | undefined
}

/** One kind of check, as configured. */
export interface Guard {
  readonly name: string
  /** Whether an answer is there at once: its check costs no wait. */
  readonly isLocal: boolean
  /** May reject with anything, and may never settle: `GuardSet` bounds it. */
  check(question: GuardQuestion, context: GuardContext): Promise<GuardAnswer>
  health(): Promise<Health>
  close(): Promise<void>
}

/** Why there is no answer. */
export type GuardFailure = GuardSilence

export interface GuardOutcome {
  readonly answer: GuardVerdict
  readonly durationMs: number
}

/** The guards of one session, pinned when it opens. */
export interface GuardSet {
  /** Asks one guard by name. Never rejects; settles within the guard's time limit, and soon after `context.signal` aborts. */
  ask(name: string, question: GuardQuestion, context: GuardContext): Promise<GuardOutcome>
}

/** All guards of one version of the configuration. */
export interface GuardRegistry {
  guardSet(): GuardSet
  healthBySource(): Promise<readonly { readonly name: string; readonly health: Health }[]>
  close(): Promise<void>
}
