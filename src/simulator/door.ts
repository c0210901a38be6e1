// A door: one address of the service, with its own spelling of events and its own refusals. The session behind it speaks GA.
import type { RealtimeEvent } from '../core/protocol/events.js'
import type { Style } from './options.js'
import type { Problem } from './validate.js'

/** The problem that answers an event. With `close`, the session ends after it. */
export interface Refusal {
  readonly problem: Problem
  readonly close?: { readonly code: number; readonly reason: string }
}

export interface Door {
  /** In the order in which the service lists them. */
  readonly supported: readonly string[]
  /** What the client sent, in GA. Empty: this door has no such event. */
  read(event: RealtimeEvent): readonly RealtimeEvent[] | Refusal
  /** An event of the session as this door spells it. Empty: this door has no such event. */
  write(event: RealtimeEvent): readonly RealtimeEvent[]
}

export interface DoorOptions {
  readonly style: Style
  /** Whether deltas of text are padded. */
  readonly obfuscation: boolean
  /** Whether it is a WebRTC call's. */
  readonly call?: boolean
}
