// The events that a client received, in order, with a way to wait for one. Every kind of test client uses it.

export interface ReceivedEvent {
  readonly type: string
  readonly [key: string]: unknown
}

export type EventMatch = string | ((event: ReceivedEvent) => boolean)

export interface EventLog {
  readonly events: ReceivedEvent[]
  add(event: ReceivedEvent): void
  /** No more events will come. Pending waits reject with this reason. */
  end(how: string): void
  /** The first matching event from index `from` on. Rejects if the connection ends first, or after `ms`. */
  next(match: EventMatch, options?: { from?: number; ms?: number }): Promise<ReceivedEvent>
}

export function eventLog(): EventLog {
  const events: ReceivedEvent[] = []
  const waiting = new Set<() => void>()
  let ended: string | undefined
  const wakeAll = () => {
    for (const wake of [...waiting]) wake()
  }
  return {
    events,
    add(event) {
      events.push(event)
      wakeAll()
    },
    end(how) {
      ended ??= how
      wakeAll()
    },
    next(match, { from = 0, ms = 10_000 } = {}) {
      const fits = typeof match === 'string' ? (event: ReceivedEvent) => event.type === match : match
      const seen = () => `saw ${events.map((event) => (event.type === 'error' ? JSON.stringify(event.error) : event.type)).join(', ') || 'nothing'}`
      let looked = from
      return new Promise((resolve, reject) => {
        const look = () => {
          for (; looked < events.length; looked++) {
            const event = events[looked]
            if (event && fits(event)) return settle(() => resolve(event))
          }
          if (ended !== undefined) settle(() => reject(new Error(`${ended} before ${match}; ${seen()}`)))
        }
        const settle = (how: () => void) => {
          clearTimeout(timer)
          waiting.delete(look)
          how()
        }
        const timer = setTimeout(() => settle(() => reject(new Error(`no ${match} within ${ms} ms; ${seen()}`))), ms)
        waiting.add(look)
        look()
      })
    },
  }
}
