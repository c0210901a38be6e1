// Stops dialling an upstream that keeps failing, and lets one probe through at a time until it works again.

export interface Breaker {
  /** Failures in a row. */
  readonly failures: number
  /** Epoch milliseconds until which it is open; undefined: closed. Past: half open. */
  readonly openUntil: number | undefined
  readonly openedAt: number
  /** Length of the next pause, in milliseconds. */
  readonly pauseMs: number
  /** The probe under way counts as lost from then on; undefined: none is. */
  readonly probeUntil: number | undefined
}

export type BreakerState = 'closed' | 'open' | 'half_open'

const FAILURES_TO_OPEN = 3
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000
/** Longer than any dial may take. */
const PROBE_LOST_MS = 150_000

export const closedBreaker: Breaker = { failures: 0, openUntil: undefined, openedAt: 0, pauseMs: FIRST_PAUSE_MS, probeUntil: undefined }

export function breakerState(breaker: Breaker, now: number): BreakerState {
  if (breaker.openUntil === undefined) return 'closed'
  return now < breaker.openUntil ? 'open' : 'half_open'
}

/**
 * Epoch milliseconds from which a dial may be tried; not after `now`: at once. With a probe under way nobody knows, so it is a pause later.
 * `lastResort`: there is nobody else, so a probe goes after the first pause already, and a service that is back is noticed at once.
 */
export function dialableFrom(breaker: Breaker, now: number, lastResort = false): number {
  if (breaker.openUntil === undefined) return now
  const from = lastResort ? Math.min(breaker.openUntil, breaker.openedAt + FIRST_PAUSE_MS) : breaker.openUntil
  if (now < from) return from
  return breaker.probeUntil !== undefined && now < breaker.probeUntil ? now + FIRST_PAUSE_MS : now
}

/** A dial begins; unless it is closed, it is the probe. */
export function beginDial(breaker: Breaker, now: number): Breaker {
  return breaker.openUntil === undefined ? breaker : { ...breaker, probeUntil: now + PROBE_LOST_MS }
}

export function afterFailure(breaker: Breaker, now: number): Breaker {
  const state = breakerState(breaker, now)
  // A dial that began before it opened says nothing new.
  if (state === 'open' && breaker.probeUntil === undefined) return breaker
  const failures = breaker.failures + 1
  if (state === 'closed' && failures < FAILURES_TO_OPEN) return { ...breaker, failures }
  return { failures, openUntil: now + breaker.pauseMs, openedAt: now, pauseMs: Math.min(LONGEST_PAUSE_MS, breaker.pauseMs * 2), probeUntil: undefined }
}

/** The dial was given up, or refused for a reason that says the upstream itself works. */
export function afterNothing(breaker: Breaker): Breaker {
  return breaker.probeUntil === undefined ? breaker : { ...breaker, probeUntil: undefined }
}
