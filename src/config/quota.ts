// Reads what a profile lets its callers use per minute, day, month and session: an amount, or an amount and a claim that replaces it.

import { QUOTA_UNITS, type QuotaPeriod, type QuotaUnit } from '../core/policy/quota.js'
import { MOST_QUOTA, type QuotaSetting } from '../core/policy/quota-claims.js'
import { isObject } from '../core/protocol/events.js'
import type { Problems } from './environment.js'
import type { Fields } from './json-fields.js'
import { decimal } from './parse.js'

const PERIODS: readonly (readonly [string, QuotaPeriod])[] = [
  ['perMinute', 'minute'],
  ['perDay', 'day'],
  ['perMonth', 'month'],
  ['perSession', 'session'],
]

const amount = decimal(0, MOST_QUOTA)

/** Undefined if the profile has none. `withPrices` says whether money can be counted. */
export function readQuota(fields: Fields | undefined, withPrices: boolean, problems: Problems): readonly QuotaSetting[] | undefined {
  if (!fields) return undefined
  const rules = PERIODS.flatMap(([key, per]) => readPeriod(fields.fields(key), per))
  fields.done()
  if (rules.some((rule) => rule.of === 'money') && !withPrices) problems.add(fields.subject, 'limits money, which is counted only with PRICES_FILE: set it')
  return rules.length > 0 ? rules : undefined
}

function readPeriod(fields: Fields | undefined, per: QuotaPeriod): readonly QuotaSetting[] {
  if (!fields) return []
  const rules = QUOTA_UNITS.flatMap((of: QuotaUnit): readonly QuotaSetting[] => {
    if (isObject(fields.raw(of))) return readSetting(fields.fields(of), of, per)
    const max = fields.number(of, amount)
    return max === undefined ? [] : [{ of, per, max }]
  })
  fields.done()
  return rules
}

/** `max` is required: it holds if the token has no such claim. */
function readSetting(fields: Fields | undefined, of: QuotaUnit, per: QuotaPeriod): readonly QuotaSetting[] {
  if (!fields) return []
  if (!fields.has('max')) fields.bad('max', 'is missing')
  const max = fields.number('max', amount)
  const warnAt = fields.number('warnAt', decimal(0, 1))
  const claim = fields.string('claim')
  if (claim === '') fields.bad('claim', 'is empty')
  const claimMax = fields.number('claimMax', amount)
  if (claimMax !== undefined && !fields.has('claim')) fields.bad('claimMax', 'needs claim: it bounds what the claim sets')
  fields.done()
  return max === undefined ? [] : [{ of, per, max, ...(warnAt !== undefined && { warnAt }), ...(claim !== undefined && { claim }), ...(claimMax !== undefined && { claimMax }) }]
}
