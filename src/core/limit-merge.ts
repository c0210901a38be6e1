// Decides which of two reports of one limit counts, so that relays agree whatever order the reports arrive in.

export type LimitSource = 'event' | 'usage' | 'http_429'

/** One limit of a deployment as it is kept: the winning report whole, never mixed with another. */
export interface LimitRecord {
  readonly name: string
  readonly limit?: number
  readonly remaining?: number
  /** Epoch milliseconds, whole. */
  readonly resetAt?: number
  readonly source: LimitSource
  /** Epoch milliseconds when a relay saw the report. */
  readonly at: number
}

/** How a limit is written in a report: any of the three numbers may be missing. */
export interface ReportedLimit {
  readonly name: string
  readonly limit?: number
  readonly remaining?: number
  readonly resetSeconds?: number
}

/**
 * How long the provider's word stands against this relay's own arithmetic, in milliseconds. The windows of the known
 * limits are a minute long, so a word two minutes old describes a window that is over.
 */
export const PROVIDER_HEAD_START_MS = 120_000

const RANK = { event: 2, http_429: 1, usage: 0 } as const satisfies Record<LimitSource, number>
const NAME = /^[A-Za-z0-9_.-]{1,64}$/
/** Years 1970 to 2286: anything else is a mistake, and could not be overwritten for ages. */
const MAX_EPOCH_MS = 1e13

/** Names become parts of stored field names; anything else is not recorded. */
export function isLimitName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name)
}

export function isLimitSource(source: unknown): source is LimitSource {
  return typeof source === 'string' && Object.hasOwn(RANK, source)
}

/** What is kept of one reported limit; undefined where nothing usable is left. Numbers that are not finite are left out. */
export function toLimitRecord(reported: ReportedLimit, source: LimitSource, at: number): LimitRecord | undefined {
  if (!isLimitName(reported.name) || !isLimitSource(source) || !isEpoch(at)) return undefined
  const { limit, remaining, resetSeconds } = reported
  const resetAt = isNumber(resetSeconds) ? Math.round(at + resetSeconds * 1000) : undefined
  const record: LimitRecord = {
    name: reported.name,
    ...(isNumber(limit) && { limit }),
    ...(isNumber(remaining) && { remaining }),
    ...(isEpoch(resetAt) && { resetAt }),
    source,
    at,
  }
  return record.limit === undefined && record.remaining === undefined && record.resetAt === undefined ? undefined : record
}

/**
 * The report that counts, for two of the same name. The rule is one total order, so any order of arrival ends in the same
 * picture:
 * 1. Between the provider's words (`event`, `http_429`) and between two of our own (`usage`) the later one counts.
 * 2. The provider's word beats our arithmetic until that is `PROVIDER_HEAD_START_MS` newer.
 * 3. At the same moment: `event`, then `http_429`, then `usage`; then the more cautious numbers.
 * A hold that depends on each report's own reset would be neither: three reports could beat each other in a circle.
 */
export function mergeLimit(kept: LimitRecord | undefined, incoming: LimitRecord): LimitRecord {
  return kept === undefined || compareLimits(incoming, kept) > 0 ? incoming : kept
}

/** Above zero where `a` counts, below where `b` does, zero where they say the same. */
export function compareLimits(a: LimitRecord, b: LimitRecord): number {
  return (
    standsUntil(a) - standsUntil(b) ||
    RANK[a.source] - RANK[b.source] ||
    lower(a.remaining, b.remaining) ||
    lower(a.limit, b.limit) ||
    // The later reset is the more cautious one.
    lower(b.resetAt, a.resetAt)
  )
}

function standsUntil(record: LimitRecord): number {
  return record.source === 'usage' ? record.at : record.at + PROVIDER_HEAD_START_MS
}

/** Above zero where `a` is the lower number; an absent one is the highest. */
function lower(a: number | undefined, b: number | undefined): number {
  if (a === b) return 0
  if (a === undefined) return -1
  if (b === undefined) return 1
  return b - a
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function isEpoch(value: unknown): value is number {
  return isNumber(value) && value >= 0 && value < MAX_EPOCH_MS
}
