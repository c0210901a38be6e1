// The claim that may set a quota: which values count as amounts. Other values never raise a quota.
import { describe, expect, it } from 'vitest'
import { type QuotaSetting, ruleFor } from '../../../src/core/policy/quota-claims.js'

const setting: QuotaSetting = { of: 'tokens', per: 'day', max: 100, claim: 'quota', claimMax: 1000, warnAt: 0.5 }

const SHEET: readonly { readonly id: string; readonly claims: Record<string, unknown>; readonly max: number; readonly source: string; readonly why: string }[] = [
  { id: 'number', claims: { quota: 500 }, max: 500, source: 'claim', why: 'an issuer that knows numbers' },
  { id: 'text', claims: { quota: '500' }, max: 500, source: 'claim', why: 'an issuer that writes every claim as a string' },
  { id: 'fraction', claims: { quota: '0.5' }, max: 0.5, source: 'claim', why: 'money and minutes have fractions' },
  { id: 'zero', claims: { quota: 0 }, max: 0, source: 'claim', why: 'a user who may not use it at all' },
  { id: 'at-the-bound', claims: { quota: 1000 }, max: 1000, source: 'claim', why: 'the bound itself is allowed' },
  { id: 'above-the-bound', claims: { quota: 1001 }, max: 1000, source: 'claim_cut', why: 'the operator’s word is the last' },
  { id: 'missing', claims: {}, max: 100, source: 'claim_missing', why: 'most tokens' },
  { id: 'null', claims: { quota: null }, max: 100, source: 'claim_missing', why: 'some issuers write what they do not know as null' },
  { id: 'inherited', claims: Object.create({ quota: 500 }) as Record<string, unknown>, max: 100, source: 'claim_missing', why: 'own properties only' },
  { id: 'negative', claims: { quota: -1 }, max: 100, source: 'claim_malformed', why: 'no amount' },
  { id: 'infinite', claims: { quota: Number.POSITIVE_INFINITY }, max: 100, source: 'claim_malformed', why: 'never unlimited by a claim' },
  { id: 'nan', claims: { quota: Number.NaN }, max: 100, source: 'claim_malformed', why: 'compares with nothing' },
  { id: 'huge', claims: { quota: 1e10 }, max: 100, source: 'claim_malformed', why: 'beyond what can be configured' },
  { id: 'exponent', claims: { quota: '1e3' }, max: 100, source: 'claim_malformed', why: 'plain decimals only' },
  { id: 'padded', claims: { quota: ' 500' }, max: 100, source: 'claim_malformed', why: 'plain decimals only' },
  { id: 'empty', claims: { quota: '' }, max: 100, source: 'claim_malformed', why: 'an empty string is not zero' },
  { id: 'list', claims: { quota: [500] }, max: 100, source: 'claim_malformed', why: 'which one?' },
  { id: 'true', claims: { quota: true }, max: 100, source: 'claim_malformed', why: 'true is not one' },
]

describe('ruleFor', () => {
  it.each(SHEET)('$id: $why', ({ claims, max, source }) => {
    expect(ruleFor(setting, claims)).toEqual({ rule: { of: 'tokens', per: 'day', max, warnAt: 0.5 }, source })
  })

  it('takes a thousand million and no more', () => {
    const open = { of: 'tokens', per: 'day', max: 100, claim: 'quota' } as const
    expect(ruleFor(open, { quota: 1e9 })).toMatchObject({ rule: { max: 1e9 }, source: 'claim' })
    expect(ruleFor(open, { quota: 1e9 + 1 })).toMatchObject({ rule: { max: 100 }, source: 'claim_malformed' })
  })

  it('reads no claim if none is named, and has no bound if none is set', () => {
    expect(ruleFor({ of: 'tokens', per: 'day', max: 100 }, { undefined: 5 })).toEqual({ rule: { of: 'tokens', per: 'day', max: 100 }, source: 'profile' })
    expect(ruleFor({ of: 'tokens', per: 'day', max: 100, claim: 'quota' }, { quota: 5000 })).toMatchObject({ rule: { max: 5000 }, source: 'claim' })
  })
})
