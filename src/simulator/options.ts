// The simulator's options and its interface.
import type { IncomingHttpHeaders } from 'node:http'
import type { DialectName } from '../core/protocol/dialect.js'
import type { RealtimeEvent } from '../core/protocol/events.js'
import type { Item } from './conversation.js'
import type { Faults } from './faults.js'
import type { ScriptSource } from './script-file.js'
import type { SipCaller } from './sip/caller.js'

export type Style = 'azure' | 'openai'
/** The `rate_limits.updated` after each response. `floats` has fractions in every number, as in some reports. */
export type RateLimitStyle = false | 'tokens' | 'requests' | 'both' | 'floats'

/** What a session's end at its longest time looks like. `close-error` sends the error after the close frame. After an error alone the connection stays silent. */
export type SessionEnd = 'error-close' | 'close-error' | 'error' | 'close' | 'server-error'

export interface SimulatorOptions {
  /** 0 or absent: a free port. */
  readonly port?: number
  /** Default 127.0.0.1. */
  readonly host?: string
  /** The only accepted key, in `api-key`, as a bearer token or (OpenAI) in a subprotocol. Absent: any key that is not empty. */
  readonly apiKey?: string
  /** The existing deployments. Absent: any name exists. */
  readonly deployments?: readonly string[]
  /** The deployments that transcribe. A turn that names another gets `…transcription.failed`. Absent: any name exists. */
  readonly transcriptionDeployments?: readonly string[]
  /** The model behind every deployment, such as `gpt-realtime-2.1`. Absent: the deployment's name counts as the model's. */
  readonly model?: string
  /** Azure refuses before the upgrade, OpenAI after it. Default azure. */
  readonly style?: Style
  /** Default, as in the recordings: none on Azure, `tokens` on OpenAI. */
  readonly rateLimits?: RateLimitStyle
  /** Tokens a minute of each deployment, shared by its sessions. Default 100 000. */
  readonly tokensPerMinute?: number
  /** Dials in any minute. Beyond them a dial is refused with 429 and `Retry-After`. Absent: no bound. */
  readonly dialsPerMinute?: number
  /** A session ends after this many seconds, and its `expires_at` says so. Default 3600. */
  readonly sessionSeconds?: number
  /** Default `error-close`: `session_expired`, then 1001. */
  readonly sessionEnd?: SessionEnd
  /** Milliseconds before each server event, and the most that chance adds. Their order stays. Default 0. */
  readonly latencyMs?: number
  readonly jitterMs?: number
  /** Answers in text, although audio is asked for, once the client has put written words of the assistant into the conversation. Default false. */
  readonly driftToText?: boolean
  /** Padding on deltas of text, as on the service. Default true. */
  readonly obfuscation?: boolean
  /** Makes ids and chance the same at every start. */
  readonly seed?: number
  /** What it says, in place of its own answers where one fits: the path of a YAML or JSON file, or the script itself. */
  readonly script?: ScriptSource
  readonly faults?: Faults
  /** The one UDP port of all WebRTC calls. Absent: a free one. */
  readonly webrtcPort?: number
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer }
  /** Default 1: like the service, with a pause before the first delta and audio five times faster than it plays. Larger is faster; Infinity never waits. */
  readonly speed?: number
  /** Replaces speech recognition and gets PCM16 at 24 kHz. If it throws, `heardText` is used. */
  readonly hear?: (pcm: Buffer) => string
  /** The words of every spoken turn if `hear` is absent. Default: a question about the weather if there are tools, else a sentence about the length. */
  readonly heardText?: string
  /** `espeak` uses the program espeak-ng if it is installed. Default: tones, one per syllable. */
  readonly voice?: 'tones' | 'espeak'
  /** Adds a spoken or written remark before function calls. Default: as the model does, from gpt-realtime-2 on. */
  readonly preamble?: boolean
  /** Client events kept per session for `received`. Default 1000; 0 keeps none. */
  readonly record?: number
  /** Opens a control port, on loopback unless `host` says otherwise: sessions, events, faults, scripts, and a page. */
  readonly control?: { readonly port?: number; readonly host?: string }
  readonly log?: (line: string) => void
}

/** The client events of one session, oldest first. Bounded, so of a long session only the latest part is kept. */
export interface ReceivedSession {
  readonly sessionId: string
  /** Path and query of the upgrade. */
  readonly target: string
  readonly headers: IncomingHttpHeaders
  readonly dialect: DialectName
  readonly deployment: string
  /** As the client spelled them. */
  readonly events: readonly RealtimeEvent[]
  /** Close code of an ended session. */
  readonly closeCode?: number
}

/** The items of one session's conversation, oldest first. */
export interface SessionConversation {
  readonly sessionId: string
  readonly items: readonly Item[]
}

/** A call by WebRTC or SIP that is open. */
export interface OpenCall {
  readonly id: string
  readonly sessionId: string
  /** Its media are up. */
  readonly connected: boolean
  /** Whether the browser's data channel is open. */
  readonly channel: boolean
  readonly sidebands: number
}

export interface Simulator {
  readonly port: number
  /** `http://127.0.0.1:<port>`, or https with `tls`. */
  readonly url: string
  /** Of the control port, if there is one. */
  readonly controlUrl?: string
  /** Open sessions. */
  sessions(): number
  /** Open calls, those by WebRTC first, each oldest first. */
  calls(): readonly OpenCall[]
  /** A call by SIP rings; whoever is told of it accepts or rejects it. */
  ringBySip(): SipCaller
  /** All open sessions; of those that ended, the latest, 64 in all. Oldest first. */
  readonly received: readonly ReceivedSession[]
  /** The conversations of the same sessions. */
  conversations(): readonly SessionConversation[]
  /** Replaces the faults of this simulator; `{}` switches all off. */
  setFaults(faults: Faults): void
  /** Replaces the script, also for open sessions; undefined: none. Throws a `ScriptError`, and then the old one stays. */
  setScript(script: ScriptSource | undefined): void
  /** Handles an event as if another client of that session's conversation had sent it. False: no such session is open. */
  inject(sessionId: string, event: RealtimeEvent): boolean
  /** Ends every session and stops listening. */
  close(): Promise<void>
}
