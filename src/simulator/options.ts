// The simulator's options and its interface.
import type { IncomingHttpHeaders } from 'node:http'
import type { DialectName } from '../core/protocol/dialect.js'
import type { RealtimeEvent } from '../core/protocol/events.js'
import type { Faults } from './faults.js'

export type Style = 'azure' | 'openai'
/** The `rate_limits.updated` after each response. `floats` has fractions in every number, as in some reports. */
export type RateLimitStyle = false | 'tokens' | 'requests' | 'both' | 'floats'

export interface SimulatorOptions {
  /** 0 or absent: a free port. */
  readonly port?: number
  /** Default 127.0.0.1. */
  readonly host?: string
  /** The only accepted key, in `api-key`, as a bearer token or (OpenAI) in a subprotocol. Absent: any key that is not empty. */
  readonly apiKey?: string
  /** The existing deployments. Absent: any name exists. */
  readonly deployments?: readonly string[]
  /** Azure refuses before the upgrade, OpenAI after it. Default azure. */
  readonly style?: Style
  /** Default, as in the recordings: none on Azure, `tokens` on OpenAI. */
  readonly rateLimits?: RateLimitStyle
  /** Tokens a minute of each deployment, shared by its sessions. Default 100 000. */
  readonly tokensPerMinute?: number
  /** A session ends with 1001 after this many seconds. Default 3600. */
  readonly sessionSeconds?: number
  readonly faults?: Faults
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer }
  /** Default 1: like the service, with a pause before the first delta and audio five times faster than it plays. Larger is faster; Infinity never waits. */
  readonly speed?: number
  /** Replaces speech recognition and gets PCM16 at 24 kHz. If it throws, `heardText` is used. */
  readonly hear?: (pcm: Buffer) => string
  /** The words of every spoken turn if `hear` is absent. Default: a question about the weather if there are tools, else a sentence about the length. */
  readonly heardText?: string
  /** `espeak` uses the program espeak-ng if it is installed. Default: tones, one per syllable. */
  readonly voice?: 'tones' | 'espeak'
  /** Adds a spoken or written remark before function calls, as gpt-realtime-2 does. Default false. */
  readonly preamble?: boolean
  /** Client events kept per session for `received`. Default 1000; 0 keeps none. */
  readonly record?: number
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

export interface Simulator {
  readonly port: number
  /** `http://127.0.0.1:<port>`, or https with `tls`. */
  readonly url: string
  /** Open sessions. */
  sessions(): number
  /** The latest 64 sessions, open or ended. */
  readonly received: readonly ReceivedSession[]
  /** Replaces the faults of this simulator; `{}` switches all off. */
  setFaults(faults: Faults): void
  /** Ends every session and stops listening. */
  close(): Promise<void>
}
