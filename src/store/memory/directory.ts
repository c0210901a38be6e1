// The live sessions of this instance alone.
import type { EndTarget, SessionDirectory, SessionRecord } from '../../ports/directory.js'
import { pageOf } from '../session-pages.js'

export interface LocalDirectory extends SessionDirectory {
  /** The name of this instance. */
  readonly instance: string
  /** Every session that is registered. */
  all(): readonly SessionRecord[]
  /** Ends the sessions of this instance that fit, and returns how many. Never throws. */
  endHere(target: EndTarget): number
}

export function createLocalDirectory(instance: string): LocalDirectory {
  const registered = new Set<SessionRecord>()
  let callback: ((target: EndTarget) => number) | undefined

  function endHere(target: EndTarget): number {
    try {
      return callback?.(target) ?? 0
    } catch {
      return 0
    }
  }

  return {
    instance,
    all: () => [...registered],
    endHere,
    register(session) {
      const record = { ...session, instance }
      registered.add(record)
      return () => void registered.delete(record)
    },
    page: async (limit, cursor) => pageOf([...registered], limit, cursor),
    end: async (target) => ({ ended: endHere(target), asked: 1, answered: 1, everywhere: true }),
    onEnd(how) {
      callback = how
    },
  }
}
