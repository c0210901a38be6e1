// A dialect is a spelling of the same events: GA is what core speaks, anything else is translated at the edge.
import type { RealtimeEvent } from './events.js'

export type DialectName = 'ga' | 'preview' | 'voice-live'

/** Stateful per link and direction where an order must be synthesised; `dialectFor` makes a fresh one for each link. */
export interface Dialect {
  readonly name: DialectName
  /** Type of an audio delta in this dialect, so that the lane can splice it without parsing. */
  readonly audioDeltaType: string
  /** Events this side sent, in GA. Empty: no counterpart, drop and count. Never throws. */
  toGa(event: RealtimeEvent): readonly RealtimeEvent[]
  /** GA events as this side reads them. Empty: this side does not know such an event. Never throws. */
  fromGa(event: RealtimeEvent): readonly RealtimeEvent[]
}
