// The shape of the tools of a valid configuration, and of what only the part that runs tools can find wrong with them.
import type { ToolDefinition, ToolHandling } from '../core/policy/profile.js'
import type { JsonObject } from '../core/protocol/events.js'
import type { Secret } from './secret.js'

export interface HttpToolRun {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Template; `{argument}` slots in path, query and header values. */
  readonly url: string
  readonly headers: Readonly<Record<string, Secret>>
  readonly timeoutMs: number | undefined
  /** Retry once after a connection error or 502, 503, 504: the operator declares the call safe to repeat. */
  readonly idempotent: boolean
  /** Refuse private addresses. Only the template's own host can be reached anyway. */
  readonly denyPrivateAddresses: boolean
  /** How the back end learns who is calling. If absent, it does not. */
  readonly identity?: 'jwt' | 'headers' | undefined
}

/** Its results must not be readable by callers, as they are on the data channel of a call. */
interface Confidential {
  readonly confidential?: true
}

export type ToolConfig =
  | ({ readonly kind: 'http'; readonly definition: ToolDefinition; readonly run: HttpToolRun; readonly handling?: ToolHandling } & Confidential)
  | ({
      readonly kind: 'module'
      readonly definition: ToolDefinition
      readonly file: string
      readonly exportName: string
      readonly timeoutMs: number | undefined
      /** Whole numbers beyond 2^53 arrive as `bigint`. Unless it is true, the model is told that they are too large. */
      readonly bigIntegers?: boolean
      readonly handling?: ToolHandling
    } & Confidential)
  | { readonly kind: 'client'; readonly definition: ToolDefinition }
  | ({
      readonly kind: 'mcp'
      readonly label: string
      readonly transport:
        | { readonly url: URL; readonly headers: Readonly<Record<string, Secret>> }
        | { readonly command: string; readonly args: readonly string[]; readonly env: Readonly<Record<string, Secret>> }
      readonly allowedTools: readonly string[] | undefined
      /** Holds for all tools of the server. */
      readonly handling?: ToolHandling
    } & Confidential)

/** What could be read of one entry of TOOLS. A field that is missing or of the wrong type is absent here and has been reported. */
export interface ToolEntry {
  /** Of a function. */
  readonly name?: string | undefined
  /** Of an MCP server. */
  readonly label?: string | undefined
  readonly description?: string | undefined
  readonly parameters?: JsonObject | undefined
  /** Absent if the entry's parameters could not be read, since the template refers to them. */
  readonly http?: HttpToolRun | undefined
}

/** One mistake in the entry with this index. `problem` completes the sentence "TOOLS entry 1: …" and quotes no secret. */
export interface ToolMistake {
  readonly entry: number
  readonly problem: string
}

/** Finds every mistake that only the part that runs tools can know. Dials nothing and reads no file. */
export type CheckTools = (entries: readonly ToolEntry[]) => readonly ToolMistake[]
