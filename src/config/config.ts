// The shape of a valid configuration: what every part is built from. Durations are milliseconds, sizes bytes.

import type { KeyObject } from 'node:crypto'
import type { RequiredClaims } from '../core/policy/claim-values.js'
import type { GuardPolicy } from '../core/policy/guards.js'
import type { PriceTable } from '../core/policy/price.js'
import type { Interruption, Manners } from '../core/policy/profile.js'
import type { QuotaSetting } from '../core/policy/quota-claims.js'
import type { DialectName } from '../core/protocol/dialect.js'
import type { JsonObject } from '../core/protocol/events.js'
import type { AuditConfig } from './audit.js'
import type { GuardConfig } from './guard-config.js'
import type { RecordsConfig } from './records.js'
import type { RenamedInUse } from './renamed.js'
import type { Secret } from './secret.js'
import type { TelemetryConfig } from './telemetry-config.js'
import type { TelephonyConfig } from './telephony-config.js'
import type { ToolConfig } from './tool-config.js'

export type { OtlpTarget, TelemetryConfig } from './telemetry-config.js'
export type { AcsConfig, TelephonyConfig } from './telephony-config.js'
export type { CheckTools, HttpToolRun, ToolConfig, ToolEntry, ToolMistake } from './tool-config.js'

export interface UpstreamConfig {
  readonly name: string
  readonly provider: 'azure' | 'openai' | 'voice-live'
  /** Origin (Azure) or base URL (OpenAI). Plain http on loopback only. */
  readonly endpoint: URL
  /** Azure deployment or OpenAI model. */
  readonly deployment: string
  /** If absent, Entra ID is used. */
  readonly apiKey: Secret | undefined
  readonly entraScope: string
  /** Undefined or `v1`: GA. A dated preview: preview path and dialect. */
  readonly apiVersion: string | undefined
  readonly priority: number
  readonly weight: number
  readonly zone?: string | undefined
  /** Limits a minute by name (`tokens`, `requests`). They count until the provider reports its own. */
  readonly limits?: Readonly<Record<string, number>>
}

/** A proxy of the network that the relay runs in. */
export interface ProxyConfig {
  /** With credentials, if it asks for any. */
  readonly url: Secret
  /** Host and port, to show. */
  readonly address: string
  /** The variable that names it. */
  readonly setting: string
}

/** `proxyFor` in `config/proxy.ts` decides by it. */
export interface ProxyRoutes {
  readonly https: ProxyConfig | undefined
  readonly http: ProxyConfig | undefined
  /** The entries of NO_PROXY. */
  readonly except: readonly string[]
}

/** The key was checked: it is strong enough, and every one of `algorithms`, which are never empty, fits it. A key set always comes with an issuer, and an audience or a client id. */
export interface AuthConfig {
  readonly key: { readonly kind: 'secret'; readonly secret: Secret } | { readonly kind: 'public'; readonly key: KeyObject } | { readonly kind: 'jwks'; readonly url: URL }
  readonly issuer: string | undefined
  readonly audience: string | undefined
  /** Without an audience beside it, only tokens that name no audience are accepted. */
  readonly clientIds?: readonly string[] | undefined
  /** Absent: none. */
  readonly requiredClaims?: RequiredClaims | undefined
  /** The claim that has an operator's scopes. Absent: `scope`. */
  readonly scopeClaim?: string | undefined
  readonly algorithms: readonly string[]
  readonly clockToleranceMs: number
  readonly allowQueryToken: boolean
}

/** Whether the callers of a profile may make WebRTC calls, and whether these have a data channel. */
export type WebrtcMode = 'off' | 'media-only' | 'shared'

/** Limits that a profile may set instead of the general ones. */
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
  /** The fields that PROFILES_FILE gives this profile; the single variables decide the others. Absent: none. */
  readonly own?: readonly string[]
  /** Template; `{{claims.name}}` is filled from the verified token. */
  readonly instructions: string
  /** Names of tools this profile may use. If undefined, all. An MCP server's label stands for all of its tools. */
  readonly toolNames: readonly string[] | undefined
  readonly session: JsonObject
  readonly clientMaySet: readonly string[]
  /** Zones of upstreams that a conversation may go to. Absent: any. */
  readonly zones?: readonly string[] | undefined
  /** By path, the only values a client may set. */
  readonly clientMaySetValues?: Readonly<Record<string, readonly string[]>> | undefined
  readonly relayEvents: boolean
  readonly clientTools: boolean
  readonly toolNoticeMs?: number | undefined
  readonly toolFiller?: string | undefined
  readonly onCutAnswer?: 'leave' | 'continue' | undefined
  /** What becomes of an answer when the user speaks into it. Absent: what the upstream and the client do. */
  readonly interruption?: Interruption | undefined
  /** Absent: as the setting says. */
  readonly webrtc?: WebrtcMode | undefined
  readonly manners?: Manners | undefined
  /** Absent: nobody checks what is said. */
  readonly guards?: GuardPolicy | undefined
  /** What is kept of its sessions. Absent: nothing. */
  readonly record?: 'transcript' | 'audio' | undefined
  /** Where callers may be transferred: the names of `manners`, with numbers and SIP addresses that nobody else learns of. */
  readonly transferTo?: Readonly<Record<string, string>> | undefined
  readonly limits: Partial<Pick<Config['limits'], ProfileLimit>>
  readonly quota?: readonly QuotaSetting[] | undefined
}

export interface Config {
  readonly host: string
  readonly port: number
  readonly logLevel: string
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
  readonly upstreams: readonly UpstreamConfig[]
  readonly proxies: ProxyRoutes
  readonly auth: AuthConfig
  /** Exact serialized origins. If undefined, browsers are refused. */
  readonly allowedOrigins: readonly string[] | undefined
  readonly trustProxy: string | boolean | undefined
  readonly refuseAfterUpgrade: boolean
  readonly clientDialect: DialectName
  readonly profileClaim: string
  /** By value of that claim, in order of precedence. Absent: its values are names of profiles. */
  readonly profileValues?: Readonly<Record<string, string>> | undefined
  readonly tenantClaim: string
  /** If undefined, no money is counted. */
  readonly prices: PriceTable | undefined
  /** Whether callers with a quota may go on while the store is unreachable. */
  readonly quotaFailOpen: boolean
  readonly profiles: Readonly<Record<string, ProfileConfig>>
  readonly tools: readonly ToolConfig[]
  readonly guards: readonly GuardConfig[]
  /** The files of tools, profiles and instructions, as they were when read. Their content may change while the relay runs. */
  readonly liveFiles?: ReadonlyMap<string, string>
  readonly clientMaySeedHistory: boolean
  readonly forwardRateLimits: boolean
  /** `entra`: the password is a token of the relay's identity. */
  readonly redis: { readonly url: Secret; readonly keyPrefix: string; readonly entra: boolean } | undefined
  readonly usageRetentionDays: number
  /** Bytes of all processes together. `auto` goes by the container's limit. */
  readonly maxMemory: number | 'auto' | 'off'
  /** Where clients may come back to, and whether their sessions outlive their process. */
  readonly resume: { readonly store: 'memory' | 'redis'; readonly snapshots: boolean }
  readonly limits: {
    readonly maxSessions: number
    readonly maxSessionsPerUser: number
    readonly maxSessionMs: number
    readonly resumeMs: number
    readonly resumeBufferBytes: number
    readonly audioBufferBytes: number
    readonly reconnectsPerSecond: number
    readonly idleTimeoutMs: number
    readonly drainMs: number
    readonly handshakeTimeoutMs: number
    readonly upstreamConnectTimeoutMs: number
    /** 0: no session moves to a fresh upstream by plan. */
    readonly upstreamSessionMs: number
    /** 0: a session ends with its upstream. */
    readonly upstreamReconnectMs: number
    readonly pingIntervalMs: number
    readonly maxMessageBytes: number
    readonly messagesPerSecond: number
    readonly bytesPerSecond: number
    /** Of 24 kHz PCM16. */
    readonly audioSecondsPerSecond: number
    readonly responsesPerMinute: number
    readonly sessionUpdatesPerMinute: number
    readonly maxItems: number
    /** Most bytes held for a client before the session is live, and in either outgoing buffer. */
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
  readonly webrtc: {
    readonly mode: WebrtcMode
    /** The file that lists running calls, if there is no Redis. */
    readonly journal: string | undefined
    /** Seals what another relay needs to take a call over. Absent: another secret that all relays have. */
    readonly secret: Secret | undefined
  }
  readonly warmPoolSize: number
  readonly workers: number
  readonly admin: { readonly host: string; readonly port: number }
  /** Absent: there is no audit. */
  readonly audit?: AuditConfig | undefined
  /** Absent: nothing of any session is kept. */
  readonly records?: RecordsConfig | undefined
  /** Absent: nothing is exported. */
  readonly telemetry?: TelemetryConfig | undefined
  /** Absent: nobody calls by telephone. */
  readonly telephony?: TelephonyConfig | undefined
  readonly metricsFormat: 'text' | 'openmetrics'
  /** Settings that are given by a name that they no longer have. */
  readonly renamed: readonly RenamedInUse[]
}
