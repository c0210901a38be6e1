// A response that waits for an answer from outside core, and the client's events behind it, in order.
import type { RealtimeEvent } from '../protocol/events.js'

/** The client's `response.create`, the answer to a spoken turn, or a line of the profile; for guards, any event of the client's that waits for a verdict. */
export type GatedRequest = RealtimeEvent | 'turn' | 'line'

export interface Gate {
  /** `why`: whose answer lets it through. */
  readonly waiting: { readonly why: 'quota' | 'guard'; readonly request: GatedRequest } | undefined
  /** What the client sent after it, at most `MAX_QUEUED`. */
  readonly queue: readonly RealtimeEvent[]
}

export const openGate: Gate = { waiting: undefined, queue: [] }

const MAX_QUEUED = 64

export function isOpen({ waiting }: Gate): boolean {
  return waiting === undefined
}

export function closeGate(gate: Gate, why: 'quota' | 'guard', request: GatedRequest): Gate {
  return { ...gate, waiting: { why, request } }
}

/** Undefined: the queue is full. */
export function queueBehind(gate: Gate, event: RealtimeEvent): Gate | undefined {
  return gate.queue.length < MAX_QUEUED ? { ...gate, queue: [...gate.queue, event] } : undefined
}
