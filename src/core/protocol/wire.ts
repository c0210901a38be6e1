// The interface of a wire, which is the protocol of one leg of a session: it reads frames as audio or as GA events, and writes both as frames.
import type { DecodeProblem } from './codec.js'
import type { DialectName } from './dialect.js'
import type { Frame, RealtimeEvent } from './events.js'

export interface Reading {
  readonly ok: true
  /** The events in GA spelling; several if one message of the wire means several. */
  readonly events: readonly RealtimeEvent[]
  /** The event among `events` that the frame itself means to a leg of the same wire. */
  readonly whole: RealtimeEvent | undefined
  /** Upper bound of the decoded bytes of audio in the frame. */
  readonly audioBytes: number
}

export interface NoReading {
  readonly ok: false
  /** `no_counterpart`: GA has no such event. */
  readonly problem: DecodeProblem | 'binary' | 'no_counterpart'
  /** The event's own id, if it could be read. */
  readonly eventId: string | undefined
}

/** Each leg has its own wire, since some keep state for the order of events. No method throws. */
export interface Wire {
  /** Wires of the same name read each other's frames. */
  readonly name: DialectName
  /** Decoded bytes of a frame that is only audio and may pass without parsing; -1 for any other frame. */
  audioIn(frame: Frame): number
  /** The audio of a frame as this leg reads it. `from.audioIn` must have been called with the frame just before. May change the frame in place. */
  audioOut(frame: Frame, from: Wire): Frame
  /** Offset and spelling of the type in the frame of the last `audioIn`. Undefined if all wires spell it alike. */
  readonly audioMark: { readonly at: number; readonly type: string } | undefined
  read(frame: Frame, isBinary: boolean): Reading | NoReading
  /** A copy of the frame that was just read by `from`, as this leg reads it, if that can be told without its event: undefined if not. */
  respelled(frame: Frame, from: Wire): Frame | undefined
  /** One text per message. Empty if this leg has no such event. */
  write(event: RealtimeEvent): readonly string[]
}
