// A map that drops the key that was put in longest ago when there are too many.
import { createRecency, type Ranked } from './recency.js'

export interface RecentMap<V> {
  get(key: string): V | undefined
  /** The key is the newest now. */
  put(key: string, value: V): void
  delete(key: string): void
}

interface Entry<V> extends Ranked<Entry<V>> {
  readonly key: string
  value: V
}

export function createRecentMap<V>(most: number): RecentMap<V> {
  const entries = new Map<string, Entry<V>>()
  const recency = createRecency<Entry<V>>()

  function remove(entry: Entry<V>): void {
    recency.forget(entry)
    entries.delete(entry.key)
  }

  return {
    get: (key) => entries.get(key)?.value,
    put(key, value) {
      const known = entries.get(key)
      const entry = known ?? { key, value, older: undefined, newer: undefined }
      entry.value = value
      recency.use(entry)
      if (known) return
      entries.set(key, entry)
      const oldest = entries.size > most ? recency.oldest() : undefined
      if (oldest) remove(oldest)
    },
    delete(key) {
      const entry = entries.get(key)
      if (entry) remove(entry)
    },
  }
}
