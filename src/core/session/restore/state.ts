// What a session knows of its restores: the one under way, when the next dial is due, and what earlier ones have left behind.
import type { SessionProfile } from '../../policy/profile.js'
import type { JsonObject, RealtimeEvent } from '../../protocol/events.js'
import type { Ending } from '../actions.js'
import type { QuotaReservation } from '../inputs.js'
import type { UpstreamEvent } from '../responses/state.js'
import type { Sound } from '../voice.js'
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
  /** Of the client: read before its lane was closed, and what was due in that moment has closed it. */
  readonly early: readonly RealtimeEvent[]
  /** The store's answers on a quota that came meanwhile. */
  readonly reserved: readonly (QuotaReservation | undefined)[]
  /** Turns that the new leg was told as sound, and has not named yet. */
  readonly sounds: readonly Sound[]
  /** A leg would not have its voice detection switched: the next is told no sound. */
  readonly soundless?: boolean
  /** What it has been told as sound. */
  readonly appendedMs: number
  /** Of the new leg: what the client is to hear of once the session is live. */
  readonly news: readonly RealtimeEvent[]
}

type Begun = Pick<Restore, 'cause' | 'ending' | 'since' | 'until' | 'attempt' | 'attemptUntil' | 'said'>

export function beginRestore(begun: Begun): Restore {
  return { ...begun, dialAt: undefined, awaited: new Map(), early: [], reserved: [], sounds: [], appendedMs: 0, news: [] }
}

/** Since when nothing was heard, as far as is known. */
export interface Watch {
  readonly since: number
  /** Frames of the upstream by then; undefined: not looked at yet. */
  readonly heard: number | undefined
  readonly pinged: boolean
}

/** A planned move to another leg: `at` is when to look at it again. */
export interface Rollover {
  readonly at: number
  /** The next leg, or the last one that was dialled in vain. */
  readonly leg: number | undefined
  readonly phase: 'waiting' | 'dialling' | 'configuring' | 'prepared'
  /** From then on the end of an answer is quiet enough, and from then on nothing is waited for. */
  readonly lateAt: number
  readonly forcedAt: number
  /** The session that the next leg runs, and what the client had set when it was asked for. */
  readonly session?: JsonObject | undefined
  readonly inForce?: JsonObject | undefined
}

/** `watching`: for the next response. `holding`: nothing of it is shown yet. `dropping`: it is written, and was cancelled. */
export type Drift =
  | { readonly phase: 'watching' }
  | { readonly phase: 'holding' | 'dropping'; readonly responseId: string; readonly held: readonly UpstreamEvent[]; readonly itemIds: readonly string[] }

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
  /** Spoken turns among them of which the client has seen the commit. */
  readonly committed: ReadonlySet<string>
  /** Items whose words the present upstream was told in another item. */
  readonly retold: ReadonlySet<string>
  /** Whether the first answer of the present upstream is spoken, as it should be. */
  readonly drift: Drift | undefined
  /** A response that was shown to the client and has to begin again: the next one is shown under its id. */
  readonly expected: string | undefined
  /** A spoken turn that was announced to the client: the next one is shown under its id. */
  readonly speech: string | undefined
  /** The leg that was left by plan, what it calls things, and until when it is heard. */
  readonly former: { readonly leg: number; readonly aliases: Aliases; readonly until: number } | undefined
}

export const neverRestored: Restored = {
  times: [],
  count: 0,
  aliases: noAliases,
  replayed: new Set(),
  rewritten: new Set(),
  committed: new Set(),
  retold: new Set(),
  drift: undefined,
  expected: undefined,
  speech: undefined,
  former: undefined,
}

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

/** No number is given twice. */
export function nextLeg({ upstream, rollover }: { readonly upstream: { readonly leg: number }; readonly rollover: Rollover | undefined }): number {
  return Math.max(upstream.leg, rollover?.leg ?? 0) + 1
}

/** Of the longest time, and at most: how long before its end the next leg is dialled. */
const AHEAD_SHARE = 1 / 6
const MOST_AHEAD_MS = 10 * MINUTE
const DAY = 1440 * MINUTE
/** Before its end, and at most half and a sixth of the time ahead. */
const LATE_MS = 30_000
const FORCED_MS = 10_000

/** A leg has just become ready. `endsAt`: the session's own end. Undefined: the leg outlives the session, or is never left by plan. */
export function rolloverFor(limits: SessionProfile['limits'], expiresAt: unknown, now: number, endsAt: number, spread: string): Rollover | undefined {
  if (!limits.reconnectMs || !limits.upstreamSessionMs) return undefined
  const told = typeof expiresAt === 'number' ? expiresAt * 1000 - now : 0
  const lasts = told >= MINUTE && told <= DAY ? told : limits.upstreamSessionMs
  if (endsAt <= now + lasts) return undefined
  const ahead = Math.min(lasts * AHEAD_SHARE, MOST_AHEAD_MS)
  // Sessions that began together do not move together.
  const end = now + lasts
  const lateAt = end - Math.min(LATE_MS, ahead / 2)
  const forcedAt = end - Math.min(FORCED_MS, ahead / 6)
  return { at: end - ahead + (ahead / 2) * fractionOf(spread), leg: undefined, phase: 'waiting', lateAt, forcedAt }
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
