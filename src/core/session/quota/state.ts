// What a session under a quota remembers from one response to the next.
export interface QuotaState {
  /** A spoken turn that wants an answer once nothing is active. */
  readonly turnUnanswered: boolean
  /** The client's own commits under way: their turns are answered by its own `response.create`. */
  readonly ownCommits: number
  /** Whether spoken turns are to be answered. */
  readonly answersTurns: boolean
  /** Something may be reserved for a response of this session. */
  readonly holds: boolean
  /** The quota is used up until then, on the session's clock; infinite: for this session. No audio goes upstream meanwhile. */
  readonly spentUntil: number | undefined
  /** The client knows that its audio does not go upstream. */
  readonly spentTold: boolean
  /** What the last response read, in tokens: the next one reads about as much. */
  readonly lastInput: number
}

/** Why the store is asked what is left: a response or a transcript was booked, or the client wants to know. */
export type QuotaCause = 'response' | 'transcript' | { readonly eventId: string | undefined }

export const noQuota: QuotaState = { turnUnanswered: false, ownCommits: 0, answersTurns: true, holds: false, spentUntil: undefined, spentTold: false, lastInput: 0 }
