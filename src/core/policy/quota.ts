// What a caller may still use: the rules of a quota against what was used, and which rule ends it.

export const QUOTA_UNITS = ['responses', 'tokens', 'audioMinutes', 'money'] as const
export type QuotaUnit = (typeof QUOTA_UNITS)[number]
/** Minutes, days and months are those of the clock, in UTC. */
export const QUOTA_PERIODS = ['minute', 'day', 'month', 'session'] as const
export type QuotaPeriod = (typeof QUOTA_PERIODS)[number]

export interface QuotaRule {
  readonly of: QuotaUnit
  readonly per: QuotaPeriod
  readonly max: number
}

export interface QuotaPolicy {
  readonly rules: readonly QuotaRule[]
  /** Whether responses may start while nobody can tell what was used. */
  readonly failOpen: boolean
  /** Of `money`, three letters; undefined: no prices, so no rules about money. */
  readonly currency: string | undefined
}

/** Counters as the store has them, of one period; `endsAt` in epoch milliseconds. */
export interface PeriodUsage {
  readonly counters: Readonly<Record<string, number>>
  readonly endsAt: number | undefined
}

export type QuotaUsage = Readonly<Partial<Record<QuotaPeriod, PeriodUsage>>>

export interface QuotaLeft {
  readonly of: QuotaUnit
  readonly per: QuotaPeriod
  readonly max: number
  readonly used: number
  readonly remaining: number
  /** Epoch milliseconds; undefined: only with a new session. */
  readonly resetsAt: number | undefined
  /** A fifth or less is left: time to tell the user. */
  readonly low: boolean
}

const LOW_SHARE = 0.2

export function quotaLeft({ rules, currency }: QuotaPolicy, usage: QuotaUsage): readonly QuotaLeft[] {
  return rules.map(({ of, per, max }) => {
    const period = usage[per]
    const used = period ? amountOf(of, period.counters, currency) : 0
    const remaining = Math.max(0, max - used)
    return { of, per, max, used, remaining, resetsAt: period?.endsAt, low: remaining <= max * LOW_SHARE }
  })
}

/** Of the rules that are used up the one that ends last: coming back before is of no use. */
export function spentRule(left: readonly QuotaLeft[]): QuotaLeft | undefined {
  const end = (one: QuotaLeft) => one.resetsAt ?? Number.POSITIVE_INFINITY
  return left.filter((one) => one.remaining <= 0).reduce<QuotaLeft | undefined>((last, one) => (last && end(last) >= end(one) ? last : one), undefined)
}

function amountOf(unit: QuotaUnit, counters: PeriodUsage['counters'], currency: string | undefined): number {
  const sum = (...names: string[]) => names.reduce((total, name) => total + (Object.hasOwn(counters, name) ? (counters[name] ?? 0) : 0), 0)
  switch (unit) {
    case 'responses':
      return sum('responses')
    case 'tokens':
      return sum('input_tokens', 'output_tokens', 'transcription_input_tokens', 'transcription_output_tokens')
    case 'audioMinutes':
      return sum('input_audio_seconds', 'output_audio_seconds') / 60
    case 'money':
      return currency === undefined ? 0 : sum(`cost_${currency.toLowerCase()}`)
  }
}
