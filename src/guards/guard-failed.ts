// Says in a fixed word why a guard gave no answer. Never in its back end's words, which may repeat what was said.

/** For the log: no text, no host. */
export class GuardFailed extends Error {
  override readonly name = 'GuardFailed'
  constructor(readonly reason: string) {
    super(reason)
  }
}
