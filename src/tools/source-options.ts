// What every tool source is given when it is built: limits, a log, and where relative files are looked for.
import type { IdentitySigner } from '../ports/tools.js'

/** Fields hold names and numbers only: no arguments, outputs, hosts or error texts, unless the operator asked for payloads. A pino logger fits. */
export interface ToolLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export interface SourceOptions {
  /** Default time limit of one call, in milliseconds. */
  readonly timeoutMs: number
  /** Longest output of one call, in bytes of UTF-8. Sources return at most `sourceBytes(maxBytes)`; the rest is never read. */
  readonly maxBytes: number
  readonly log: ToolLog
  /** Writes what goes into a tool and what comes out to the log: speech and personal data, in all likelihood. */
  readonly logPayloads?: boolean
  /** Absolute folder that relative module files and MCP commands start from. */
  readonly baseDir: string
  /** Signs who is calling, for the HTTP tools that ask for it. Without it their calls fail. */
  readonly signIdentity?: IdentitySigner
}

/** A little more than the limit, so that whoever cuts can tell a full answer from one that went on. */
export function sourceBytes(maxBytes: number): number {
  return maxBytes + 4
}
