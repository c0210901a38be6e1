// Who listens to what: typed by the table of events, and one listener's mistake is not the next one's.
import type { Listeners } from './relay.js'

export interface Hub {
  on<T extends keyof Listeners>(type: T, listener: Listeners[T]): () => void
  emit<T extends keyof Listeners>(type: T, value: Parameters<Listeners[T]>[0]): void
}

export function createHub(): Hub {
  const listeners = new Map<string, Set<(value: never) => void>>()
  return {
    on(type, listener) {
      const some = listeners.get(type) ?? new Set()
      listeners.set(type, some.add(listener))
      return () => void some.delete(listener)
    },
    emit(type, value) {
      // Those of now: one may take itself off.
      for (const listener of new Set(listeners.get(type)))
        try {
          listener(value as never)
        } catch (error) {
          reportError(error)
        }
    },
  }
}
