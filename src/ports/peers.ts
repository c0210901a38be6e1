// The processes that share this one's ports, for what belongs to all of them.

export interface Peers {
  /** Sets what this process says to `question`; a rejection counts as no answer. */
  answer(question: string, how: (data: unknown) => Promise<unknown>): void
  /** What all processes say to it, this one included; those that say nothing within a second are left out. Never rejects. */
  ask(question: string, data?: unknown): Promise<readonly unknown[]>
}
