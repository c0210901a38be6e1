// The store in this process. It stands alone if there is no Redis, and the Redis store falls back to it.
import { applyReported, isUse, type LimitPicture } from '../../core/limits/picture.js'
import { type Bucket, type BucketRule, isFull, takeTokens } from '../../core/limits/token-bucket.js'
import type { Lease, LimitReport, LimitState, Store, UsageOwner, UsageReport } from '../../ports/store.js'
import { createRevocationList, membersOf } from '../revocation-list.js'
import { countersOf, dayOf, MAX_COUNTERS, targetsOf } from '../usage-windows.js'
import { createMemoryCalls } from './calls.js'
import { createLocalDirectory } from './directory.js'
import { createHolds } from './holds.js'
import { createMemoryOnce } from './once.js'
import { createSeenIds } from './seen-ids.js'
import { createMemoryTickets } from './tickets.js'

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
  const deployments = new Map<string, Map<string, LimitPicture>>()
  const usage = new Map<string, { window: string; counters: Map<string, number> }>()
  const onceIds = createSeenIds(MAX_ONCE_IDS)
  let oldestKept = ''
  const buckets = new Map<string, Bucket>()
  const leases = new Map<string, Set<string>>()
  const holds = createHolds(now)
  const revocations = createRevocationList(now)

  function recordLimits(report: LimitReport): void {
    const pictures = deployments.get(report.deployment) ?? new Map<string, LimitPicture>()
    const counted = report.limits.some((reported) => isUse(reported, report.source, report.at)) && seenBefore('limits', report.deployment, report.onceId)
    for (const reported of report.limits) {
      const before = pictures.get(reported.name)
      const after = applyReported(before ?? {}, counted ? withoutUse(reported) : reported, report.source, report.at)
      if (after.shown && (before || pictures.size < MAX_NAMES)) pictures.set(reported.name, after)
    }
    if (pictures.size > 0) putNewest(deployments, report.deployment, pictures, MAX_DEPLOYMENTS)
  }

  /** Remembers an id. True if it was known before. */
  function seenBefore(kind: 'limits' | 'usage', owner: string, id: string | undefined): boolean {
    return id !== undefined && onceIds.see(`${kind} ${id.length} ${id} ${owner}`)
  }

  function recordUsage(report: UsageReport): void {
    const counters = countersOf(report.counters)
    if (counters.length === 0) return
    if (seenBefore('usage', `${report.subject.length} ${report.subject} ${report.deployment}`, report.onceId)) return
    for (const [owner, window] of targetsOf(report)) addTo(owner, window, counters)
  }

  function addTo(owner: UsageOwner, window: string, counters: readonly (readonly [string, number])[]): void {
    const key = ownerKey(owner, window)
    const entry = usage.get(key) ?? { window, counters: new Map<string, number>() }
    for (const [name, value] of counters) {
      const before = entry.counters.get(name)
      if (before !== undefined || entry.counters.size < MAX_COUNTERS) entry.counters.set(name, (before ?? 0) + value)
    }
    if (!usage.has(key)) forgetOldDays()
    putNewest(usage, key, entry, MAX_USAGE_DAYS)
  }

  function forgetOldDays(): void {
    const oldest = dayOf(now() - retentionMs) ?? ''
    if (oldest === oldestKept) return
    oldestKept = oldest
    // A minute of an older day sorts before `oldest`. A month is compared by its month, so it stays while one of its days does.
    for (const [key, entry] of usage) if (entry.window < oldest.slice(0, entry.window.length)) usage.delete(key)
  }

  function usedIn(owner: UsageOwner, window: string): Record<string, number> {
    return Object.fromEntries(usage.get(ownerKey(owner, window))?.counters ?? [])
  }

  async function take(key: string, cost: number, rule: BucketRule): Promise<{ ok: boolean; retryAfterMs: number }> {
    const result = takeTokens(buckets.get(key), cost, rule, now())
    if (isFull(result.bucket, rule, now())) buckets.delete(key)
    else putNewest(buckets, key, result.bucket, MAX_BUCKETS)
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
    usage: { recordUsage, usageOf: async (owner, window) => usedIn(owner, window) },
    quota: {
      reserve: async (request) => holds.reserve(request, (window) => usedIn({ kind: 'subject', name: request.subject }, window)),
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

function withoutUse({ used: _, ...reported }: LimitReport['limits'][number]): LimitReport['limits'][number] {
  return reported
}

/** Kinds and windows have no space. */
function ownerKey({ kind, name }: UsageOwner, window: string): string {
  return `${kind} ${window} ${name}`
}

function limitStateOf({ shown, window }: LimitPicture): LimitState[] {
  return shown ? [{ ...shown, ...(window && { used: window.used, usedFrom: window.from }) }] : []
}

/** Puts `key` last in line for eviction. Evicts the first in line if there are more than `max`. */
function putNewest<V>(map: Map<string, V>, key: string, value: V, max: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= max) return
  const first = map.keys().next()
  if (!first.done) map.delete(first.value)
}
