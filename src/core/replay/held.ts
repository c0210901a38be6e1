// Keeps, in a replay, what guards hold of answers, and takes back what was decided about it if it never goes.
import type { RealtimeEvent } from '../protocol/events.js'
import type { GatePlace } from '../session/actions.js'
import type { Decision } from './decisions.js'

/** A decision, and the list of its line. */
interface Told {
  readonly decision: Decision
  readonly of: Decision[]
}

interface Waiting extends GatePlace {
  readonly event: RealtimeEvent
  readonly told: Told | undefined
}

export interface Held {
  /** At once, or when its place is cleared. */
  send(event: RealtimeEvent, place: GatePlace | undefined, told: Told | undefined): void
  release(responseId: string, mark: number): void
  /** But what has no words. */
  drop(responseId: string): void
}

/** What waits at the recording's end stays decided: the next word might have cleared it. */
export function createHeld(go: (event: RealtimeEvent) => void): Held {
  const cleared = new Map<string, number>()
  let queue: Waiting[] = []
  const isClear = ({ responseId, mark }: GatePlace) => mark <= (cleared.get(responseId) ?? 0)

  function flush(): void {
    for (let next = queue[0]; next && isClear(next); next = queue[0]) {
      queue.shift()
      go(next.event)
    }
  }

  return {
    send(event, place, told) {
      if (!place || (queue.length === 0 && isClear(place))) return go(event)
      queue.push({ ...place, event, told })
    },
    release(responseId, mark) {
      cleared.set(responseId, Math.max(mark, cleared.get(responseId) ?? 0))
      flush()
    },
    drop(responseId) {
      const isDropped = (one: Waiting) => one.responseId === responseId && one.mark > 0
      for (const { told } of queue.filter(isDropped)) told?.of.splice(told.of.indexOf(told.decision), 1)
      queue = queue.filter((one) => !isDropped(one))
      flush()
    },
  }
}
