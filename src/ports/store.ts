// What relays that work together share: limits, usage, quotas, rates, places, revocations.
import type { LimitSource } from '../core/limits/merge.js'
import type { HoldAnswer, HoldRequest } from '../core/policy/quota.js'
import type { Identity } from './caller.js'
import type { SessionDirectory } from './directory.js'
import type { Health } from './health.js'

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
