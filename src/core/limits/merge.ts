// Decides which of two reports of one limit counts. Instances agree in whatever order the reports arrive.

/**
 * Where a report comes from. `event` is `rate_limits.updated`, `http_429` a refused handshake. The two codes are failed responses and errors
 * inside a session. `usage` is what the instances counted themselves. `configured` is set by the operator and gives way to any other.
 */
export type LimitSource = 'event' | 'usage' | 'http_429' | RefusalSource | 'configured'
/**
 * Codes by which a session's upstream says that a limit is used up. Azure fails the response with `inference_rate_limit_exceeded` and keeps the
 * socket open (source: LiveKit Agents, `realtime_model.py`, and issue reports; see `core/protocol/README.md`).
 */
export type RefusalSource = 'inference_rate_limit_exceeded' | 'rate_limit_exceeded'

export function isRefusalSource(code: unknown): code is RefusalSource {
  return code === 'inference_rate_limit_exceeded' || code === 'rate_limit_exceeded'
}

/** One limit of a deployment as it is stored: the winning report as a whole, never mixed with another. */
export interface LimitRecord {
  readonly name: string
  readonly limit?: number
  readonly remaining?: number
  /** Epoch milliseconds, whole. */
  readonly resetAt?: number
  readonly source: LimitSource
  /** Epoch milliseconds at which an instance saw the report. */
  readonly at: number
}

/** A limit as a report states it. Any of the numbers may be missing. */
export interface ReportedLimit {
  readonly name: string
  readonly limit?: number
  readonly remaining?: number
  readonly resetSeconds?: number
  /** What one response used of it. `picture.ts` adds it up over all instances. */
  readonly used?: number
}

/**
 * How long the provider's report takes precedence over our own count, in milliseconds. The windows of the known limits are a minute long,
 * so a report that is two minutes old describes a window that is over.
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
/** Ranks a configured limit below any report. It exceeds the largest time, and subtracting it keeps a time's precision. */
export const CONFIGURED_HANDICAP_MS = 1e13
const NAME = /^[A-Za-z0-9_.-]{1,64}$/
/** Years 1970 to 2286. A later time would be a mistake that no correct report could overwrite. */
const MAX_EPOCH_MS = 1e13

/** Names become parts of stored field names, so other names are not recorded. */
export function isLimitName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name)
}

export function isLimitSource(source: unknown): source is LimitSource {
  return typeof source === 'string' && Object.hasOwn(SOURCE_RANK, source)
}

/** The record of one reported limit; undefined if it has no usable number. Numbers that are not finite are left out. */
export function toLimitRecord({ name, limit, remaining, resetSeconds }: ReportedLimit, source: LimitSource, at: number): LimitRecord | undefined {
  const reset = isNumber(resetSeconds) ? Math.round(at + resetSeconds * 1000) : undefined
  const resetAt = isEpoch(reset) ? reset : undefined
  if (!isNumber(limit) && !isNumber(remaining) && resetAt === undefined) return undefined
  if (!isLimitName(name) || !isLimitSource(source) || !isEpoch(at)) return undefined
  const record: { -readonly [K in keyof LimitRecord]: LimitRecord[K] } = { name, source, at }
  if (isNumber(limit)) record.limit = limit
  if (isNumber(remaining)) record.remaining = remaining
  if (resetAt !== undefined) record.resetAt = resetAt
  return record
}

/**
 * Of two reports of the same limit, returns the one that counts. The rule is one total order, so every order of arrival gives the same result:
 * 1. Between two reports of the provider (`event`, `http_429`, a code), and between two of our own (`usage`), the later one counts.
 * 2. A report of the provider beats our own count unless that is newer by `PROVIDER_HEAD_START_MS`. Any report beats a configured limit.
 * 3. At the same moment the order of `SOURCE_RANK` counts, and then the more cautious numbers.
 * A head start that depended on each report's own reset would give no order: three reports could beat each other in a circle.
 */
export function mergeLimit(kept: LimitRecord | undefined, incoming: LimitRecord): LimitRecord {
  return kept === undefined || compareLimits(incoming, kept) > 0 ? incoming : kept
}

/** Above zero if `a` counts, below zero if `b` counts, zero if both say the same. */
function compareLimits(a: LimitRecord, b: LimitRecord): number {
  return (
    compareStanding(a, b) ||
    lower(a.remaining, b.remaining) ||
    lower(a.limit, b.limit) ||
    // The later reset is the more cautious one.
    lower(b.resetAt, a.resetAt)
  )
}

/** Like `compareLimits`, but compares only time and source. */
export function compareStanding(a: LimitRecord, b: LimitRecord): number {
  return standsUntil(a) - standsUntil(b) || SOURCE_RANK[a.source] - SOURCE_RANK[b.source]
}

function standsUntil(record: LimitRecord): number {
  if (record.source === 'usage') return record.at
  return record.source === 'configured' ? record.at - CONFIGURED_HANDICAP_MS : record.at + PROVIDER_HEAD_START_MS
}

/** Above zero if `a` is the lower number. An absent number is the highest. */
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
