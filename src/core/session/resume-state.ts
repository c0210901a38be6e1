// What a session knows about the return of its client.

export interface ResumeState {
  /** The client has a token to come back with. */
  readonly isOffered: boolean
  /** There is no client. The session waits so long for it, on its clock. */
  readonly awayUntil: number | undefined
}

export const noResume: ResumeState = { isOffered: false, awayUntil: undefined }

export function isAway({ resume }: { readonly resume: ResumeState }): boolean {
  return resume.awayUntil !== undefined
}
