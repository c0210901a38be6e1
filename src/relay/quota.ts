// Asks the store what a caller has used in the periods of its quota, and reserves a response's part, within a time that a waiting response can bear.
import { countersOf, NO_AMOUNTS, type PeriodUsage, type QuotaAmounts, type QuotaCheck, type QuotaPeriod, type QuotaPolicy, type QuotaUsage } from '../core/policy/quota.js'
import type { QuotaReservation } from '../core/session/inputs.js'
import type { QuotaHolds, UsageBook } from '../ports/store.js'
import { within } from '../time/within.js'

/** A response waits for this at most. */
const LOOK_UP_MS = 250
/** A dead instance's holds end after this. No answer lasts longer: 4096 tokens of audio are 205 s of speech. */
const HOLD_MS = 240_000

/** Undefined: the store did not answer in time. `session`: counters of this session, if there is one. Never rejects. */
export async function quotaUsage(
  store: Pick<UsageBook, 'usageOf'>,
  subject: string,
  policy: QuotaPolicy,
  now: number,
  session: PeriodUsage['counters'] = {},
): Promise<QuotaUsage | undefined> {
  const periods = [...new Set(policy.rules.map((rule) => rule.per))]
  const all = Promise.all(periods.map(async (period) => [period, await look(period)] as const))
  return inTime(all.then((found): QuotaUsage => Object.fromEntries(found)))

  async function look(period: QuotaPeriod): Promise<PeriodUsage> {
    if (period === 'session') return { counters: session, endsAt: undefined }
    const { window, endsAt } = windowAt(period, now)
    return { counters: await store.usageOf({ kind: 'subject', name: subject }, window), endsAt }
  }
}

export interface QuotaHolder {
  readonly subject: string
  /** The session's id, which also releases the hold. */
  readonly holder: string
  readonly hold: QuotaAmounts
  /** Counters of this session. */
  readonly session: PeriodUsage['counters']
}

/** Undefined: the store could not tell in time; whatever is held then is let go with the rest. Never rejects. */
export async function reserveQuota(
  store: Pick<QuotaHolds, 'reserve'>,
  policy: QuotaPolicy,
  now: number,
  { session, ...holder }: QuotaHolder,
): Promise<QuotaReservation | undefined> {
  const periods = [...new Set(policy.rules.map(({ per }) => per))].flatMap((per) => (per === 'session' ? [] : [{ per, ...windowAt(per, now) }]))
  const checks = periods.flatMap(({ per, window }): QuotaCheck[] =>
    policy.rules.flatMap((rule) => {
      if (rule.per !== per) return []
      const { names, each } = countersOf(rule.of, policy.currency)
      return [{ of: rule.of, window, max: rule.max, counters: names, each }]
    }),
  )
  // A quota of the session alone needs no store.
  const answer = checks.length === 0 ? { windows: {}, held: NO_AMOUNTS, granted: true } : await inTime(store.reserve({ ...holder, ttlMs: HOLD_MS, checks }))
  if (!answer) return undefined
  const windows: Readonly<Record<string, PeriodUsage['counters']>> = answer.windows
  const usage: QuotaUsage = Object.fromEntries(periods.map(({ per, window, endsAt }) => [per, { counters: windows[window] ?? {}, endsAt }]))
  return { usage: { ...usage, session: { counters: session, endsAt: undefined } }, held: answer.held, granted: answer.granted }
}

/** Undefined: no answer in time, or the store could not be asked. */
function inTime<T>(answer: Promise<T>): Promise<T | undefined> {
  return within(
    LOOK_UP_MS,
    answer.catch(() => undefined),
    () => undefined,
  )
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
