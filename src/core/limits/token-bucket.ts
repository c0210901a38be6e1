// Token-bucket arithmetic: how much may happen now, and when to try again. The stores and the per-link limits share it.

export interface BucketRule {
  /** Tokens added per second. Zero or less: never any. */
  readonly perSecond: number
  /** Tokens of a full bucket. */
  readonly burst: number
}

export interface Bucket {
  readonly tokens: number
  /** Milliseconds, on the clock the caller passes as `nowMs`. */
  readonly at: number
}

export interface TakeResult {
  readonly ok: boolean
  /** Whole milliseconds: 0 if granted, else from 1 to `MAX_RETRY_MS`. */
  readonly retryAfterMs: number
  readonly bucket: Bucket
}

/** The longest wait that is ever reported, even for a bucket that never refills. */
export const MAX_RETRY_MS = 3_600_000

/**
 * Grants or refuses one cost. An unknown bucket is full. A full bucket grants a cost above `burst` and is left with a debt, so that one big
 * message can pass and the average still holds. A refusal costs nothing. A clock that runs backwards refills nothing. A cost that is not a
 * positive number is free.
 */
export function takeTokens(bucket: Bucket | undefined, cost: number, rule: BucketRule, nowMs: number): TakeResult {
  const price = Number.isFinite(cost) && cost > 0 ? cost : 0
  const tokens = tokensAt(bucket, rule, nowMs)
  const at = Math.max(nowMs, bucket?.at ?? nowMs)
  const needed = Math.min(price, rule.burst)
  if (tokens >= needed) return { ok: true, retryAfterMs: 0, bucket: { tokens: tokens - price, at } }
  const wait = rule.perSecond > 0 ? Math.ceil(((needed - tokens) / rule.perSecond) * 1000) : MAX_RETRY_MS
  return { ok: false, retryAfterMs: Math.min(Math.max(wait, 1), MAX_RETRY_MS), bucket: { tokens, at } }
}

/** A full bucket may be forgotten: an unknown one counts as full. */
export function isFull(bucket: Bucket, rule: BucketRule, nowMs: number): boolean {
  return tokensAt(bucket, rule, nowMs) >= rule.burst
}

function tokensAt(bucket: Bucket | undefined, rule: BucketRule, nowMs: number): number {
  if (!bucket) return rule.burst
  const refill = (Math.max(0, nowMs - bucket.at) / 1000) * Math.max(0, rule.perSecond)
  return Math.min(rule.burst, bucket.tokens + refill)
}
