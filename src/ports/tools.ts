// Tools the relay runs: where they come from, what one call gets and what it leaves.
import type { SessionTool } from '../core/policy/profile.js'
import type { Identity } from './caller.js'
import type { Health } from './health.js'

export interface ToolCall {
  readonly callId: string
  readonly name: string
  /** JSON text as the model wrote it; not yet validated. */
  readonly arguments: string
}

export interface ToolContext {
  readonly identity: Identity
  readonly sessionId: string
  /** The client's `traceparent` header (W3C Trace Context), to be passed on; undefined: it sent none. */
  readonly trace?: string | undefined
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
