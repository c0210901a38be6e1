// What a session remembers of interruptions, and whose they are: the upstream's own, or the relay's where the profile says more than yes.
import type { SessionProfile } from '../../policy/profile.js'
import { type RealtimeEvent, stringAt } from '../../protocol/events.js'

export interface PlayingState {
  /** Speech is to interrupt answers: as the client wants it, or as is in force upstream. */
  readonly interrupts: boolean
  /** So long after the end of speech the upstream says so, as is in force. 0: it does not say. */
  readonly silenceMs: number
  /** The user speaks into an answer since then, and has not interrupted it. */
  readonly speechAt: number | undefined
  /** When the relay looks at that again. Undefined: at the next input. */
  readonly dueAt: number | undefined
  /** This response was interrupted. Its audio and its words do not reach the client any more. */
  readonly discarded: string | undefined
  /** Where the last parts were truncated, by the relay or the client: milliseconds by `partKey`. */
  readonly truncated: ReadonlyMap<string, number>
}

/** Shared by all sessions in which nobody was interrupted. */
export const noPlaying: PlayingState = { interrupts: true, silenceMs: 0, speechAt: undefined, dueAt: undefined, discarded: undefined, truncated: new Map() }

/** With every field written out, for the reason that `stateWith` gives. */
export function playingWith(p: PlayingState, changes: Partial<PlayingState>): PlayingState {
  const copy: PlayingState = { interrupts: p.interrupts, silenceMs: p.silenceMs, speechAt: p.speechAt, dueAt: p.dueAt, discarded: p.discarded, truncated: p.truncated }
  return Object.assign(copy, changes)
}

export function partKey(itemId: string, contentIndex: number): string {
  return `${contentIndex} ${itemId}`
}

/** Of a session's state. */
interface Owned {
  readonly profile: Pick<SessionProfile, 'interruption'>
  readonly call: unknown
}

/** The relay says when speech interrupts, so the upstream must not. Of a call, whose sound it does not hear, it says no more than yes or no. */
export function interruptsItself({ profile, call }: Owned): boolean {
  if (!profile.interruption) return false
  const { bargeIn, protectMs = 0, minSpeechMs = 0 } = profile.interruption
  return bargeIn === 'protect' || (!call && (protectMs > 0 || minSpeechMs > 0))
}

/** The relay truncates what was not heard. In a call the service does, since it plays. */
export function relayTruncates({ profile, call }: Owned): boolean {
  return profile.interruption?.truncate === 'relay' && !call
}

const LATE: ReadonlySet<string> = new Set(['response.output_audio.delta', 'response.output_audio_transcript.delta'])

/** Audio, or its words, that nobody is to hear. */
export function isLate({ discarded }: PlayingState, event: RealtimeEvent): boolean {
  return discarded !== undefined && LATE.has(event.type) && stringAt(event, 'response_id') === discarded
}
