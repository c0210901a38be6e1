// What a caller may ask of the simulator, and what it gets back.
import type { IncomingHttpHeaders } from 'node:http'
import type { DialectName } from '../core/protocol/dialect.js'
import type { RealtimeEvent } from '../core/protocol/events.js'
import type { Faults } from './faults.js'

export type Style = 'azure' | 'openai'
/** Which `rate_limits.updated` follows each response: `floats` has fractions in every number, as some reports show. */
export type RateLimitStyle = false | 'tokens' | 'requests' | 'both' | 'floats'

export interface SimulatorOptions {
  /** 0 or absent: a free one. */
  readonly port?: number
  /** Default 127.0.0.1. */
  readonly host?: string
  /** The one accepted key, in `api-key`, a bearer or (OpenAI) a subprotocol; absent: anything that is not empty. */
  readonly apiKey?: string
  /** Names that exist; absent: any. */
  readonly deployments?: readonly string[]
  /** Azure refuses before the upgrade, OpenAI after it. Default azure. */
  readonly style?: Style
  /** Default as recorded: none on Azure, `tokens` on OpenAI. */
  readonly rateLimits?: RateLimitStyle
  /** Tokens a minute of each deployment, shared by its sessions. Default 100 000. */
  readonly tokensPerMinute?: number
  /** Length after which a session is ended with 1001. Default 3600. */
  readonly sessionSeconds?: number
  readonly faults?: Faults
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer }
  /** 1: like the service (a pause before the first delta, audio five times faster than it plays); larger is faster; Infinity never waits. Default 1. */
  readonly speed?: number
  /** Stands in for speech recognition; gets PCM16 at 24 kHz. May throw, then the text below is used. */
  readonly hear?: (pcm: Buffer) => string
  /** What every spoken turn says where `hear` is absent. Without it: a question about the weather if there are tools, else a sentence about the length. */
  readonly heardText?: string
  /** `espeak` uses the espeak-ng program where it is installed; default tones, one a syllable. */
  readonly voice?: 'tones' | 'espeak'
  /** A spoken or written remark before function calls, as gpt-realtime-2 makes. Default false. */
  readonly preamble?: boolean
  /** Client events kept per session for `received`. Default 1000, 0 keeps none. */
  readonly record?: number
  readonly log?: (line: string) => void
}

/** What one session was sent, oldest first; bounded, so a long session shows its latest part. */
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
  /** Replaces the faults of this process; `{}` ends them all. */
  setFaults(faults: Faults): void
  /** Ends every session and stops listening. */
  close(): Promise<void>
}
