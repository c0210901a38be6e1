// What is known of one limit of a deployment: the report that counts, what the relays used in this minute, and the limit it is measured by.
import { compareStanding, isLimitName, isLimitSource, type LimitRecord, type LimitSource, mergeLimit, type ReportedLimit, toLimitRecord } from './merge.js'

/** The windows of the known limits, in milliseconds; ours start with the minute of the epoch. */
export const WINDOW_MS = 60_000

/** What was used in the current window, over all relays. */
export interface LimitWindow {
  readonly used: number
  /** Epoch milliseconds, a multiple of `WINDOW_MS`. */
  readonly from: number
  /** Of the latest use. */
  readonly at: number
}

/** The limit that use is measured by: the provider's latest word on it, or what is configured until there is one. */
export interface KnownLimit {
  readonly limit: number
  readonly at: number
  readonly configured: boolean
}

/** Each part is a join of its own, so relays agree whatever order the reports arrive in. */
export interface LimitPicture {
  readonly shown?: LimitRecord
  readonly window?: LimitWindow
  readonly known?: KnownLimit
}

/** A use worth adding: positive and finite, at a moment of which a window can be told. */
export function isUse(reported: ReportedLimit, source: LimitSource, at: number): boolean {
  return isLimitName(reported.name) && isLimitSource(source) && Number.isFinite(reported.used) && Number(reported.used) > 0 && at >= 0 && at < 1e13
}

/** The limit a report names, if it does. Our own counting knows none. */
export function knownLimitOf(record: LimitRecord): KnownLimit | undefined {
  if (record.limit === undefined || record.source === 'usage') return undefined
  return { limit: record.limit, at: record.at, configured: record.source === 'configured' }
}

/** The provider's word before the operator's, then the later one, then the lower one. */
export function laterKnown(kept: KnownLimit | undefined, incoming: KnownLimit | undefined): KnownLimit | undefined {
  if (!kept || !incoming) return kept ?? incoming
  const order = Number(kept.configured) - Number(incoming.configured) || incoming.at - kept.at || kept.limit - incoming.limit
  return order > 0 ? incoming : kept
}

export function windowStart(at: number): number {
  return Math.floor(at / WINDOW_MS) * WINDOW_MS
}

/** Takes one limit of a report into the picture; whatever is no number or no limit leaves it as it is. */
export function applyReported(picture: LimitPicture, reported: ReportedLimit, source: LimitSource, at: number): LimitPicture {
  const record = toLimitRecord(reported, source, at)
  const told = record ? tell(picture, record) : picture
  return isUse(reported, source, at) ? use(told, reported.name, Number(reported.used), at) : told
}

function tell(picture: LimitPicture, record: LimitRecord): LimitPicture {
  const known = laterKnown(picture.known, knownLimitOf(record))
  const { shown, window } = picture
  if (!window || !isCounted(picture)) return { ...picture, ...(known && { known }), shown: mergeLimit(shown, record) }
  const counted = countedRecord(record.name, window, known)
  return { window, ...(known && { known }), shown: compareStanding(record, counted) > 0 ? record : counted }
}

function use(picture: LimitPicture, name: string, amount: number, at: number): LimitPicture {
  const from = windowStart(at)
  const { shown, window: before, known } = picture
  if (before && from < before.from) return picture
  const window = before?.from === from ? { used: before.used + amount, from, at: Math.max(before.at, at) } : { used: amount, from, at }
  const counted = countedRecord(name, window, known)
  // Against a report of `usage` at the same moment our own count stands, so that it stays in place while it grows.
  const counts = !shown || isCounted(picture) || compareStanding(counted, shown) >= 0
  return { ...picture, window, shown: counts ? counted : shown }
}

/** Whether what is shown is the window's own arithmetic. */
function isCounted({ shown, window }: LimitPicture): boolean {
  return shown?.source === 'usage' && shown.at === window?.at
}

function countedRecord(name: string, window: LimitWindow, known: KnownLimit | undefined): LimitRecord {
  const measured = known && { limit: known.limit, remaining: Math.max(0, known.limit - window.used) }
  return { name, ...measured, resetAt: window.from + WINDOW_MS, source: 'usage', at: window.at }
}
