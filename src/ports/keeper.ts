// Where the instances of a relay find each other's sessions, so that a client may come back to any of them. Types only.

/** What is known of a session that may go on elsewhere. Nothing of it opens what is sealed. */
export interface KeptSession {
  /** The public part of its token. */
  readonly id: string
  /** Raised whenever another instance takes the session. */
  readonly epoch: number
  /** A digest of the caller. */
  readonly subject: string
  /** Digests of the secrets that open it, in hexadecimal. */
  readonly proofs: readonly string[]
}

export interface ClaimedSession {
  /** The instance that has it, or is about to; empty: it has left its instance already. */
  readonly owner: string
  /** The last one that surely had it. */
  readonly before: string
  /** The claimant's from now on. */
  readonly epoch: number
  /** Under which epoch it was left; undefined: its owner has to be asked. */
  readonly leftAs: number | undefined
}

export interface AskedSession {
  readonly id: string
  readonly epoch: number
  /** Messages of the relay that the client has. */
  readonly received: number
}

/** All that may fail rejects soon, and nothing that is said here changes a session by itself. */
export interface SessionKeeper {
  readonly instance: string
  /** Whether the others can be reached, as far as is known. */
  isReady(): boolean
  /** Says that this instance has the session, for another while. `snapshot`: sealed, if this instance dies. False: another instance has it. */
  keep(session: KeptSession, withinMs: number, snapshot?: Buffer): Promise<boolean>
  /** Takes the session, if the proof and the caller are right. Undefined: they are not, or there is none. `patient`: waits longer for an answer. */
  claim(session: { readonly id: string; readonly proof: string; readonly subject: string }, patient?: boolean): Promise<ClaimedSession | undefined>
  /** Has its owner hand it over. False: that one surely does not hear it. */
  ask(owner: string, session: AskedSession): Promise<boolean>
  /** For the instance that asked. Empty: there is nothing to hand over. */
  hand(session: AskedSession, sealed: Buffer): Promise<void>
  /** For whichever instance the client comes to. False: one was faster, and asks for it. */
  leave(session: KeptSession, sealed: Buffer): Promise<boolean>
  /** What was handed over, or left, once. Undefined: nothing so far. */
  take(id: string, epoch: number): Promise<Buffer | undefined>
  /** What there is if its owner has died, once. */
  takeSnapshot(id: string): Promise<Buffer | undefined>
  /** The session is over, unless another instance has it. Neither blocks nor throws. */
  drop(id: string, epoch: number): void
  /** A later callback replaces it, here and below. */
  onAsked(callback: (session: AskedSession) => void): void
  /** The others can be reached again, and may know nothing. */
  onReady(callback: () => void): void
}
