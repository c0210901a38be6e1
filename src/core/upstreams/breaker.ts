// Stops dials of an upstream that keeps failing, and lets one probe through at a time until it works again.

export interface Breaker {
  /** Consecutive failures. */
  readonly failures: number
  /** Epoch milliseconds until which it is open. Undefined: closed. In the past: half open. */
  readonly openUntil: number | undefined
  readonly openedAt: number
  /** Length of the next pause, in milliseconds. */
  readonly pauseMs: number
  /** Epoch milliseconds from which the probe under way counts as lost. Undefined: there is no probe. */
  readonly probeUntil: number | undefined
}

export type BreakerState = 'closed' | 'open' | 'half_open'

const FAILURES_TO_OPEN = 3
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000
/** Longer than the longest dial. */
const PROBE_LOST_MS = 150_000

export const closedBreaker: Breaker = { failures: 0, openUntil: undefined, openedAt: 0, pauseMs: FIRST_PAUSE_MS, probeUntil: undefined }

export function breakerState(breaker: Breaker, now: number): BreakerState {
  if (breaker.openUntil === undefined) return 'closed'
  return now < breaker.openUntil ? 'open' : 'half_open'
}

/**
 * Epoch milliseconds from which a dial may be tried; at once if not after `now`. While a probe is under way its outcome is open, so the time is
 * one first pause ahead. `lastResort`: no other upstream is left, so a probe may go after the first pause, and a service that is back is noticed soon.
 */
export function dialableFrom(breaker: Breaker, now: number, lastResort = false): number {
  if (breaker.openUntil === undefined) return now
  const from = lastResort ? Math.min(breaker.openUntil, breaker.openedAt + FIRST_PAUSE_MS) : breaker.openUntil
  if (now < from) return from
  return breaker.probeUntil !== undefined && now < breaker.probeUntil ? now + FIRST_PAUSE_MS : now
}

/** A dial begins. Unless the breaker is closed, the dial is the probe. */
export function beginDial(breaker: Breaker, now: number): Breaker {
  return breaker.openUntil === undefined ? breaker : { ...breaker, probeUntil: now + PROBE_LOST_MS }
}

export function afterFailure(breaker: Breaker, now: number): Breaker {
  const state = breakerState(breaker, now)
  // A dial that began before the breaker opened says nothing new.
  if (state === 'open' && breaker.probeUntil === undefined) return breaker
  const failures = breaker.failures + 1
  if (state === 'closed' && failures < FAILURES_TO_OPEN) return { ...breaker, failures }
  return { failures, openUntil: now + breaker.pauseMs, openedAt: now, pauseMs: Math.min(LONGEST_PAUSE_MS, breaker.pauseMs * 2), probeUntil: undefined }
}

/** A dial was given up, or refused for a reason that shows that the upstream works. */
export function afterNothing(breaker: Breaker): Breaker {
  return breaker.probeUntil === undefined ? breaker : { ...breaker, probeUntil: undefined }
}
