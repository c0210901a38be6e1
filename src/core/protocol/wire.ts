// What one leg of a session speaks: its frames in, as audio or as events in GA vocabulary, and events and audio out as frames.
import type { DecodeProblem } from './codec.js'
import type { DialectName } from './dialect.js'
import type { Frame, RealtimeEvent } from './events.js'

export interface Reading {
  readonly ok: true
  /** In GA vocabulary; more than one if the wire spells several in one message. */
  readonly events: readonly RealtimeEvent[]
  /** The one of `events` that the frame itself stands for, to a leg of the same wire. */
  readonly whole: RealtimeEvent | undefined
  /** Decoded bytes of audio in it; an upper bound. */
  readonly audioBytes: number
}

export interface NoReading {
  readonly ok: false
  /** `no_counterpart`: GA has no such event. */
  readonly problem: DecodeProblem | 'binary' | 'no_counterpart'
  /** The event's own id, if it could be read. */
  readonly eventId: string | undefined
}

/** One for each leg: some keep the order of events. Nothing here throws. */
export interface Wire {
  /** A frame of one wire is a frame of every other of this name. */
  readonly name: DialectName
  /** Decoded bytes of a frame that is audio and nothing else, and may go on unread; -1: any other frame. */
  audioIn(frame: Frame): number
  /** The audio of a frame for which `from.audioIn` has just been asked, as this leg reads it. May be the frame itself, changed in place. */
  audioOut(frame: Frame, from: Wire): Frame
  /** Where the frame of the last `audioIn` says what it is, and with which word. Undefined: its spelling is that of every wire. */
  readonly audioMark: { readonly at: number; readonly type: string } | undefined
  read(frame: Frame, isBinary: boolean): Reading | NoReading
  /** One text a message. Empty: this leg does not know such an event. */
  write(event: RealtimeEvent): readonly string[]
}
