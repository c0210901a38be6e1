// Knows which of many entries was used longest ago.

export interface Ranked<E> {
  older: E | undefined
  newer: E | undefined
}

export interface Recency<E> {
  /** The entry is the newest now, whether it was known or not. */
  use(entry: E): void
  forget(entry: E): void
  oldest(): E | undefined
}

/**
 * A chain through the entries. A map would do, with its entry taken out and put in again, but V8 makes a map anew after so many of these, and to find
 * its first entry steps over all that were taken out before.
 */
export function createRecency<E extends Ranked<E>>(): Recency<E> {
  let oldest: E | undefined
  let newest: E | undefined

  function forget(entry: E): void {
    const { older, newer } = entry
    if (older) older.newer = newer
    else if (oldest === entry) oldest = newer
    if (newer) newer.older = older
    else if (newest === entry) newest = older
    entry.older = undefined
    entry.newer = undefined
  }

  return {
    use(entry) {
      if (entry === newest) return
      forget(entry)
      entry.older = newest
      if (newest) newest.newer = entry
      else oldest = entry
      newest = entry
    },
    forget,
    oldest: () => oldest,
  }
}
