// Chooses the owners, days, months and minutes a usage report counts for, and the counters that can be stored.
import { isLimitName } from '../core/limits/merge.js'
import type { UsageOwner, UsageReport } from '../ports/store.js'

/** Most counters of one owner and window. The rest is left out. */
export const MAX_COUNTERS = 64

/** The UTC day of an epoch time as `yyyy-mm-dd`. Undefined if its year has not four digits. */
export function dayOf(atMs: number): string | undefined {
  return windowsAt(atMs)?.day
}

/** The names of what a time is in: a day, a month (`yyyy-mm`) and a minute (`yyyy-mm-ddThh:mm`), in UTC. */
interface Windows {
  readonly day: string
  readonly month: string
  readonly minute: string
}

/** The last ones asked for: reports come in the order of time. */
let last: { readonly from: number; readonly windows: Windows } | undefined

/** Undefined if its year has not four digits. */
function windowsAt(atMs: number): Windows | undefined {
  if (!Number.isFinite(atMs) || atMs < 0 || atMs >= 253_402_300_800_000) return undefined
  const from = Math.floor(atMs / 60_000) * 60_000
  if (last?.from === from) return last.windows
  const text = new Date(atMs).toISOString()
  last = { from, windows: { day: text.slice(0, 10), month: text.slice(0, 7), minute: text.slice(0, 16) } }
  return last.windows
}

/** `window` is a name of such a day, month or minute. */
export function granularityOf(window: string): 'day' | 'month' | 'minute' {
  return window.length === 10 ? 'day' : window.length < 10 ? 'month' : 'minute'
}

export interface UsageTarget {
  readonly owner: UsageOwner
  readonly window: string
}

/** The counters a report adds to: the day of every owner, the user first, and the month and minute of the user alone. None if `dayOf` knows no day. */
export function targetsOf({ subject, tenant, profile, deployment, at, windows }: UsageReport): readonly UsageTarget[] {
  const names = windowsAt(at)
  if (!names) return []
  const { day, month, minute } = names
  const user: UsageOwner = { kind: 'subject', name: subject }
  const targets: UsageTarget[] = [{ owner: user, window: day }]
  if (windows?.includes('month')) targets.push({ owner: user, window: month })
  if (windows?.includes('minute')) targets.push({ owner: user, window: minute })
  if (tenant) targets.push({ owner: { kind: 'tenant', name: tenant }, window: day })
  if (profile) targets.push({ owner: { kind: 'profile', name: profile }, window: day })
  if (deployment) targets.push({ owner: { kind: 'deployment', name: deployment }, window: day })
  return targets
}

/** A counter's name and an amount to add. */
export type Counter = readonly [name: string, amount: number]

/** Counters with a storable name and a finite, non-zero amount. */
export function countersOf(counters: Readonly<Record<string, number>>): readonly Counter[] {
  const found: Counter[] = []
  for (const name in counters) {
    const amount = counters[name] as number
    if (amount !== 0 && Number.isFinite(amount) && isCounterName(name) && found.length < MAX_COUNTERS) found.push([name, amount])
  }
  return found
}

/** Names that were found storable: few, and told over and over. */
const storable = new Set<string>()

function isCounterName(name: string): boolean {
  if (storable.has(name)) return true
  if (!isLimitName(name)) return false
  if (storable.size < MAX_COUNTERS) storable.add(name)
  return true
}
