// What a profile allows its callers to use, per minute, day, month and session.
import type { Problems } from './config-env.js'
import type { Fields } from './config-json.js'
import { decimal } from './config-parse.js'
import { QUOTA_UNITS, type QuotaPeriod, type QuotaRule, type QuotaUnit } from './core/policy/quota.js'

const PERIODS: readonly (readonly [string, QuotaPeriod])[] = [
  ['perMinute', 'minute'],
  ['perDay', 'day'],
  ['perMonth', 'month'],
  ['perSession', 'session'],
]
const MOST = 1_000_000_000

/** Undefined where the profile has none. `withPrices`: whether money can be counted at all. */
export function readQuota(fields: Fields | undefined, withPrices: boolean, problems: Problems): readonly QuotaRule[] | undefined {
  if (!fields) return undefined
  const rules = PERIODS.flatMap(([key, per]) => readPeriod(fields.fields(key), per))
  fields.done()
  if (rules.some((rule) => rule.of === 'money') && !withPrices) problems.add(fields.subject, 'limits money, which nobody counts: set PRICES_FILE')
  return rules.length > 0 ? rules : undefined
}

function readPeriod(fields: Fields | undefined, per: QuotaPeriod): readonly QuotaRule[] {
  if (!fields) return []
  const rules = QUOTA_UNITS.flatMap((of: QuotaUnit): QuotaRule[] => {
    const max = fields.number(of, decimal(0, MOST))
    return max === undefined ? [] : [{ of, per, max }]
  })
  fields.done()
  return rules
}
