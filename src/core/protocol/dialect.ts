// The interface of a dialect: another spelling of the same events, translated from and to GA, which core speaks.
import type { RealtimeEvent } from './events.js'

export type DialectName = 'ga' | 'preview' | 'voice-live'

/** May keep state per link, to give events an order that the peer does not send. `dialectFor` makes a new one for each link. */
export interface Dialect {
  readonly name: DialectName
  /** The type of an audio delta in this dialect, which the fast lane replaces without parsing. */
  readonly audioDeltaType: string
  /** An event that this side sent, in GA. Empty: it has no counterpart, so it is dropped and counted. Never throws. */
  toGa(event: RealtimeEvent): readonly RealtimeEvent[]
  /** A GA event as this side reads it. Empty: this side has no such event. Never throws. */
  fromGa(event: RealtimeEvent): readonly RealtimeEvent[]
}
