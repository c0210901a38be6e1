// Bounds the extra dials that a failing upstream causes: a tenth of the dials, or one a second if that is more.

export interface RetryBudget {
  /** Earned by dials. */
  readonly byDials: number
  /** Earned by time. */
  readonly byTime: number
  /** Epoch milliseconds up to which time has been earned. */
  readonly at: number
}

const SHARE = 0.1
const PER_SECOND = 1
/** Extra dials saved up in quiet times, enough for the first failures of a region. */
const RETRY_BURST = 10

export function fullBudget(now: number): RetryBudget {
  return { byDials: RETRY_BURST, byTime: PER_SECOND, at: now }
}

/** Earns the share of one first dial. */
export function earnDial(budget: RetryBudget, now: number): RetryBudget {
  const earned = earnTime(budget, now)
  return { ...earned, byDials: Math.min(RETRY_BURST, earned.byDials + SHARE) }
}

/** One extra dial. It is paid from both accounts and granted if either covers it, so the bound is the larger of the two rates, not their sum. */
export function takeRetry(budget: RetryBudget, now: number): { readonly ok: boolean; readonly budget: RetryBudget } {
  const earned = earnTime(budget, now)
  // Ten times 0.1 is slightly less than 1 in floating point.
  const ok = earned.byDials > 1 - 1e-9 || earned.byTime >= 1
  return { ok, budget: ok ? { ...earned, byDials: Math.max(0, earned.byDials - 1), byTime: Math.max(0, earned.byTime - 1) } : earned }
}

/** A clock that runs backwards earns nothing. */
function earnTime(budget: RetryBudget, now: number): RetryBudget {
  if (now <= budget.at) return budget
  return { ...budget, byTime: Math.min(PER_SECOND, budget.byTime + ((now - budget.at) / 1000) * PER_SECOND), at: now }
}
