// What a caller may still use: the rules of a quota against what was used, and which rule ends it.

export const QUOTA_UNITS = ['responses', 'tokens', 'audioMinutes', 'money'] as const
export type QuotaUnit = (typeof QUOTA_UNITS)[number]
/** Minutes, days and months are those of the clock, in UTC. */
export type QuotaPeriod = 'minute' | 'day' | 'month' | 'session'

export interface QuotaRule {
  readonly of: QuotaUnit
  readonly per: QuotaPeriod
  readonly max: number
  /** Share of `max` at and below which what is left is called low, 0 to 1; a fifth when absent. */
  readonly warnAt?: number
}

/** An amount of every unit. */
export type QuotaAmounts = Readonly<Record<QuotaUnit, number>>

export const NO_AMOUNTS: QuotaAmounts = { responses: 0, tokens: 0, audioMinutes: 0, money: 0 }

export interface QuotaPolicy {
  readonly rules: readonly QuotaRule[]
  /** Whether responses may start while the store cannot say what was used. */
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

/** One limit: the sum of `counters` in `window`, divided by `each`, must stay below `max`. */
export interface QuotaCheck {
  readonly of: QuotaUnit
  readonly window: string
  readonly max: number
  readonly counters: readonly string[]
  readonly each: number
}

/** Asks whether one more response of the subject may start. */
export interface ReserveRequest {
  readonly subject: string
  /** The session's id. What it holds already stays, and `hold` is added. */
  readonly holder: string
  readonly hold: QuotaAmounts
  /** The hold ends by itself after this long, in case its instance has died. */
  readonly ttlMs: number
  readonly checks: readonly QuotaCheck[]
}

export interface ReserveAnswer {
  readonly granted: boolean
  /** What responses of the subject held before, including the holder's own. */
  readonly held: QuotaAmounts
  /** The counters of every window that was checked. */
  readonly windows: Readonly<Record<string, Readonly<Record<string, number>>>>
}

export interface QuotaLeft {
  readonly of: QuotaUnit
  readonly per: QuotaPeriod
  readonly max: number
  readonly used: number
  readonly remaining: number
  /** Epoch milliseconds; undefined: only with a new session. */
  readonly resetsAt: number | undefined
  /** Time to tell the user; see `warnAt`. */
  readonly low: boolean
}

const LOW_SHARE = 0.2

/** `held`: of the periods of the clock, by responses under way. Absent: nothing. */
export function quotaLeft({ rules, currency }: QuotaPolicy, usage: QuotaUsage, held: QuotaAmounts = NO_AMOUNTS): readonly QuotaLeft[] {
  return rules.map(({ of, per, max, warnAt }) => {
    const period = usage[per]
    const used = period ? amountOf(of, period.counters, currency) : 0
    const remaining = Math.max(0, max - used - (per === 'session' ? 0 : held[of]))
    return { of, per, max, used, remaining, resetsAt: period?.endsAt, low: remaining <= max * (warnAt ?? LOW_SHARE) }
  })
}

/** Of the rules that are used up the one that ends last: coming back before is of no use. */
export function spentRule(left: readonly QuotaLeft[]): QuotaLeft | undefined {
  const end = (one: QuotaLeft) => one.resetsAt ?? Number.POSITIVE_INFINITY
  return left.filter((one) => one.remaining <= 0).reduce<QuotaLeft | undefined>((last, one) => (last && end(last) >= end(one) ? last : one), undefined)
}

/** Which counters of a period make up a unit, and how much of them is one. */
export function countersOf(unit: QuotaUnit, currency: string | undefined): { readonly names: readonly string[]; readonly each: number } {
  switch (unit) {
    case 'responses':
      return { names: ['responses'], each: 1 }
    case 'tokens':
      return { names: ['input_tokens', 'output_tokens', 'transcription_input_tokens', 'transcription_output_tokens'], each: 1 }
    case 'audioMinutes':
      return { names: ['input_audio_seconds', 'output_audio_seconds'], each: 60 }
    case 'money':
      return { names: currency === undefined ? [] : [`cost_${currency.toLowerCase()}`], each: 1 }
  }
}

function amountOf(unit: QuotaUnit, counters: PeriodUsage['counters'], currency: string | undefined): number {
  const { names, each } = countersOf(unit, currency)
  return names.reduce((total, name) => total + (Object.hasOwn(counters, name) ? (counters[name] ?? 0) : 0), 0) / each
}
