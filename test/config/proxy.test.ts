// Which connections go through a company's proxy, as curl and most tools of such networks decide it.
import { describe, expect, it } from 'vitest'
import type { ConfigError } from '../../src/config/config-error.js'
import { loadConfig } from '../../src/config/load.js'
import { proxyFor } from '../../src/config/proxy.js'
import { checkTools } from '../../src/tools/check.js'

const BASE = { JWT_SECRET: 'a shared secret of the tests, 32 bytes or more', AZURE_OPENAI_ENDPOINT: 'https://r.openai.azure.com', AZURE_OPENAI_DEPLOYMENT: 'voice' }
const load = (env: Record<string, string>) => loadConfig(checkTools, { ...BASE, ...env })
const wayTo = (url: string, env: Record<string, string>) => proxyFor(new URL(url), load(env).proxies)?.address

function mistakes(env: Record<string, string>): string {
  try {
    load(env)
    return ''
  } catch (error) {
    return (error as ConfigError).problems.join('\n')
  }
}

const HTTPS_PROXY = 'http://proxy.example.com:3128'

describe('the proxy', () => {
  it.each([
    ['https://a.example.org', { HTTPS_PROXY }, 'proxy.example.com:3128'],
    ['wss://a.example.org', { HTTPS_PROXY }, 'proxy.example.com:3128'],
    ['http://a.example.org', { HTTPS_PROXY }, undefined],
    ['http://a.example.org', { HTTP_PROXY: 'plain.example.com' }, 'plain.example.com:80'],
    ['https://a.example.org', { HTTP_PROXY: 'plain.example.com' }, undefined],
    ['https://a.example.org', { https_proxy: 'https://lower.example.com' }, 'lower.example.com:443'],
    ['https://a.example.org', { HTTPS_PROXY, https_proxy: 'lower.example.com:1' }, 'lower.example.com:1'],
    ['https://a.example.org', { HTTPS_PROXY, https_proxy: ' ' }, 'proxy.example.com:3128'],
    ['https://a.example.org', {}, undefined],
  ])('for %s with %j is %s', (url, env, address) => {
    expect(wayTo(url, env)).toBe(address)
  })

  it.each(['https://localhost:9100', 'https://127.0.0.1', 'https://127.8.8.8', 'https://[::1]', 'https://app.localhost', 'https://169.254.169.254'])(
    'is never used for %s',
    (url) => {
      expect(wayTo(url, { HTTPS_PROXY })).toBeUndefined()
    },
  )

  it.each([
    ['example.org', 'https://example.org', true],
    ['example.org', 'https://a.b.example.org', true],
    ['example.org', 'https://notexample.org', false],
    ['.example.org', 'https://a.example.org', true],
    ['.example.org', 'https://example.org', true],
    ['*.example.org', 'https://a.example.org', true],
    ['EXAMPLE.org', 'https://A.example.ORG', true],
    ['example.org:8443', 'https://example.org:8443', true],
    ['example.org:8443', 'https://example.org', false],
    ['example.org:443', 'https://example.org', true],
    ['*', 'https://example.org', true],
    ['a.example, example.org', 'https://example.org', true],
    ['a.example example.org', 'https://example.org', true],
    ['10.1.2.3', 'https://10.1.2.3', true],
    ['10.0.0.0/8', 'https://10.200.0.1', true],
    ['10.0.0.0/8', 'https://11.0.0.1', false],
    ['10.0.0.0/8', 'https://ten.example.org', false],
    ['2.3', 'https://10.1.2.3', false],
    ['fd00::/8', 'https://[fd12::1]', true],
    ['fd12::1', 'https://[fd12::1]', true],
    ['[fd12::1]:8443', 'https://[fd12::1]:8443', true],
    ['[fd12::1]:8443', 'https://[fd12::1]', false],
    ['10.0.0.0/x', 'https://10.0.0.1', false],
  ])('NO_PROXY=%s and %s: direct %s', (NO_PROXY, url, direct) => {
    expect(wayTo(url, { HTTPS_PROXY, NO_PROXY }) === undefined).toBe(direct)
    expect(wayTo(url, { HTTPS_PROXY, no_proxy: NO_PROXY }) === undefined).toBe(direct)
  })
})

describe('mistakes', () => {
  it.each([
    [{ HTTPS_PROXY: 'socks5://proxy.example.com:1080' }, /^HTTPS_PROXY must be a URL such as .*SOCKS, are not supported$/],
    [{ https_proxy: 'http://user:canary%zz@proxy.example.com' }, /^https_proxy must be .*%25$/],
    [{ HTTP_PROXY: 'http://proxy.example.com/path' }, /^HTTP_PROXY must be .*without a path$/],
    [{ HTTPS_PROXY: 'http://user:canary@[bad' }, /^HTTPS_PROXY must be a URL/],
  ])('%j', (env, right) => {
    expect(mistakes(env)).toMatch(right)
    expect(mistakes(env)).not.toContain('canary')
  })

  it('denyPrivateAddresses behind a proxy, which resolves the name itself', () => {
    const TOOLS = JSON.stringify([{ type: 'function', name: 'search', run: { http: { method: 'GET', url: 'https://search.example.org/q', denyPrivateAddresses: true } } }])
    expect(mistakes({ TOOLS })).toBe('')
    expect(mistakes({ TOOLS, HTTPS_PROXY })).toMatch(
      /^TOOLS "search": denyPrivateAddresses cannot be kept through HTTPS_PROXY, because the proxy resolves the name: name the host in NO_PROXY/,
    )
    expect(mistakes({ TOOLS, HTTPS_PROXY, NO_PROXY: 'search.example.org' })).toBe('')
    expect(mistakes({ TOOLS, HTTP_PROXY: HTTPS_PROXY })).toBe('')
  })

  it('no password of a proxy shows in the configuration', () => {
    const config = load({ HTTPS_PROXY: 'http://user:canary@proxy.example.com:3128' })
    expect(JSON.stringify(config)).not.toContain('canary')
  })
})
