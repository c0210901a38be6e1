// What of a profile's guards core must know: which words go to which guard, and what waits for its verdict.

/** Words of the user, of the answer, and what goes into a server-run tool and comes out of it. */
export type GuardSide = 'input' | 'output' | 'tool_arguments' | 'tool_output'

/**
 * `observe`: counted, nothing else. `cut`: words flow, and a block interrupts. `hold`: nothing unchecked leaves; the answer may begin. `gate`, of input: the
 * answer is not asked for before the user's words passed.
 */
export type GuardMode = 'observe' | 'cut' | 'hold' | 'gate'

export interface ProfileGuard {
  readonly name: string
  readonly on: readonly GuardSide[]
  readonly mode: GuardMode
  /** What becomes of words for which there is no verdict. */
  readonly whenUnsure: 'pass' | 'block'
}

/** In order: the first that blocks decides, redactions add up. */
export interface GuardPolicy {
  readonly guards: readonly ProfileGuard[]
  /** Instructions for what is said instead of a blocked answer. Absent: nothing is said. */
  readonly blockedLine?: string | undefined
  /** What the client is told: words of the admin's. */
  readonly blockedMessage?: string | undefined
  /** The model learns that its answer, or the user's words, were blocked. */
  readonly tellsModel: boolean
  /** So many blocks end the session as `content_blocked`. */
  readonly maxBlocks: number
}

/** Why there is no answer of a guard. */
export type GuardSilence = 'timeout' | 'failed' | 'breaker_open' | 'too_many' | 'aborted'

export type GuardVerdict =
  | { readonly type: 'pass' }
  | { readonly type: 'block'; readonly category: string }
  | { readonly type: 'redact'; readonly category: string; readonly text: string }
  | { readonly type: 'none'; readonly why: GuardSilence }

/** What of an answer goes to the client passes the relay's gate, which can hold it. */
export function mayHold({ guards }: GuardPolicy): boolean {
  return guards.some(({ mode, on }) => (mode === 'hold' && (on.includes('output') || on.includes('input'))) || (mode === 'gate' && on.includes('output')))
}

/** The words of answers are looked at, so that none of them goes on unread. */
export function followsAnswers(policy: GuardPolicy): boolean {
  return mayHold(policy) || policy.guards.some(({ on }) => on.includes('output'))
}

/** The answer is asked for by the relay, once the user's words have passed. */
export function gatesInput(policy: GuardPolicy | undefined): boolean {
  return policy?.guards.some(({ mode, on }) => mode === 'gate' && on.includes('input')) === true
}
