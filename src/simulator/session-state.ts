// The state and abilities of one session, which all its parts share.
import type { JsonObject, RealtimeEvent } from '../core/protocol/events.js'
import type { Conversation } from './conversation.js'
import type { EndFault, Faults, Garbage } from './faults.js'
import type { Chance } from './ids.js'
import type { InputAudio } from './input-audio.js'
import type { ModelTraits } from './models.js'
import type { SimulatorOptions, Style } from './options.js'
import type { RateLimits } from './rate-limits.js'
import type { ScriptRun } from './script-run.js'
import type { SessionConfig } from './session-config.js'

export interface ResponseRun {
  readonly id: string
  /** Sends the closing events and `response.done` at once. Does nothing once the response is over. */
  cancel(reason: 'turn_detected' | 'client_cancelled'): void
}

/** Words that a transcription model sends during speech. */
export interface Captions {
  readonly itemId: string
  readonly sent: number
  stop(): void
}

/** Plays answers where sound does not go by events. */
export interface Speaker {
  /** So much more sound of a response, PCM16 at 24 kHz. */
  play(responseId: string, ms: number, pcm: Buffer): void
  /** No more comes of it. */
  end(responseId: string): void
  /** Plays nothing more of what is there. */
  clear(): void
}

export interface Session {
  readonly style: Style
  readonly deployment: string
  readonly traits: ModelTraits
  readonly options: SimulatorOptions
  readonly newId: Chance['newId']
  readonly limits: RateLimits
  readonly conversation: Conversation
  readonly input: InputAudio
  config: SessionConfig
  /** The response that writes to the default conversation. */
  active: ResponseRun | undefined
  /** Out-of-band responses by id. */
  readonly aside: Map<string, ResponseRun>
  /** Item id of the speech that is going on. */
  speechItemId: string | undefined
  /** The words of that speech which are already sent. */
  captions: Captions | undefined
  /** A spoken turn ended while a response was active. It is answered next. */
  answerNext: boolean
  hasSpoken: boolean
  /** Text tokens in the input of the last response. */
  cachedText: number
  stopIdleTimer: () => void
  readonly script: ScriptRun
  /** Of a call by WebRTC or SIP. */
  speaker: Speaker | undefined
  faults(): Faults
  /** Replaces the faults of the whole simulator. */
  setFaults(faults: Faults): void
  /** Sends an event in GA vocabulary; an `event_id` is added. Ignored once the session is over. */
  send(type: string, fields: JsonObject): void
  sendGarbage(kind: Garbage): void
  /** Returns true while the client reads too slowly, and then calls `resume` once it has caught up. */
  congested(resume: () => void): boolean
  /** Calls back once, unless cancelled or the session is over. Even with 0, other events may come in between. */
  after(ms: number, callback: () => void): () => void
  /** Converts milliseconds at the service's pace to the simulator's pace. */
  paced(ms: number): number
  endByFault(fault: EndFault): void
  /** Handles an event soon, as if another client of this conversation had sent it. */
  inject(event: RealtimeEvent): void
}
