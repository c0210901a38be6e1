// Decides which of two reports of one limit counts, so that relays agree whatever order the reports arrive in.

/**
 * Who says so: `event` is `rate_limits.updated`; `http_429` a refused handshake; the two codes are failed responses and errors inside a
 * session; `usage` is what the relays counted themselves; `configured` is the operator's word and gives way to any other.
 */
export type LimitSource = 'event' | 'usage' | 'http_429' | RefusalSource | 'configured'
/** Codes by which a session's upstream says that a limit is used up (source: protocol dossier 3.7). */
export type RefusalSource = 'inference_rate_limit_exceeded' | 'rate_limit_exceeded'

export function isRefusalSource(code: unknown): code is RefusalSource {
  return code === 'inference_rate_limit_exceeded' || code === 'rate_limit_exceeded'
}

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

/** How a limit is written in a report: any of the numbers may be missing. */
export interface ReportedLimit {
  readonly name: string
  readonly limit?: number
  readonly remaining?: number
  readonly resetSeconds?: number
  /** What one response used of it; added up over all relays by `limit-picture.ts`. */
  readonly used?: number
}

/**
 * How long the provider's word stands against this relay's own arithmetic, in milliseconds. The windows of the known
 * limits are a minute long, so a word two minutes old describes a window that is over.
 */
export const PROVIDER_HEAD_START_MS = 120_000

export const SOURCE_RANK = {
  event: 5,
  http_429: 4,
  inference_rate_limit_exceeded: 3,
  rate_limit_exceeded: 2,
  usage: 1,
  configured: 0,
} as const satisfies Record<LimitSource, number>
/** Puts what is configured below anything that was ever seen; beyond the largest time, and harmless to the precision of one. */
export const CONFIGURED_HANDICAP_MS = 1e13
const NAME = /^[A-Za-z0-9_.-]{1,64}$/
/** Years 1970 to 2286: anything else is a mistake, and could not be overwritten for ages. */
const MAX_EPOCH_MS = 1e13

/** Names become parts of stored field names; anything else is not recorded. */
export function isLimitName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name)
}

export function isLimitSource(source: unknown): source is LimitSource {
  return typeof source === 'string' && Object.hasOwn(SOURCE_RANK, source)
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
 * 1. Between the provider's words (`event`, `http_429`, a code) and between two of our own (`usage`) the later one counts.
 * 2. The provider's word beats our arithmetic until that is `PROVIDER_HEAD_START_MS` newer; anything beats what is configured.
 * 3. At the same moment the order of `SOURCE_RANK` counts; then the more cautious numbers.
 * A hold that depends on each report's own reset would be neither: three reports could beat each other in a circle.
 */
export function mergeLimit(kept: LimitRecord | undefined, incoming: LimitRecord): LimitRecord {
  return kept === undefined || compareLimits(incoming, kept) > 0 ? incoming : kept
}

/** Above zero where `a` counts, below where `b` does, zero where they say the same. */
function compareLimits(a: LimitRecord, b: LimitRecord): number {
  return (
    compareStanding(a, b) ||
    lower(a.remaining, b.remaining) ||
    lower(a.limit, b.limit) ||
    // The later reset is the more cautious one.
    lower(b.resetAt, a.resetAt)
  )
}

/** As `compareLimits`, by time and source alone. */
export function compareStanding(a: LimitRecord, b: LimitRecord): number {
  return standsUntil(a) - standsUntil(b) || SOURCE_RANK[a.source] - SOURCE_RANK[b.source]
}

function standsUntil(record: LimitRecord): number {
  if (record.source === 'usage') return record.at
  return record.source === 'configured' ? record.at - CONFIGURED_HANDICAP_MS : record.at + PROVIDER_HEAD_START_MS
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
