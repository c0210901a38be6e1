// A simulated caller by SIP: a voice, an ear, keys, and what became of the call. Types only.
import type { CallerAudio } from '../carriers/caller-audio.js'
import type { Heard } from '../carriers/heard.js'

/** What became of a call, for its caller. */
export type SipEnd =
  | { readonly type: 'rejected'; readonly sipStatus: number }
  | { readonly type: 'over'; readonly by: 'caller' | 'relay' }
  | { readonly type: 'transferred'; readonly target: string }

/** The caller's side. */
export interface SipCaller {
  readonly callId: string
  readonly voice: CallerAudio
  readonly ear: Heard
  readonly accepted: Promise<void>
  readonly ended: Promise<SipEnd>
  press(key: string): void
  hangUp(): void
  /** What is said does not arrive any more. */
  loseMedia(): void
}
