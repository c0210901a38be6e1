// What a relay process says of itself while operators watch, and how the processes share it. Types only; no words of calls.
import type { BreakerState } from '../core/upstreams/breaker.js'
import type { Health } from './health.js'

/**
 * `connecting`: its first upstream is not ready. `restoring`: it lost its upstream. `away`: its client is gone and may come back. `waiting`: an answer is
 * asked for and none has begun. `tool`: a tool of the relay is at work.
 */
export type TurnState = 'restoring' | 'connecting' | 'waiting' | 'tool' | 'away' | 'answering' | 'listening' | 'idle'

export interface LiveSession {
  readonly id: string
  readonly subject: string
  readonly profile: string
  readonly dialect: string
  /** Empty until the upstream is reached. */
  readonly deployment: string
  /** Epoch milliseconds. */
  readonly since: number
  readonly turn: TurnState
  /** Epoch milliseconds since when it is in this state, as far as it was watched. */
  readonly turnSince: number
  readonly legs: number
  readonly losses: number
  readonly responses: number
  readonly inputTokens: number
  readonly outputTokens: number
  /** In the currency of the part; absent without prices. */
  readonly money?: number | undefined
  /** Bytes that either side has not taken yet. */
  readonly backlogBytes: number
  /** Messages that wait for an upstream. */
  readonly heldMessages: number
  /** Of its last spoken answer: from the end of speech, or the request, to the first audio. */
  readonly firstAudioMs?: number | undefined
}

export interface LiveUpstream {
  readonly name: string
  /** Name under which its limits are recorded. */
  readonly deployment: string
  readonly breaker: BreakerState
  /** Epoch milliseconds; it may be dialled from then on. */
  readonly freeFrom: number
  readonly latencyMs?: number | undefined
  /** Dials since the start of the process, by outcome. */
  readonly dials: Readonly<Record<string, number>>
}

/** Something that went wrong. `kind` comes from code; `cause` is a code, a status or a tool's name with its outcome. */
export interface LiveCause {
  readonly kind: string
  readonly cause: string
  /** In the last five minutes. */
  readonly recent: number
  /** Since the start of the process. */
  readonly total: number
}

/** Slots of ten seconds, oldest first; the last one, `slot`, is not over. They add up over processes. */
export interface LiveSlots {
  /** Epoch milliseconds divided by the length of a slot. */
  readonly slot: number
  readonly opened: readonly number[]
  readonly closed: readonly number[]
  readonly answers: readonly number[]
  readonly problems: readonly number[]
}

export interface LiveCounts {
  readonly slots: LiveSlots
  readonly causes: readonly LiveCause[]
  /** Responses done in the last five minutes, by status. */
  readonly answers: Readonly<Record<string, number>>
}

/** What one process says of itself. */
export interface LivePart {
  readonly v: 1
  readonly version: string
  /** Epoch milliseconds. */
  readonly at: number
  readonly status: 'ok' | 'degraded' | 'down' | 'draining'
  /** Of those that are not well. */
  readonly checks: readonly ({ readonly name: string } & Health)[]
  readonly sessions: number
  readonly mostSessions: number
  /** All its sessions by what they do, also those that are not listed. */
  readonly turns: Readonly<Partial<Record<TurnState, number>>>
  /** Of all its sessions that live. */
  readonly inputTokens: number
  readonly outputTokens: number
  readonly money?: number | undefined
  readonly currency?: string | undefined
  readonly counts: LiveCounts
  readonly upstreams: readonly LiveUpstream[]
  /** Those that wait for longest first, then the oldest. */
  readonly listed: readonly LiveSession[]
}

/** The parts of every process that shares the store. Costs the store nothing while nobody watches. */
export interface LiveBoard {
  /** For the next 15 seconds every process writes its part once a second, with at most `most` sessions. Rejects if the store is unreachable. */
  watch(most: number): Promise<void>
  /** By process; undefined: it lives, as far as is known, and says nothing. Rejects if the store is unreachable. */
  parts(): Promise<ReadonlyMap<string, LivePart | undefined>>
  /** What pseudonyms are made with: the same in every process, for a day. Rejects if the store is unreachable. */
  pseudonymKey(): Promise<string>
  /** Sets how this process makes its part. It must not reject. */
  share(part: (most: number) => Promise<LivePart>): void
}

/** What the admin API reads. */
export interface LiveSource {
  watch(most: number): Promise<void>
  /** `shared`: every process was asked. False while the store does not answer: then this relay alone. */
  parts(most: number): Promise<{ readonly parts: ReadonlyMap<string, LivePart | undefined>; readonly shared: boolean }>
  pseudonymKey(): Promise<string>
}
