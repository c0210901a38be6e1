// Lets a claim of the verified token set a rule's amount, within what the operator allows, and says what decided.
import { claimAt } from './claim-values.js'
import type { QuotaRule } from './quota.js'

/** A rule as it is configured; `max` is what it allows if no claim says otherwise. */
export interface QuotaSetting extends QuotaRule {
  /** Name or path of the claim that holds another amount. */
  readonly claim?: string
  /** The most a claim may allow. */
  readonly claimMax?: number
}

export type QuotaSource = 'profile' | 'claim' | 'claim_cut' | 'claim_missing' | 'claim_malformed'

/** Amounts beyond are no amounts. */
export const MOST_QUOTA = 1_000_000_000
/** As in the configuration: many issuers write every claim as a string. */
const AMOUNT = /^\d{1,12}(\.\d{1,9})?$/

/** A claim that is missing, or is no amount, never widens anything: the profile's own amount holds. */
export function ruleFor({ claim, claimMax, ...rule }: QuotaSetting, claims: Readonly<Record<string, unknown>>): { readonly rule: QuotaRule; readonly source: QuotaSource } {
  if (claim === undefined) return { rule, source: 'profile' }
  const value = claimAt(claims, claim)
  if (value === undefined || value === null) return { rule, source: 'claim_missing' }
  const amount = typeof value === 'string' && AMOUNT.test(value) ? Number(value) : value
  if (typeof amount !== 'number' || !(amount >= 0 && amount <= MOST_QUOTA)) return { rule, source: 'claim_malformed' }
  if (claimMax !== undefined && amount > claimMax) return { rule: { ...rule, max: claimMax }, source: 'claim_cut' }
  return { rule: { ...rule, max: amount }, source: 'claim' }
}
