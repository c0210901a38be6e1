// The store that the instances of a relay share, in parts: limits, usage, quotas, rates, leases, revocations, live sessions, calls.
import type { LimitSource } from '../core/limits/merge.js'
import type { BucketRule } from '../core/limits/token-bucket.js'
import type { ReserveAnswer, ReserveRequest } from '../core/policy/quota.js'
import type { CallRecords, CallTickets, Once } from './call-records.js'
import type { Identity } from './caller.js'
import type { SessionDirectory } from './directory.js'
import type { Health } from './health.js'
import type { SessionKeeper } from './keeper.js'
import type { LiveBoard } from './live.js'

/** Limits of one deployment, as one instance saw them. An event, a header or an error names only some of the numbers. */
export interface LimitReport {
  readonly deployment: string
  readonly source: LimitSource
  /** Epoch milliseconds when the instance saw it. */
  readonly at: number
  /** `used` is what one response took. The store adds it up per minute, over all instances. */
  readonly limits: readonly { name: string; limit?: number; remaining?: number; resetSeconds?: number; used?: number }[]
  /** The store counts `used` once per id, however often it is reported. */
  readonly onceId?: string | undefined
  readonly sessionId?: string
  readonly subject?: string
}

export interface LimitState {
  readonly name: string
  readonly limit?: number
  readonly remaining?: number
  readonly resetAt?: number
  readonly source: LimitSource
  readonly at: number
  /** What all instances saw used in the minute that began at `usedFrom`, epoch milliseconds. */
  readonly used?: number
  readonly usedFrom?: number
}

/** The limits of every deployment, as its upstream last reported them. */
export interface LimitsBook {
  /** Never blocks and never throws. The queue is bounded; reports of one deployment are merged to the latest. */
  recordLimits(report: LimitReport): void
  /** The latest of every limit of a deployment. Rejects if the store is unreachable. */
  limitsOf(deployment: string): Promise<readonly LimitState[]>
  /** What was left of each limit, oldest first, of at most the last `most` reports. Absent: nothing is kept. Rejects if the store is unreachable. */
  historyOf?(deployment: string, most: number): Promise<readonly LimitPoint[]>
}

/** What one report said was left of a limit. */
export interface LimitPoint {
  readonly name: string
  readonly at: number
  readonly remaining: number
  readonly limit?: number
}

/** Who owns a set of counters: a user (the token's `sub`), or a whole tenant, profile or deployment. */
export interface UsageOwner {
  readonly kind: 'subject' | 'tenant' | 'profile' | 'deployment'
  readonly name: string
}

/** Adds `counters` to every owner it names. */
export interface UsageReport {
  readonly subject: string
  readonly deployment: string
  readonly tenant?: string | undefined
  readonly profile?: string | undefined
  /** Also counts for the user per minute and per month, so that a quota can read them. */
  readonly windows?: readonly ('minute' | 'month')[] | undefined
  readonly at: number
  /** Amounts to add: `responses`, `sessions`, `seconds`, `input_tokens`, `output_text_tokens`, … An amount of 0 adds nothing. */
  readonly counters: Readonly<Record<string, number>>
  /** The store counts the report once per id, however often it is made. */
  readonly onceId?: string | undefined
}

/** Counters of what was used. */
export interface UsageBook {
  /** Never blocks and never throws. The queue is bounded; reports are merged by adding. */
  recordUsage(report: UsageReport): void
  /**
   * One owner's counters of one UTC day (`yyyy-mm-dd`), month (`yyyy-mm`) or minute (`yyyy-mm-ddThh:mm`).
   * Months and minutes exist only if reports asked for them. Resolves to {} if there are none. Rejects if the store is unreachable.
   */
  usageOf(owner: UsageOwner, window: string): Promise<Readonly<Record<string, number>>>
}

/** Amounts of a user's quota that running responses hold. */
export interface QuotaHolds {
  /**
   * Atomic over all instances. Holds the amounts if every check still has room, counting what is used and what is held.
   * Rejects if the store is unreachable; the hold may then exist or not.
   */
  reserve(request: ReserveRequest): Promise<ReserveAnswer>
  /** Ends all holds of a holder, once everything recorded before is counted. Never blocks and never throws. If it fails, the holds expire. */
  release(subject: string, holder: string): void
}

/** Token buckets that all instances share. */
export interface ConnectRates {
  /** Takes `cost` tokens from a bucket. If the store is unreachable, this instance decides alone. */
  take(key: string, cost: number, rule: BucketRule): Promise<{ ok: boolean; retryAfterMs: number }>
}

export interface Lease {
  release(): void
}

/** Places among a user's sessions. */
export interface SessionLeases {
  /** Takes a place among at most `max` sessions of `subject`. The store keeps it alive until it is released. Undefined if none is free. */
  lease(subject: string, sessionId: string, max: number): Promise<Lease | undefined>
}

export interface RevocationTarget {
  readonly tokenId?: string
  readonly subject?: string
}

/** Tokens and subjects that are refused before their tokens expire. */
export interface Revocations {
  /** Calls back for every later revocation, with one token id or one subject each. */
  onRevoked(callback: (revoked: RevocationTarget) => void): void
  isRevoked(identity: Identity): Promise<boolean>
  /**
   * What this process knows, at once. Whoever asked `isRevoked` asks this when a session takes the identity up: a revocation that came in between
   * called back when there was no session yet.
   */
  isKnown(identity: Pick<Identity, 'subject' | 'tokenId'>): boolean
  /** Refuses a token id, a subject or both until `untilMs`, epoch milliseconds. */
  revoke(target: RevocationTarget, untilMs: number): Promise<void>
}

/** Signed checkpoints of audits, where no relay's own machine keeps them. */
export interface CheckpointBook {
  /** Rejects if the store is unreachable. */
  keep(checkpoint: string): Promise<void>
  /** Oldest first. Rejects if the store is unreachable. */
  all(): Promise<readonly string[]>
}

/** What was removed of a user, and what stays. */
export interface ErasedOfStore {
  /** Keys, without the prefix. */
  readonly removed: readonly string[]
  /** Reports on limits that named the user. */
  readonly reports: number
  /** Places of sessions that run, or did a moment ago. */
  readonly live: number
  readonly isRevoked: boolean
}

export interface SubjectErasure {
  /** Rejects if the store is unreachable; some of it may be removed by then. */
  erase(subject: string): Promise<ErasedOfStore>
}

export interface Store {
  readonly limits: LimitsBook
  readonly usage: UsageBook
  readonly quota: QuotaHolds
  readonly rates: ConnectRates
  readonly leases: SessionLeases
  readonly revocations: Revocations
  readonly directory: SessionDirectory
  readonly calls: CallRecords
  readonly tickets: CallTickets
  readonly once: Once
  /** Absent: the instances share nothing. */
  readonly keeper?: SessionKeeper
  /** Absent: the instances share nothing. */
  readonly live?: LiveBoard
  /** Absent: the instances share nothing. */
  readonly checkpoints?: CheckpointBook
  /** Absent: what is kept goes with the process. */
  readonly erasure?: SubjectErasure
  health(): Promise<Health>
  /** Writes what is queued, within `deadlineMs`, then disconnects. Never rejects. */
  close(deadlineMs: number): Promise<void>
}
