// Quotas in PROFILES_FILE: what they become, and what is a mistake.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/config/config-error.js'
import { loadConfig } from '../../src/config/load.js'
import { quotaPolicy } from '../../src/profiles/choose.js'
import { checkTools } from '../../src/tools/check.js'

const folder = mkdtempSync(join(tmpdir(), 'quota-'))
afterAll(() => rmSync(folder, { recursive: true }))
function file(name: string, content: object): string {
  writeFileSync(join(folder, name), JSON.stringify(content))
  return join(folder, name)
}

const least = { AZURE_OPENAI_ENDPOINT: 'https://a.openai.azure.com', AZURE_OPENAI_DEPLOYMENT: 'd', JWT_SECRET: 'a shared secret of the tests, 32 bytes or more' }
const prices = { PRICES_FILE: file('prices.json', { currency: 'EUR', date: '2026-11-25', prices: { d: {} } }) }
const load = (quota: object | undefined, env: Record<string, string> = {}) =>
  loadConfig(
    checkTools,
    { ...least, PROFILES_FILE: file('profiles.json', { vip: { limits: { maxSessionSeconds: 60, ...(quota && { quota }) } } }), ...env },
    { mode: 'serve', cwd: folder },
  )

describe('a profile’s quota', () => {
  it('is a rule for each amount and period', () => {
    const config = load({ perMinute: { responses: 10, tokens: 50_000 }, perDay: { audioMinutes: 30.5 }, perMonth: { money: 20 }, perSession: { money: 1 } }, prices)
    expect(quotaPolicy(config, 'vip', {})).toEqual({
      rules: [
        { of: 'responses', per: 'minute', max: 10 },
        { of: 'tokens', per: 'minute', max: 50_000 },
        { of: 'audioMinutes', per: 'day', max: 30.5 },
        { of: 'money', per: 'month', max: 20 },
        { of: 'money', per: 'session', max: 1 },
      ],
      failOpen: true,
      currency: 'EUR',
    })
    expect(config.profiles.vip?.limits).toEqual({ maxSessionMs: 60_000 })
  })

  it('is none where nobody sets one, and does not spread to other profiles', () => {
    expect(quotaPolicy(load(undefined), 'vip', {})).toBeUndefined()
    expect(quotaPolicy(load({}), 'vip', {})).toBeUndefined()
    expect(quotaPolicy(load({ perDay: { responses: 1 } }), 'default', {})).toBeUndefined()
  })

  it('fails closed where the operator wants it', () => {
    expect(quotaPolicy(load({ perDay: { responses: 1 } }, { QUOTA_FAIL_OPEN: 'false' }), 'vip', {})).toMatchObject({ failOpen: false, currency: undefined })
  })

  it('may be set by a claim, never above what the operator allows, and is the profile’s own where the claim is none', () => {
    const config = load({ perDay: { responses: { max: 10, claim: 'https://acme.example/daily', claimMax: 100, warnAt: 0.5 }, tokens: { max: 1000, claim: 'tokens' } } })
    const rules = (claims: Record<string, unknown>) => quotaPolicy(config, 'vip', claims)?.rules.map(({ max }) => max)
    expect(quotaPolicy(config, 'vip', {})?.rules).toEqual([
      { of: 'responses', per: 'day', max: 10, warnAt: 0.5 },
      { of: 'tokens', per: 'day', max: 1000 },
    ])
    expect(rules({ 'https://acme.example/daily': 50, tokens: '2000.5' })).toEqual([50, 2000.5])
    expect(rules({ 'https://acme.example/daily': 1, tokens: 0 }), 'a claim may also take away').toEqual([1, 0])
    expect(rules({ 'https://acme.example/daily': 1e9, tokens: 1e9 })).toEqual([100, 1e9])
  })

  it.each([
    ['an amount that is none', { perDay: { responses: -1 } }, /^PROFILES_FILE "vip": limits quota perDay responses must be a number/],
    ['a misspelt amount', { perDay: { token: 1 } }, /^PROFILES_FILE "vip": limits quota perDay has unknown fields: "token"; known: responses, tokens, audioMinutes, money/],
    ['a misspelt period', { perWeek: { tokens: 1 } }, /^PROFILES_FILE "vip": limits quota has unknown fields: "perWeek"/],
    ['no object', { perDay: 5 }, /^PROFILES_FILE "vip": limits quota perDay must be an object/],
    ['a claim without an amount of its own', { perDay: { tokens: { claim: 'tokens' } } }, /^PROFILES_FILE "vip": limits quota perDay tokens max is missing/],
    [
      'a bound without a claim',
      { perDay: { tokens: { max: 1, claimMax: 5 } } },
      /^PROFILES_FILE "vip": limits quota perDay tokens claimMax needs claim: it bounds what the claim sets/,
    ],
    ['a share above one', { perDay: { tokens: { max: 1, warnAt: 20 } } }, /^PROFILES_FILE "vip": limits quota perDay tokens warnAt must be a number from 0 to 1/],
    ['a misspelt field', { perDay: { tokens: { max: 1, cap: 2 } } }, /tokens has unknown fields: "cap"; known: max, warnAt, claim, claimMax/],
    ['money nobody counts', { perDay: { money: 5 } }, /^PROFILES_FILE "vip": limits quota limits money, which is counted only with PRICES_FILE: set it/],
  ])('names the mistake: %s', (_, quota, says) => {
    const problems = (() => {
      try {
        load(quota)
        return []
      } catch (error) {
        return error instanceof ConfigError ? error.problems : [String(error)]
      }
    })()
    expect(problems).toEqual([expect.stringMatching(says)])
  })
})
