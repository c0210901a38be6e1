// Remembers the latest ids, at least half as many as it may hold.

export interface SeenIds {
  /** True: the id was known before. */
  see(id: string): boolean
}

/**
 * At most `most`, in two generations: the older one is forgotten as a whole. To take out the first entry of one map costs more with each entry
 * taken out before it: V8 steps over all of them until it makes the map anew.
 */
export function createSeenIds(most: number): SeenIds {
  let newer = new Set<string>()
  let older = new Set<string>()
  return {
    see(id) {
      if (newer.has(id)) return true
      const known = older.has(id)
      newer.add(id)
      if (newer.size >= most / 2) {
        older = newer
        newer = new Set()
      }
      return known
    },
  }
}
