// The live sessions of this process alone.
import type { EndTarget, SessionDirectory, SessionRecord } from '../../ports/directory.js'
import { pageOf } from '../session-pages.js'

export interface LocalDirectory extends SessionDirectory {
  readonly relay: string
  /** All of them; as many as sessions are open. */
  all(): readonly SessionRecord[]
  /** Ends what fits here, and says how many. Never throws. */
  endHere(target: EndTarget): number
}

export function createLocalDirectory(relay: string): LocalDirectory {
  const shown = new Set<SessionRecord>()
  let callback: ((target: EndTarget) => number) | undefined

  function endHere(target: EndTarget): number {
    try {
      return callback?.(target) ?? 0
    } catch {
      return 0
    }
  }

  return {
    relay,
    all: () => [...shown],
    endHere,
    show(session) {
      const record = { ...session, relay }
      shown.add(record)
      return () => void shown.delete(record)
    },
    page: async (limit, cursor) => pageOf([...shown], limit, cursor),
    end: async (target) => ({ ended: endHere(target), asked: 1, answered: 1, everywhere: true }),
    onEnd(how) {
      callback = how
    },
  }
}
