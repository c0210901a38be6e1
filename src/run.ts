// Runs a server until a signal ends it: the first drains and exits 0, a second ends the process now.
/** What can be run: a server, or anything else that stops when told to. */
export interface Runnable {
  /** Finishes what is at work and stops; resolves within its own deadline. */
  drain(): Promise<void>
}

export interface ProcessHooks {
  on(signal: 'SIGTERM' | 'SIGINT', handler: () => void): void
  exit(code: number): void
}

/**
 * Listens for signals at once, so that none is missed while the server starts; rejects when it cannot start. `hooks.exit` is called at the end,
 * within the drain time and a second.
 */
export async function runUntilSignal(starting: Promise<Runnable>, hooks: ProcessHooks): Promise<void> {
  let stopping = false
  const stop = (): void => {
    if (stopping) {
      hooks.exit(1)
      return
    }
    stopping = true
    starting
      .then((server) => server.drain())
      .then(
        () => hooks.exit(0),
        () => hooks.exit(1),
      )
  }
  hooks.on('SIGTERM', stop)
  hooks.on('SIGINT', stop)
  await starting
}
