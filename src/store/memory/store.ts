// The store in this process. It stands alone if there is no Redis, and the Redis store falls back to it.
import { applyReported, applyTold, isUse, type LimitPicture } from '../../core/limits/picture.js'
import { type Bucket, type BucketRule, isFull, takeTokens } from '../../core/limits/token-bucket.js'
import type { Lease, LimitReport, LimitState, Store, UsageReport } from '../../ports/store.js'
import { createRevocationList, membersOf } from '../revocation-list.js'
import { countersOf, targetsOf } from '../usage-windows.js'
import { createMemoryCalls } from './calls.js'
import { createLocalDirectory } from './directory.js'
import { createHolds } from './holds.js'
import { createMemoryOnce } from './once.js'
import { createRecentMap } from './recent-map.js'
import { createSeenIds } from './seen-ids.js'
import { createMemoryTickets } from './tickets.js'
import { createUsageSums } from './usage-sums.js'

export interface MemoryStoreOptions {
  /** Epoch milliseconds; the system's clock by default. */
  readonly now?: () => number
  /** The name of this instance in the list of sessions. */
  readonly instance?: string
  /** Days a user's counters are kept; 35 by default. */
  readonly usageRetentionDays?: number
  /** The file that lists running WebRTC calls. */
  readonly callsJournal?: string | undefined
}

/** Beyond these bounds the oldest is dropped. Live leases have none: the caller bounds them. */
const MAX_BUCKETS = 10_000
const MAX_DEPLOYMENTS = 1_000
const MAX_NAMES = 64
const MAX_USAGE_DAYS = 20_000
const MAX_ONCE_IDS = 100_000
const DAY_MS = 86_400_000

export function createMemoryStore(options: MemoryStoreOptions = {}): Store {
  const now = options.now ?? Date.now
  const retentionMs = (options.usageRetentionDays ?? 35) * DAY_MS
  const deployments = createRecentMap<Map<string, LimitPicture>>(MAX_DEPLOYMENTS)
  const usage = createUsageSums({ most: MAX_USAGE_DAYS, retentionMs, now })
  const onceIds = createSeenIds(MAX_ONCE_IDS)
  const buckets = createRecentMap<Bucket>(MAX_BUCKETS)
  const leases = new Map<string, Set<string>>()
  const holds = createHolds(now)
  const revocations = createRevocationList(now)

  function recordLimits({ deployment, limits, source, at, onceId }: LimitReport): void {
    const pictures = deployments.get(deployment) ?? new Map<string, LimitPicture>()
    const counted = onceId !== undefined && limits.some((reported) => isUse(reported, source, at)) && onceIds.see(onceId, deployment)
    for (const reported of limits) {
      const before = pictures.get(reported.name)
      const after = (counted ? applyTold : applyReported)(before ?? {}, reported, source, at)
      if (after !== before && after.shown && (before || pictures.size < MAX_NAMES)) pictures.set(reported.name, after)
    }
    if (pictures.size > 0) deployments.put(deployment, pictures)
  }

  function recordUsage(report: UsageReport): void {
    const counters = countersOf(report.counters)
    if (counters.length === 0) return
    if (report.onceId !== undefined && onceIds.see(report.onceId, report.deployment, report.subject)) return
    for (const { owner, window } of targetsOf(report)) usage.add(owner, window, counters)
  }

  async function take(key: string, cost: number, rule: BucketRule): Promise<{ ok: boolean; retryAfterMs: number }> {
    const result = takeTokens(buckets.get(key), cost, rule, now())
    if (isFull(result.bucket, rule, now())) buckets.delete(key)
    else buckets.put(key, result.bucket)
    return { ok: result.ok, retryAfterMs: result.retryAfterMs }
  }

  async function lease(subject: string, sessionId: string, max: number): Promise<Lease | undefined> {
    const sessions = leases.get(subject) ?? new Set<string>()
    if (!sessions.has(sessionId) && sessions.size >= max) return undefined
    sessions.add(sessionId)
    leases.set(subject, sessions)
    return {
      release: () => {
        sessions.delete(sessionId)
        if (sessions.size === 0 && leases.get(subject) === sessions) leases.delete(subject)
      },
    }
  }

  return {
    limits: { recordLimits, limitsOf: async (deployment) => [...(deployments.get(deployment)?.values() ?? [])].flatMap(limitStateOf) },
    usage: { recordUsage, usageOf: async (owner, window) => usage.of(owner, window) },
    quota: {
      reserve: async (request) => holds.reserve(request, (window) => usage.of({ kind: 'subject', name: request.subject }, window)),
      release: holds.release,
    },
    rates: { take },
    leases: { lease },
    revocations: {
      onRevoked: revocations.onRevoked,
      isRevoked: async (identity) => revocations.has(identity),
      isKnown: revocations.has,
      revoke: async (target, untilMs) => {
        for (const member of membersOf(target, untilMs)) revocations.add(member, untilMs)
      },
    },
    directory: createLocalDirectory(options.instance ?? 'local'),
    calls: createMemoryCalls(options.callsJournal),
    tickets: createMemoryTickets(now),
    once: createMemoryOnce(now),
    health: async () => ({ status: 'ok', detail: 'in this process only' }),
    close: async () => undefined,
  }
}

function limitStateOf({ shown, window }: LimitPicture): LimitState[] {
  return shown ? [{ ...shown, ...(window && { used: window.used, usedFrom: window.from }) }] : []
}
