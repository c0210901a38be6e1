// Transfers of one ACS call that are under way: each waits for the callback that says how it went, or for the end of the call.
import { randomUUID } from 'node:crypto'
import { within } from '../../../time/within.js'
import { AcsError } from './control.js'

/** The other telephone may ring for so long. */
const TRANSFER_MS = 45_000

export interface Transfers {
  /** Resolves once the service says that it took the call over, or ended it for us after that. Rejects with an `AcsError`. */
  begin(ask: (operation: string) => Promise<void>): Promise<void>
  /** `operation` undefined: the event names none, and means all. */
  settle(operation: string | undefined, accepted: boolean): void
  over(): void
  readonly areUnderWay: boolean
  /** Resolves when none is under way. */
  idle(): Promise<void>
}

export function createTransfers(timeoutMs = TRANSFER_MS): Transfers {
  const waiting = new Map<string, { readonly done: Promise<void>; readonly settle: (error?: AcsError) => void }>()

  function settle(operation: string | undefined, error: AcsError | undefined): void {
    for (const [name, one] of waiting) if (operation === undefined || operation === name) one.settle(error)
  }

  return {
    async begin(ask) {
      const operation = randomUUID()
      let settleOne: (error?: AcsError) => void = () => undefined
      const done = new Promise<void>((resolve, reject) => {
        settleOne = (error) => (error ? reject(error) : resolve())
      })
      done.catch(() => undefined)
      waiting.set(operation, { done, settle: settleOne })
      try {
        // The callback may come before the answer to the request.
        await ask(operation)
        await within(timeoutMs, done, () => {
          throw new AcsError('transfer', undefined, 'timeout')
        })
      } finally {
        waiting.delete(operation)
      }
    },
    settle: (operation, accepted) => settle(operation, accepted ? undefined : new AcsError('transfer', undefined, 'refused')),
    over: () => settle(undefined, undefined),
    get areUnderWay() {
      return waiting.size > 0
    },
    async idle() {
      await Promise.allSettled([...waiting.values()].map(({ done }) => within(timeoutMs, done, () => undefined)))
    },
  }
}
