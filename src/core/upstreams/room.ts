// Derives from a deployment's recorded limits how much room it has for another session, and when it has room again.
import type { LimitRecord } from '../limits/merge.js'

export interface Room {
  /** 0 to 1: the scarcest limit's share. */
  readonly share: number
  /** Epoch milliseconds until which the provider reported no room. Undefined: it did not. */
  readonly closedUntil: number | undefined
  /** Little is left, or nothing by our own count or by a refusal without a time. A reason to prefer another upstream, not to refuse. */
  readonly doubtful: boolean
}

/** How long a report without a reset time is believed. */
const BELIEVED_MS = 10_000
/** A smaller share counts as none: it would be used up before the session's first answer. */
const LEAST_SHARE = 0.01
/** Of a smaller share, other instances may have taken the rest by now. */
const DOUBTFUL_SHARE = 0.1

/** `taken`: sessions opened since the limits were read. Each needs at least one request. */
export function roomOf(limits: readonly LimitRecord[], now: number, taken = 0): Room {
  let room: Room = { share: 1, closedUntil: undefined, doubtful: false }
  for (const record of limits) {
    const left = leftOf(record, now)
    if (left === undefined) continue
    const closed = left.amount < left.needed && record.source !== 'usage' && record.resetAt !== undefined
    const share = left.share - (record.name === 'requests' ? taken / (record.limit ?? Number.POSITIVE_INFINITY) : 0)
    room = {
      share: Math.max(0, Math.min(room.share, share)),
      closedUntil: closed ? Math.max(room.closedUntil ?? 0, left.enoughAt) : room.closedUntil,
      doubtful: room.doubtful || share < DOUBTFUL_SHARE,
    }
  }
  return room
}

interface Left {
  readonly amount: number
  readonly needed: number
  readonly share: number
  readonly enoughAt: number
}

/** Undefined if the report has expired or says nothing about now. */
function leftOf({ limit, remaining, resetAt, source, at }: LimitRecord, now: number): Left | undefined {
  if (remaining === undefined || source === 'configured') return undefined
  const until = resetAt ?? at + BELIEVED_MS
  if (now >= until) return undefined
  const whole = limit !== undefined && limit > 0
  const needed = whole ? Math.max(1, limit * LEAST_SHARE) : Number.MIN_VALUE
  if (!whole || source !== 'event' || resetAt === undefined || remaining >= limit) {
    return { amount: remaining, needed, share: whole ? clamp(remaining / limit) : remaining > 0 ? 1 : 0, enoughAt: until }
  }
  // The provider's buckets refill evenly until the reset. In a recording, 1046 of 15 million tokens a minute are back after 4 ms.
  const perMs = (limit - remaining) / Math.max(1, resetAt - at)
  const amount = Math.min(limit, remaining + perMs * Math.max(0, now - at))
  return { amount, needed, share: clamp(amount / limit), enoughAt: at + Math.max(0, needed - remaining) / perMs }
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share))
}
