// What an upstream of UPSTREAMS may be told about its own limits.
import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/config/config-error.js'
import { loadConfig } from '../../src/config/load.js'
import { checkTools } from '../../src/tools/check.js'

const load = (rest: object) =>
  loadConfig(
    checkTools,
    { JWT_SECRET: 'a shared secret of the tests, 32 bytes or more', UPSTREAMS: JSON.stringify([{ endpoint: 'https://a.example.com', deployment: 'd', apiKey: 'k', ...rest }]) },
    { mode: 'serve', cwd: process.cwd() },
  ).upstreams[0]

describe('limits of an upstream', () => {
  it('are absent where nobody names them', () => {
    expect(load({})).not.toHaveProperty('limits')
  })

  it('are what may be used a minute', () => {
    expect(load({ tokensPerMinute: 250_000 })).toMatchObject({ limits: { tokens: 250_000 } })
    expect(load({ tokensPerMinute: 1, requestsPerMinute: 60 })).toMatchObject({ limits: { tokens: 1, requests: 60 } })
  })

  it.each([0, -1, 1.5, '10', null])('are no %s', (requestsPerMinute) => {
    expect(() => load({ requestsPerMinute })).toThrow(ConfigError)
    expect(() => load({ requestsPerMinute })).toThrow(/UPSTREAMS entry 1: requestsPerMinute/)
  })
})
