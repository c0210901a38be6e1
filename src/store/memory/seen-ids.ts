// Remembers the latest ids of each deployment and user, at least half as many as it may hold.

export interface SeenIds {
  /** True: the id was known before, of the same deployment and user. Without a user: of the deployment itself. */
  see(id: string, deployment: string, subject?: string): boolean
}

/** Nested, since a key made of all three would be made anew for each id. */
type Ids = Map<string, Map<string | undefined, Set<string>>>

/**
 * At most `most`, in two generations: the older one is forgotten as a whole. To take out the first entry of one map costs more with each entry
 * taken out before it: V8 steps over all of them until it makes the map anew.
 */
export function createSeenIds(most: number): SeenIds {
  let newer: Ids = new Map()
  let older: Ids = new Map()
  let size = 0
  return {
    see(id, deployment, subject) {
      const ids = idsOf(newer, deployment, subject)
      const before = ids.size
      ids.add(id)
      if (ids.size === before) return true
      const known = older.get(deployment)?.get(subject)?.has(id) ?? false
      if (++size >= most / 2) {
        older = newer
        newer = new Map()
        size = 0
      }
      return known
    },
  }
}

function idsOf(all: Ids, deployment: string, subject: string | undefined): Set<string> {
  let ofDeployment = all.get(deployment)
  if (!ofDeployment) {
    ofDeployment = new Map()
    all.set(deployment, ofDeployment)
  }
  let ids = ofDeployment.get(subject)
  if (!ids) {
    ids = new Set()
    ofDeployment.set(subject, ids)
  }
  return ids
}
