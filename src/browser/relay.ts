// What an app holds: one session with the relay at a time, its microphone and its sound.
import type { ClientEvent, ServerEvent, ServerEvents } from '../events/events.js'
import type { Problem } from './trouble.js'

export interface RelayOptions {
  /** Of the relay: `wss://…/v1/realtime`. */
  readonly url: string
  /** A token of your own back end. Asked before each dial, and before the last one ends, so that a short-lived one is fresh. It has ten seconds. */
  readonly token: () => string | Promise<string>
  /** Default `websocket`. `webrtc` where the relay allows it. */
  readonly transport?: 'websocket' | 'webrtc'
  /** Who stops an answer that the user speaks into. Default `speech`. `relay`: for profiles with `bargeIn: "protect"`, `protectMs` or `minSpeechMs`. */
  readonly interruptedBy?: 'speech' | 'relay'
  /** Where you serve `microphone-worklet.js`, for pages whose Content Security Policy allows no `blob:` in `script-src`. */
  readonly workletUrl?: string
}

/** `away`: the socket is lost, and the kit comes back by itself. */
export type RelayState = 'closed' | 'connecting' | 'open' | 'away'

/** What `on` can listen to: every event of the relay by its type, and what the kit itself has to say. */
export type Listeners = { [T in keyof ServerEvents]: (event: ServerEvents[T]) => void } & {
  /** Every event of the relay. */
  '*': (event: ServerEvent) => void
  /** Every event of the page's own, also those that the kit makes. */
  sent: (event: ClientEvent) => void
  state: (state: RelayState) => void
  problem: (problem: Problem) => void
  /** An answer sounds, or no longer does. */
  speaking: (speaking: boolean) => void
  /** The microphone is open, or no longer is. */
  listening: (listening: boolean) => void
}

export interface Relay {
  readonly state: RelayState
  /** The microphone is open. */
  readonly listening: boolean
  /** An answer sounds. */
  readonly speaking: boolean
  /** Returns what ends the listening. */
  on<T extends keyof Listeners>(type: T, listener: Listeners[T]): () => void
  /** Resolves when the session is live, and rejects with a `Problem`. Opens anew after an end. */
  open(): Promise<void>
  /** Kept until the session is live, also while away: the last thousand. */
  send(event: ClientEvent): void
  /** A message of the user's, and a request for the answer. Interrupts what is being said. */
  say(text: string): void
  /** Call it in a click: opens if needed, then the microphone. Rejects with a `Problem`. */
  talk(): Promise<void>
  /** Closes the microphone. */
  mute(): void
  /** Ends the answer, and tells the model how much of it was heard. */
  interrupt(): void
  close(): void
}

/** What the kit's parts have to say to the whole. */
export interface Hooks {
  readonly send: (event: ClientEvent) => void
  readonly tell: (problem: Problem) => void
  /** 50 ms of what is said, as base64. */
  readonly onPart: (base64: string) => void
  readonly onSpeaking: (speaks: boolean) => void
  readonly onListening: (listens: boolean) => void
}
