// Everything replaceable, on one page. Types only; each port has one contract suite under test/contract.
import type { LimitSource } from './core/limit-merge.js'
import type { SessionProfile, SessionTool } from './core/policy/profile.js'
import type { HoldAnswer, HoldRequest } from './core/policy/quota.js'
import type { DialectName } from './core/protocol/dialect.js'
import type { RefusalCode } from './core/protocol/errors.js'
import type { Frame } from './core/protocol/events.js'
import type { SessionDirectory } from './ports-sessions.js'

export type { EndOutcome, EndTarget, SessionDirectory, SessionPage, SessionRecord } from './ports-sessions.js'

/** One socket, either side. Made by `ws-link.ts`; never throws and never raises an unhandled error. */
export interface Link {
  /** Queues one text message. Ignored after close. */
  send(data: Frame | string): void
  /** Starts the closing handshake; the socket is destroyed after a short wait if the peer does not answer. `code` must be one `ws` may send. */
  close(code: number, reason: string): void
  /** Stops reading. Frames already received may still be delivered, at most one read of the socket (64 KiB). */
  pause(): void
  resume(): void
  /** Bytes accepted by `send` that the operating system has not taken yet. */
  readonly bufferedBytes: number
  /** A link starts paused: reading begins with the first `resume()`. One callback each; the last one set counts. */
  onFrame(callback: (frame: Frame, isBinary: boolean) => void): void
  /**
   * Called when everything buffered has been written after `bufferedBytes` was above zero. Less than 64 KiB that the system took late may go unsaid:
   * whoever waits for those looks at `bufferedBytes`. Best unset where nobody waits: it is looked for after each write.
   */
  onDrain(callback: (() => void) | undefined): void
  /** Called exactly once, whoever closed: the peer's code (1005, 1006 included) and nothing of its reason. */
  onClose(callback: (code: number) => void): void
}

/** A verified caller. Made from the verified token alone. */
export interface Identity {
  /** The token's `sub`: 1 to 256 characters without control characters. */
  readonly subject: string
  readonly issuer: string | undefined
  /** The token's `jti`. */
  readonly tokenId: string | undefined
  /** The token's `exp`, epoch milliseconds. */
  readonly expiresAtMs: number
  readonly claims: Readonly<Record<string, unknown>>
}

/** What of an upgrade request may carry a credential. Header names are lower case, as Node gives them. */
export interface UpgradeRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly query: URLSearchParams
}

export interface Authenticator {
  /** Resolves to the caller; rejects with a `RefusalError` (`unauthenticated`, `ambiguous_credentials`). Bounded in time by itself. */
  authenticate(request: UpgradeRequest): Promise<Identity>
  /** Verifies one bare token the same way (in-session refresh, admin API). */
  verify(token: string): Promise<Identity>
  /** For `/readyz` and `check`: whether tokens can be verified now. Never rejects. */
  health(): Promise<Health>
}

export interface UpstreamConnection {
  /** Paused until the relay resumes it; no event has been consumed. */
  readonly link: Link
  readonly dialect: DialectName
  /** Name under which limits are recorded. Never shown to a client. */
  readonly deployment: string
  /** Further words that must not appear in any text towards a client, e.g. the endpoint's host. */
  readonly privateWords?: readonly string[]
}

export interface UpstreamProvider {
  /**
   * Opens an upstream socket with the server's own credentials. Rejects with a `RefusalError`: `upstream_refused`,
   * `upstream_timeout` or `rate_limited` (with `retryAfterSeconds`). Aborting `signal` ends the dial.
   */
  dial(request: { correlationId: string; signal: AbortSignal }): Promise<UpstreamConnection>
  health(): Promise<Health>
  close(): Promise<void>
}

export interface ToolCall {
  readonly callId: string
  readonly name: string
  /** JSON text as the model wrote it; not yet validated. */
  readonly arguments: string
}

export interface ToolContext {
  readonly identity: Identity
  readonly sessionId: string
  readonly signal: AbortSignal
}

export interface ToolSpec extends SessionTool {
  /** Overrides the default time limit, in milliseconds. */
  readonly timeoutMs?: number
}

/** Headers that tell an HTTP tool's back end who is calling, for this one request. */
export type IdentitySigner = (call: {
  readonly how: 'jwt' | 'headers'
  readonly identity: Pick<Identity, 'subject' | 'issuer'>
  readonly tool: string
  readonly method: string
  readonly url: URL
  readonly body: string | undefined
}) => Promise<Readonly<Record<string, string>>>

/** Where tools come from: http, code, MCP servers, or the client itself. */
export interface ToolSource {
  /** The source's name in logs and clashes, e.g. `http`, `mcp:docs`. */
  readonly name: string
  list(): Promise<readonly ToolSpec[]>
  /** `args` passed validation. Resolves to what the model reads; may reject with anything, which the model never sees. */
  call(name: string, args: unknown, context: ToolContext): Promise<string>
  health(): Promise<Health>
  /** Of one listed tool, where the tools of a source depend on different things. Without it, the source's own stands for each. */
  healthOf?(name: string): Promise<Health>
  close(): Promise<void>
}

export interface ToolOutcome {
  /** What the model reads, errors included; within the size limit. */
  readonly output: string
  readonly outcome: 'ok' | 'error' | 'timeout' | 'aborted' | 'invalid_arguments' | 'unknown_tool'
  readonly durationMs: number
  readonly cut: boolean
}

/** The tools of one session, pinned when it opens. */
export interface ToolSet {
  readonly tools: readonly ToolSpec[]
  /** Never rejects; ends soon after `context.signal` aborts. */
  run(call: ToolCall, context: ToolContext): Promise<ToolOutcome>
}

/** One limit as reported for a deployment, in whatever shape the upstream gave it (source: recordings, protocol dossier 3.5). */
export interface LimitReport {
  readonly deployment: string
  readonly source: LimitSource
  /** Epoch milliseconds when the relay saw it. */
  readonly at: number
  /** `used`: what one response took; the store adds it up per minute, over all relays. */
  readonly limits: readonly { name: string; limit?: number; remaining?: number; resetSeconds?: number; used?: number }[]
  /** Its `used` counts once per id, however often it is reported. */
  readonly onceId?: string
  readonly sessionId?: string
  readonly subject?: string
}

/** Whose counters: of a user (the token's `sub`), or of everybody of a tenant, a profile or a deployment. */
export interface UsageOwner {
  readonly kind: 'subject' | 'tenant' | 'profile' | 'deployment'
  readonly name: string
}

/** Added to the counters of every owner it names. */
export interface UsageReport {
  readonly subject: string
  readonly deployment: string
  readonly tenant?: string
  readonly profile?: string
  /** Counted for the user per minute and per month as well, so that a quota can be read. */
  readonly windows?: readonly ('minute' | 'month')[]
  readonly at: number
  /** Counters to add: `responses`, `sessions`, `seconds`, `input_tokens`, `output_text_tokens`, … */
  readonly counters: Readonly<Record<string, number>>
  /** Counts once per id, however often it is reported. */
  readonly onceId?: string
}

export interface Lease {
  release(): void
}

export interface LimitState {
  readonly name: string
  readonly limit?: number
  readonly remaining?: number
  readonly resetAt?: number
  readonly source: LimitSource
  readonly at: number
  /** What the relays saw used in the minute that began at `usedFrom`, epoch milliseconds. */
  readonly used?: number
  readonly usedFrom?: number
}

export interface LimitStore {
  readonly directory: SessionDirectory
  /** Never blocks and never throws: queued within a bound, merged to the latest per deployment. */
  recordLimits(report: LimitReport): void
  /** Never blocks and never throws; queued within a bound, merged by adding. */
  recordUsage(report: UsageReport): void
  /** The latest of every limit of a deployment. Rejects when the store cannot be asked. */
  limitsOf(deployment: string): Promise<readonly LimitState[]>
  /** One owner's counters of one UTC day (`yyyy-mm-dd`), and of a month (`yyyy-mm`) or minute (`yyyy-mm-ddThh:mm`) where reports asked for them; none: empty. Rejects when the store cannot be asked. */
  usageOf(owner: UsageOwner, window: string): Promise<Readonly<Record<string, number>>>
  /** In one step for all relays: granted where every check leaves something of what is used and held, and then held. Rejects when the store cannot be asked; it may then be held or not. */
  hold(request: HoldRequest): Promise<HoldAnswer>
  /** Gives back what a holder holds, after what was recorded before. Never blocks and never throws; where it fails the time to live ends it. */
  letGo(subject: string, holder: string): void
  /** One token-bucket decision. Falls back to this process's own arithmetic when the store is away. */
  take(key: string, cost: number, rule: { perSecond: number; burst: number }): Promise<{ ok: boolean; retryAfterMs: number }>
  /** A place among at most `max` sessions of `subject`, kept alive by the store until released; undefined when none is free. */
  lease(subject: string, sessionId: string, max: number): Promise<Lease | undefined>
  /** Calls back for every revocation of a token id or subject from now on. */
  onRevoked(callback: (revoked: { tokenId?: string; subject?: string }) => void): void
  isRevoked(identity: Identity): Promise<boolean>
  /** Until when a token id or subject is refused, epoch milliseconds. */
  revoke(target: { tokenId?: string; subject?: string }, untilMs: number): Promise<void>
  health(): Promise<Health>
  /** Writes what is queued, within `deadlineMs`, then disconnects. Resolves whatever happens. */
  close(deadlineMs: number): Promise<void>
}

export interface Health {
  /** `degraded`: sessions go on, something is missing. `down`: new sessions cannot work. */
  readonly status: 'ok' | 'degraded' | 'down'
  /** Fixed words, no host, no secret. */
  readonly detail: string
}

/** Something worth counting or logging. Label values come from fixed sets; no secret, no speech, no prompt. */
export type Note =
  | { note: 'upgrade_refused'; code: RefusalCode }
  | { note: 'session_opened'; dialect: DialectName; profile: string }
  | { note: 'session_closed'; code: RefusalCode | 'client_left'; why: string; durationMs: number; upMessages: number; downMessages: number; upBytes: number; downBytes: number }
  | { note: 'event_refused'; type: string; code: RefusalCode }
  | { note: 'event_dropped'; side: 'client' | 'upstream'; why: string }
  | { note: 'tool_finished'; tool: string; outcome: ToolOutcome['outcome']; durationMs: number; cut: boolean }
  | { note: 'upstream_error'; code: string }
  | { note: 'configured'; durationMs: number }
  | { note: 'response_done'; status: string }
  /** `rule` as `responses_per_day`; `unknown`: nobody could tell what is left. */
  | { note: 'quota_refused'; rule: string }
  | { note: 'backpressure'; side: 'client' | 'upstream' }
  | { note: 'lane'; side: 'client' | 'upstream'; hits: number; misses: number }

/** Metrics, audit, log. Never blocks, never throws. */
export interface Recorder {
  note(note: Note): void
}

/** What ingress hands to the relay once everything before the 101 has been decided. */
export interface NewSession {
  readonly client: Link
  readonly dialect: DialectName
  readonly sessionId: string
  readonly identity: Identity
  readonly profile: SessionProfile
  readonly tools: ToolSet
  /** Model name the client asked for; echoed to it, never sent upstream. */
  readonly requestedModel: string | undefined
  readonly recorder: Recorder
  readonly onEnd: () => void
}
export type OpenSession = (session: NewSession) => void
