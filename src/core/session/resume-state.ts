// What a session knows about the return of its client.
import type { Caller } from './token-term.js'

export interface ResumeState {
  /** The client has a token to come back with. */
  readonly isOffered: boolean
  /** There is no client. The session waits so long for it, on its clock. */
  readonly awayUntil: number | undefined
  /** This instance drains, and the session goes on on another. */
  readonly leaving: Leaving | undefined
}

/** Times on the session's clock. */
export interface Leaving {
  /** Until then only a point at which nothing at all is under way is quiet enough. */
  readonly relaxedAt: number
  readonly relaxed: boolean
  /** From then on it moves whatever is under way. */
  readonly lastAt: number
}

export const noResume: ResumeState = { isOffered: false, awayUntil: undefined, leaving: undefined }

export function isAway({ resume }: { readonly resume: ResumeState }): boolean {
  return resume.awayUntil !== undefined
}

/** The client's new token carries the session on. `recovered`: it gets every message that it missed. */
export interface ClientBack {
  readonly recovered: boolean
  readonly caller: Caller
  readonly expiresAt: number
  readonly exp: number
  readonly tokenId: string | undefined
}
