// Chooses the owners, days, months and minutes a usage report counts for, and the counters that can be stored.
import { isLimitName } from '../core/limits/merge.js'
import type { UsageOwner, UsageReport } from '../ports/store.js'

/** Most counters of one owner and window. The rest is left out. */
export const MAX_COUNTERS = 64

/** The UTC day of an epoch time as `yyyy-mm-dd`. Undefined if its year has not four digits. */
export function dayOf(atMs: number): string | undefined {
  return minuteOf(atMs)?.slice(0, 10)
}

/** The last one asked for: reports come in the order of time. */
let lastMinute = { from: Number.NaN, text: '' }

/** The UTC minute as `yyyy-mm-ddThh:mm`. */
function minuteOf(atMs: number): string | undefined {
  if (!Number.isFinite(atMs) || atMs < 0 || atMs >= 253_402_300_800_000) return undefined
  const from = Math.floor(atMs / 60_000) * 60_000
  if (from !== lastMinute.from) lastMinute = { from, text: new Date(atMs).toISOString().slice(0, 16) }
  return lastMinute.text
}

/** The day, then the month (`yyyy-mm`) and minute (`yyyy-mm-ddThh:mm`) if the report asks for them. Empty if `dayOf` knows no day. */
export function windowsOf(atMs: number, also: readonly ('minute' | 'month')[] = []): readonly string[] {
  const minute = minuteOf(atMs)
  if (minute === undefined) return []
  return [minute.slice(0, 10), ...(also.includes('month') ? [minute.slice(0, 7)] : []), ...(also.includes('minute') ? [minute] : [])]
}

/** `window` is a name from `windowsOf`. */
export function granularityOf(window: string): 'day' | 'month' | 'minute' {
  return window.length === 10 ? 'day' : window.length < 10 ? 'month' : 'minute'
}

/** The owners a report adds to, the user first. */
function ownersOf({ subject, tenant, profile, deployment }: UsageReport): readonly UsageOwner[] {
  const owner = (kind: UsageOwner['kind'], name: string | undefined): UsageOwner[] => (name === undefined || name === '' ? [] : [{ kind, name }])
  return [{ kind: 'subject', name: subject }, ...owner('tenant', tenant), ...owner('profile', profile), ...owner('deployment', deployment)]
}

/** The counters a report adds to: the day of every owner, and the month and minute of the user alone. */
export function targetsOf(report: UsageReport): readonly (readonly [owner: UsageOwner, window: string])[] {
  return ownersOf(report).flatMap((owner) => windowsOf(report.at, owner.kind === 'subject' ? report.windows : []).map((window) => [owner, window] as const))
}

/** Counters with a storable name and a finite, non-zero amount. */
export function countersOf(counters: Readonly<Record<string, number>>): readonly (readonly [string, number])[] {
  return Object.entries(counters)
    .filter(([name, value]) => isLimitName(name) && Number.isFinite(value) && value !== 0)
    .slice(0, MAX_COUNTERS)
}
