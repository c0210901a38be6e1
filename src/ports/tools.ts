// Types of the tools that the relay runs: where they come from, what one call gets and what it leaves.
import type { SessionTool } from '../core/policy/profile.js'
import type { Identity } from './caller.js'
import type { Health } from './health.js'

export interface ToolCall {
  readonly callId: string
  readonly name: string
  /** JSON text as the model wrote it, not yet validated. */
  readonly arguments: string
}

export interface ToolContext {
  readonly identity: Identity
  readonly sessionId: string
  /** A `traceparent` (W3C Trace Context) to be passed on: of the call's own span, or the client's. */
  readonly trace?: string | undefined
  readonly signal: AbortSignal
  /** What the caller has pressed on the telephone, at most 64 keys. May be a card number: never logged. */
  readonly keys?: string | undefined
}

export interface ToolSpec extends SessionTool {
  /** Overrides the default time limit, in milliseconds. */
  readonly timeoutMs?: number
}

/** Makes the headers of one request that tell an HTTP tool's back end who is calling. */
export type IdentitySigner = (call: {
  readonly how: 'jwt' | 'headers'
  readonly identity: Pick<Identity, 'subject' | 'issuer'>
  readonly tool: string
  readonly method: string
  readonly url: URL
  readonly body: string | undefined
}) => Promise<Readonly<Record<string, string>>>

/** One place that tools come from: HTTP endpoints, modules, or an MCP server. */
export interface ToolSource {
  /** The source's name in logs and reports, e.g. `http`, `mcp:docs`. */
  readonly name: string
  list(): Promise<readonly ToolSpec[]>
  /** `args` passed validation. Resolves to what the model reads. May reject with anything: the model never sees that. */
  call(name: string, args: unknown, context: ToolContext): Promise<string>
  health(): Promise<Health>
  /** The health of one listed tool, if the tools of this source depend on different things. Without it, the source's health stands for each. */
  healthOf?(name: string): Promise<Health>
  close(): Promise<void>
}

export interface ToolOutcome {
  /** What the model reads, within the size limit. Errors are output too. */
  readonly output: string
  readonly outcome: 'ok' | 'error' | 'timeout' | 'aborted' | 'invalid_arguments' | 'unknown_tool'
  readonly durationMs: number
  readonly cut: boolean
}

/** The tools of one session, pinned when it opens. */
export interface ToolSet {
  readonly tools: readonly ToolSpec[]
  /** Never rejects. Settles soon after `context.signal` aborts. */
  run(call: ToolCall, context: ToolContext): Promise<ToolOutcome>
}

/** All tools of one version of the configuration. */
export interface ToolRegistry {
  /** The tools of these names as they are now, or all of them if `names` is undefined. An MCP server's label stands for all of its tools. Unknown names are left out. */
  toolSet(names: readonly string[] | undefined): ToolSet
  specs(): readonly ToolSpec[]
  /**
   * Every tool with the name of its source, as `healthBySource` has it, or `client` if the client answers it. `health` is the tool's own if its
   * source has `healthOf`, else its source's. Never rejects.
   */
  listing(): Promise<readonly { readonly spec: ToolSpec; readonly source: string; readonly health: Health }[]>
  /** `degraded` if any source is. Never `down`, since sessions go on without their tools. Never rejects. */
  health(): Promise<Health>
  /** Never rejects. */
  healthBySource(): Promise<readonly { readonly name: string; readonly health: Health }[]>
  close(): Promise<void>
}
