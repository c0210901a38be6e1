// What a session knows of its restores: the one under way, when the next dial is due, and what earlier ones have left behind.
import type { SessionProfile } from '../../policy/profile.js'
import type { Ending } from '../actions.js'
import type { QuotaReservation } from '../inputs.js'
import { type Aliases, noAliases } from './aliases.js'
import type { LossCause, Said } from './cut.js'

/** From the loss until the next leg knows the conversation. */
export interface Restore {
  readonly cause: LossCause
  /** With which the session ends if it cannot be restored. */
  readonly ending: Ending
  readonly since: number
  readonly until: number
  /** Dials so far, this one included. */
  readonly attempt: number
  /** The next dial; undefined while one is under way. */
  readonly dialAt: number | undefined
  /** A dial that has not led to a configured session by then is given up. */
  readonly attemptUntil: number
  readonly said: readonly Said[]
  /** Items of the replay that the new leg has not taken yet: event id → item id. */
  readonly awaited: ReadonlyMap<string, string>
  /** The store's answers on a quota that came meanwhile. */
  readonly reserved: readonly (QuotaReservation | undefined)[]
}

/** Since when nothing was heard, as far as is known. */
export interface Watch {
  readonly since: number
  /** Frames of the upstream by then; undefined: not looked at yet. */
  readonly heard: number | undefined
  readonly pinged: boolean
}

/** Shared by all sessions that never lost their upstream. */
export interface Restored {
  /** When, on the session's clock: the latest ones. */
  readonly times: readonly number[]
  readonly count: number
  readonly aliases: Aliases
  /** Items that were told to the present upstream by a replay. Their echoes are not news. */
  readonly replayed: ReadonlySet<string>
  /** Those of them that the relay replaces, and whose end the upstream has still to confirm. */
  readonly rewritten: ReadonlySet<string>
  /** A response that was shown to the client and has to begin again: the next one is shown under its id. */
  readonly expected: string | undefined
  /** A spoken turn that was announced to the client: the next one is shown under its id. */
  readonly speech: string | undefined
}

export const neverRestored: Restored = { times: [], count: 0, aliases: noAliases, replayed: new Set(), rewritten: new Set(), expected: undefined, speech: undefined }

const MOST_IN_A_MINUTE = 3
const MOST_IN_A_SESSION = 20
const MINUTE = 60_000
const FIRST_PAUSE_MS = 500
/** So that a dial which hangs leaves time for another. */
const ATTEMPT_SHARE = 0.4

export function mayRestore({ limits }: SessionProfile, { times, count }: Restored, now: number): boolean {
  if (!limits.reconnectMs || count >= MOST_IN_A_SESSION) return false
  return times.filter((time) => now - time < MINUTE).length < MOST_IN_A_MINUTE
}

export function remembering({ times, count, ...rest }: Restored, now: number): Restored {
  return { ...rest, count: count + 1, times: [...times, now].slice(-MOST_IN_A_MINUTE) }
}

/** Of the time that all attempts have together. */
export function attemptUntil(now: number, until: number, reconnectMs: number): number {
  return Math.min(until, now + reconnectMs * ATTEMPT_SHARE)
}

/**
 * Pause before the next dial, doubled with each. Half of it is spread by the session's own random prefix, so that the sessions of one lost upstream
 * do not dial in step.
 */
export function pauseAfter(attempt: number, relayIdPrefix: string): number {
  const whole = FIRST_PAUSE_MS * 2 ** (attempt - 1)
  return whole / 2 + (whole / 2) * fractionOf(`${relayIdPrefix}${attempt}`)
}

/** At least 0 and below 1, the same for the same text (FNV-1a). */
function fractionOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0
  return hash / 4_294_967_296
}
