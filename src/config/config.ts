// The shape of a valid configuration: what every part is built from. Durations are milliseconds, sizes bytes.
import type { KeyObject } from 'node:crypto'
import type { PriceTable } from '../core/policy/price.js'
import type { ToolDefinition, ToolHandling } from '../core/policy/profile.js'
import type { QuotaSetting } from '../core/policy/quota-claims.js'
import type { DialectName } from '../core/protocol/dialect.js'
import type { JsonObject } from '../core/protocol/events.js'
import type { Secret } from './secret.js'

export interface UpstreamConfig {
  readonly name: string
  readonly provider: 'azure' | 'openai' | 'voice-live'
  /** Origin (Azure) or base URL (OpenAI), `http(s)`; plain http on loopback only. */
  readonly endpoint: URL
  /** Azure deployment or OpenAI model. */
  readonly deployment: string
  /** Absent: Entra ID. */
  readonly apiKey: Secret | undefined
  readonly entraScope: string
  /** Undefined or `v1`: GA. A dated preview: preview path and dialect. */
  readonly apiVersion: string | undefined
  readonly priority: number
  readonly weight: number
  /** What may be used a minute, by name (`tokens`, `requests`), until the provider says so itself. */
  readonly limits?: Readonly<Record<string, number>>
}

/** The key was checked: it is strong enough, and every one of `algorithms`, which are never empty, fits it. A key set always comes with issuer and audience. */
export interface AuthConfig {
  readonly key: { readonly kind: 'secret'; readonly secret: Secret } | { readonly kind: 'public'; readonly key: KeyObject } | { readonly kind: 'jwks'; readonly url: URL }
  readonly issuer: string | undefined
  readonly audience: string | undefined
  readonly algorithms: readonly string[]
  readonly clockToleranceMs: number
  readonly allowQueryToken: boolean
}

export interface HttpToolRun {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Template; `{argument}` slots in path, query and header values. */
  readonly url: string
  readonly headers: Readonly<Record<string, Secret>>
  readonly timeoutMs: number | undefined
  /** Retried once on a connection error or 502/503/504 when declared safe to repeat. */
  readonly idempotent: boolean
  /** Hosts besides the template's own that may be reached are none; private ranges are refused when set. */
  readonly denyPrivateAddresses: boolean
  /** How the back end is told who is calling; absent: not at all. */
  readonly identity?: 'jwt' | 'headers' | undefined
}

export type ToolConfig =
  | { readonly kind: 'http'; readonly definition: ToolDefinition; readonly run: HttpToolRun; readonly handling?: ToolHandling }
  | {
      readonly kind: 'module'
      readonly definition: ToolDefinition
      readonly file: string
      readonly exportName: string
      readonly timeoutMs: number | undefined
      readonly handling?: ToolHandling
    }
  | { readonly kind: 'client'; readonly definition: ToolDefinition }
  | {
      readonly kind: 'mcp'
      readonly label: string
      readonly transport:
        | { readonly url: URL; readonly headers: Readonly<Record<string, Secret>> }
        | { readonly command: string; readonly args: readonly string[]; readonly env: Readonly<Record<string, Secret>> }
      readonly allowedTools: readonly string[] | undefined
      /** Of all its tools. */
      readonly handling?: ToolHandling
    }

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

/** Limits that a profile may set for itself. */
export type ProfileLimit =
  | 'maxSessionMs'
  | 'idleTimeoutMs'
  | 'maxSessionsPerUser'
  | 'messagesPerSecond'
  | 'bytesPerSecond'
  | 'audioSecondsPerSecond'
  | 'responsesPerMinute'
  | 'sessionUpdatesPerMinute'
  | 'maxItems'

export interface ProfileConfig {
  /** Template; `{{claims.name}}` is filled from the verified token. */
  readonly instructions: string
  /** Names of tools this profile may use; undefined: all. An MCP server's label stands for all of its tools. */
  readonly toolNames: readonly string[] | undefined
  readonly session: JsonObject
  readonly clientMaySet: readonly string[]
  readonly relayEvents: boolean
  readonly clientTools: boolean
  readonly toolNoticeMs?: number | undefined
  readonly toolFiller?: string | undefined
  readonly limits: Partial<Pick<Config['limits'], ProfileLimit>>
  readonly quota?: readonly QuotaSetting[] | undefined
}

export interface Config {
  readonly host: string
  readonly port: number
  readonly logLevel: string
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
  readonly upstreams: readonly UpstreamConfig[]
  readonly auth: AuthConfig
  /** Exact serialized origins; undefined: `ALLOWED_ORIGINS` unset, browsers are refused. */
  readonly allowedOrigins: readonly string[] | undefined
  readonly trustProxy: string | boolean | undefined
  readonly refuseAfterUpgrade: boolean
  readonly clientDialect: DialectName
  readonly profileClaim: string
  readonly tenantClaim: string
  /** Absent: no money is counted. */
  readonly prices: PriceTable | undefined
  /** Whether callers with a quota may go on while the store cannot tell what they used. */
  readonly quotaFailOpen: boolean
  readonly profiles: Readonly<Record<string, ProfileConfig>>
  readonly tools: readonly ToolConfig[]
  /** The files that tools, profiles and instructions come from, with what told their version when they were read: what they say may change while the relay runs. */
  readonly liveFiles?: ReadonlyMap<string, string>
  readonly clientMaySeedHistory: boolean
  readonly forwardRateLimits: boolean
  readonly redis: { readonly url: Secret; readonly keyPrefix: string } | undefined
  readonly usageRetentionDays: number
  /** Bytes of all processes together; `auto`: by the container's limit. */
  readonly maxMemory: number | 'auto' | 'off'
  readonly limits: {
    readonly maxSessions: number
    readonly maxSessionsPerUser: number
    readonly maxSessionMs: number
    readonly idleTimeoutMs: number
    readonly drainMs: number
    readonly handshakeTimeoutMs: number
    readonly upstreamConnectTimeoutMs: number
    readonly pingIntervalMs: number
    readonly maxMessageBytes: number
    readonly messagesPerSecond: number
    readonly bytesPerSecond: number
    /** Of 24 kHz PCM16. */
    readonly audioSecondsPerSecond: number
    readonly responsesPerMinute: number
    readonly sessionUpdatesPerMinute: number
    readonly maxItems: number
    /** Bytes held for a client before the session is live, and the high mark of either outgoing buffer. */
    readonly clientBufferBytes: number
    readonly slowClientMs: number
    readonly connectsPerSecond: number
  }
  readonly toolLimits: {
    readonly timeoutMs: number
    readonly maxBytes: number
    readonly maxRounds: number
    readonly maxConcurrent: number
    readonly callsPerMinute: number
    readonly approvalTimeoutMs: number
    /** Whether arguments and outputs are logged. */
    readonly logPayloads: boolean
    readonly identitySecret: Secret | undefined
  }
  readonly warmPoolSize: number
  readonly workers: number
  readonly admin: { readonly host: string; readonly port: number }
}
