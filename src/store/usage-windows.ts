// Which day, month and minute a usage report belongs to, and which of its counters are fit to be stored.
import { isLimitName } from '../core/limits/merge.js'
import type { UsageOwner, UsageReport } from '../ports/store.js'

/** Counters of one user and day beyond these are left out. */
export const MAX_COUNTERS = 64

/** The UTC day of a moment in epoch milliseconds as `yyyy-mm-dd`; undefined where it is no moment of a four-digit year. */
export function dayOf(atMs: number): string | undefined {
  if (!Number.isFinite(atMs) || atMs < 0 || atMs >= 253_402_300_800_000) return undefined
  return new Date(atMs).toISOString().slice(0, 10)
}

/** The day, and the month (`yyyy-mm`) or minute (`yyyy-mm-ddThh:mm`) where a report asks for them; none where it is no moment. */
export function windowsOf(atMs: number, also: readonly ('minute' | 'month')[] = []): readonly string[] {
  const day = dayOf(atMs)
  if (day === undefined) return []
  const iso = new Date(atMs).toISOString()
  return [day, ...(also.includes('month') ? [iso.slice(0, 7)] : []), ...(also.includes('minute') ? [iso.slice(0, 16)] : [])]
}

/** Of a window by the name `windowsOf` gives it. */
export function granularityOf(window: string): 'day' | 'month' | 'minute' {
  return window.length === 10 ? 'day' : window.length < 10 ? 'month' : 'minute'
}

/** Everyone whose counters a report adds to, the user first. */
function ownersOf({ subject, tenant, profile, deployment }: UsageReport): readonly UsageOwner[] {
  const owner = (kind: UsageOwner['kind'], name: string | undefined): UsageOwner[] => (name === undefined || name === '' ? [] : [{ kind, name }])
  return [{ kind: 'subject', name: subject }, ...owner('tenant', tenant), ...owner('profile', profile), ...owner('deployment', deployment)]
}

/** Where a report is added: its day for every owner, its month and minute for the user alone. */
export function targetsOf(report: UsageReport): readonly (readonly [owner: UsageOwner, window: string])[] {
  return ownersOf(report).flatMap((owner) => windowsOf(report.at, owner.kind === 'subject' ? report.windows : []).map((window) => [owner, window] as const))
}

/** Counters with a storable name and a finite amount other than zero. */
export function countersOf(counters: Readonly<Record<string, number>>): readonly (readonly [string, number])[] {
  return Object.entries(counters)
    .filter(([name, value]) => isLimitName(name) && Number.isFinite(value) && value !== 0)
    .slice(0, MAX_COUNTERS)
}
