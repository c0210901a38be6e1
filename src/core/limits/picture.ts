// What is known of one limit of a deployment: the report that counts, the use of all instances in this minute, and the limit it is measured by.
import { compareStanding, isLimitName, isLimitSource, type LimitRecord, type LimitSource, mergeLimit, type ReportedLimit, toLimitRecord } from './merge.js'

/** Length of a limit's window in milliseconds. Our windows start with each minute of the epoch. */
export const WINDOW_MS = 60_000

/** What all instances used in the current window. */
export interface LimitWindow {
  readonly used: number
  /** Epoch milliseconds, a multiple of `WINDOW_MS`. */
  readonly from: number
  /** Epoch milliseconds of the latest use. */
  readonly at: number
}

/** The limit that use is measured by: the provider's latest report of it, or the configured one until there is a report. */
export interface KnownLimit {
  readonly limit: number
  readonly at: number
  readonly configured: boolean
}

/** Each part is merged by a total order of its own, so instances agree in whatever order the reports arrive. */
export interface LimitPicture {
  readonly shown?: LimitRecord | undefined
  readonly window?: LimitWindow | undefined
  readonly known?: KnownLimit | undefined
}

/** Whether the report has a use to add: positive and finite, at a time that has a window. */
export function isUse(reported: ReportedLimit, source: LimitSource, at: number): boolean {
  return Number.isFinite(reported.used) && Number(reported.used) > 0 && isLimitName(reported.name) && isLimitSource(source) && at >= 0 && at < 1e13
}

/** The limit that a report names, if any. Our own counts name none. */
export function knownLimitOf(record: LimitRecord): KnownLimit | undefined {
  if (record.limit === undefined || record.source === 'usage') return undefined
  return { limit: record.limit, at: record.at, configured: record.source === 'configured' }
}

/** Prefers the provider's limit to the configured one, then the later one, then the lower one. */
export function laterKnown(kept: KnownLimit | undefined, incoming: KnownLimit | undefined): KnownLimit | undefined {
  if (!kept || !incoming) return kept ?? incoming
  const order = Number(kept.configured) - Number(incoming.configured) || incoming.at - kept.at || kept.limit - incoming.limit
  return order > 0 ? incoming : kept
}

export function windowStart(at: number): number {
  return Math.floor(at / WINDOW_MS) * WINDOW_MS
}

/** Adds one limit of a report to the picture. A limit without a usable name or number changes nothing. */
export function applyReported(picture: LimitPicture, reported: ReportedLimit, source: LimitSource, at: number): LimitPicture {
  const told = applyTold(picture, reported, source, at)
  return isUse(reported, source, at) ? use(told, reported.name, Number(reported.used), at) : told
}

/** The same without the use it adds: that was counted before. */
export function applyTold(picture: LimitPicture, reported: ReportedLimit, source: LimitSource, at: number): LimitPicture {
  const record = toLimitRecord(reported, source, at)
  return record ? tell(picture, record) : picture
}

function tell(picture: LimitPicture, record: LimitRecord): LimitPicture {
  const known = laterKnown(picture.known, knownLimitOf(record))
  const { shown, window } = picture
  if (!window || !isCounted(picture)) return { shown: mergeLimit(shown, record), window, known }
  const counted = countedRecord(record.name, window, known)
  return { shown: compareStanding(record, counted) > 0 ? record : counted, window, known }
}

function use(picture: LimitPicture, name: string, amount: number, at: number): LimitPicture {
  const from = windowStart(at)
  const { shown, window: before, known } = picture
  if (before && from < before.from) return picture
  const window = before?.from === from ? { used: before.used + amount, from, at: Math.max(before.at, at) } : { used: amount, from, at }
  const counted = countedRecord(name, window, known)
  // Against a `usage` report of the same moment our own count wins, so it stays in place while it grows.
  const counts = !shown || isCounted(picture) || compareStanding(counted, shown) >= 0
  return { shown: counts ? counted : shown, window, known }
}

/** Whether the report that counts is our own count of the window. */
function isCounted({ shown, window }: LimitPicture): boolean {
  return shown?.source === 'usage' && shown.at === window?.at
}

function countedRecord(name: string, window: LimitWindow, known: KnownLimit | undefined): LimitRecord {
  const resetAt = window.from + WINDOW_MS
  if (!known) return { name, resetAt, source: 'usage', at: window.at }
  return { name, limit: known.limit, remaining: Math.max(0, known.limit - window.used), resetAt, source: 'usage', at: window.at }
}
