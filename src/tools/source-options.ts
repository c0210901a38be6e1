// Says what every tool source is built with: limits, a log, and the folder of relative files.
import type { ProxyConfig } from '../config/config.js'
import type { IdentitySigner } from '../ports/tools.js'

/** Fields hold names and numbers, but no arguments, outputs, hosts or error texts unless the operator asked for payloads. A pino logger fits. */
export interface ToolLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export interface SourceOptions {
  /** Default time limit of one call, in milliseconds. */
  readonly timeoutMs: number
  /** Longest output of one call, in bytes of UTF-8. Sources read at most `sourceBytes(maxBytes)`. */
  readonly maxBytes: number
  readonly log: ToolLog
  /** Whether arguments and outputs are logged, which likely hold speech and personal data. */
  readonly logPayloads?: boolean
  /** Relative module files and MCP commands start from this absolute folder. */
  readonly baseDir: string
  /** The proxy on the way to a host. Absent: every host is reached directly. */
  readonly proxyFor?: (url: URL) => ProxyConfig | undefined
  /** Signs who is calling, for the HTTP tools that ask for it. Without it their calls fail. */
  readonly signIdentity?: IdentitySigner
}

/** A little more than the limit, so that the cut can tell a full answer from one that went on. */
export function sourceBytes(maxBytes: number): number {
  return maxBytes + 4
}
