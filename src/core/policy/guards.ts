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
