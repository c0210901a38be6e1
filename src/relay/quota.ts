// Looks up what a caller has used in the periods of its quota, within a time that a waiting response can bear.
import type { PeriodUsage, QuotaPeriod, QuotaPolicy, QuotaUsage } from '../core/policy/quota.js'
import type { LimitStore } from '../ports.js'

/** A response waits for this at most. */
const LOOK_UP_MS = 250

/** Undefined: the store could not tell in time. `session`: counters of this session, where there is one. Never rejects. */
export async function quotaUsage(
  store: Pick<LimitStore, 'usageOf'>,
  subject: string,
  policy: QuotaPolicy,
  now: number,
  session: PeriodUsage['counters'] = {},
): Promise<QuotaUsage | undefined> {
  const periods = [...new Set(policy.rules.map((rule) => rule.per))]
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), LOOK_UP_MS)
  })
  const all = Promise.all(periods.map(async (period) => [period, await look(period)] as const)).then(
    (found): QuotaUsage => Object.fromEntries(found),
    () => undefined,
  )
  try {
    return await Promise.race([all, late])
  } finally {
    clearTimeout(timer)
  }

  async function look(period: QuotaPeriod): Promise<PeriodUsage> {
    if (period === 'session') return { counters: session, endsAt: undefined }
    const { window, endsAt } = windowAt(period, now)
    return { counters: await store.usageOf({ kind: 'subject', name: subject }, window), endsAt }
  }
}

/** The windows a user's usage must be counted in besides its days. */
export function windowsFor(policy: QuotaPolicy | undefined): readonly ('minute' | 'month')[] | undefined {
  const windows = (['minute', 'month'] as const).filter((period) => policy?.rules.some((rule) => rule.per === period))
  return windows.length > 0 ? windows : undefined
}

/** By the clock, in UTC; named as the store names it. */
function windowAt(period: 'minute' | 'day' | 'month', now: number): { readonly window: string; readonly endsAt: number } {
  const date = new Date(now)
  const iso = date.toISOString()
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()]
  if (period === 'month') return { window: iso.slice(0, 7), endsAt: Date.UTC(year, month + 1, 1) }
  if (period === 'day') return { window: iso.slice(0, 10), endsAt: Date.UTC(year, month, day + 1) }
  return { window: iso.slice(0, 16), endsAt: Math.floor(now / 60_000) * 60_000 + 60_000 }
}
