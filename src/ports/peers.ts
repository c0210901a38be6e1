// Type of the other processes that share this one's ports, for what concerns all of them.

export interface Peers {
  /** Sets how this process answers `question`. A rejection counts as no answer. */
  answer(question: string, how: (data: unknown) => Promise<unknown>): void
  /** Resolves to the answers of all processes, this one included. Those that do not answer within a second are left out. Never rejects. */
  ask(question: string, data?: unknown): Promise<readonly unknown[]>
}
