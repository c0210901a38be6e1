// The model’s side: what is dialled, and what a dial gives.
import type { DialectName } from '../core/protocol/dialect.js'
import type { Health } from './health.js'
import type { Link } from './link.js'

/** Who was reached, for what is counted and for traces. */
export interface UpstreamService {
  /** As the configuration names it. */
  readonly name: string
  readonly provider: 'azure' | 'openai' | 'voice-live'
  readonly address: string
  readonly port: number
}

export interface UpstreamConnection {
  /** Paused until the relay resumes it; no event has been consumed. */
  readonly link: Link
  readonly dialect: DialectName
  /** Name under which limits are recorded. Never shown to a client. */
  readonly deployment: string
  /** Further words that must not appear in any text towards a client, e.g. the endpoint's host. */
  readonly privateWords?: readonly string[]
  /** The zone of the upstream, if it has one. */
  readonly zone?: string | undefined
  readonly service?: UpstreamService | undefined
}

export interface DialRequest {
  /** Sent as `x-ms-client-request-id`. */
  readonly correlationId: string
  /** Sent as `traceparent`, if a socket is opened for this request. */
  readonly trace?: string | undefined
  readonly signal: AbortSignal
  /** The only zones that the conversation may go to. Absent: any. */
  readonly zones?: readonly string[] | undefined
  /** `deployment` of a connection that was just lost: taken again only if no other upstream can be. */
  readonly avoid?: string | undefined
  /** Connections that were opened ahead are left to sessions that lost theirs. */
  readonly leavesReady?: boolean | undefined
}

export interface UpstreamProvider {
  /**
   * Opens an upstream socket with the server's own credentials. Rejects with a `RefusalError`: `upstream_refused`,
   * `upstream_timeout` or `rate_limited` (with `retryAfterSeconds`). Aborting `signal` ends the dial.
   */
  dial(request: DialRequest): Promise<UpstreamConnection>
  /** A connection to this `deployment` was lost in the middle of a session: that counts like a dial that failed. */
  lost?(deployment: string): void
  health(): Promise<Health>
  close(): Promise<void>
}
