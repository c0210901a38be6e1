// Fault 42: bad configuration. The process ends soon with a failure, prints one line for each mistake, and no secret.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { builtRelay, runCommand } from '../support/built-relay.js'

const CANARY = 'canary-secret-that-must-not-be-printed'
const GOOD = {
  JWT_SECRET: `${CANARY}-and-long-enough`,
  AZURE_OPENAI_ENDPOINT: 'https://r.openai.azure.com',
  AZURE_OPENAI_DEPLOYMENT: 'voice',
  AZURE_OPENAI_API_KEY: CANARY,
  PORT: '0',
  ADMIN_PORT: '0',
}
const folder = mkdtempSync(join(tmpdir(), 'relay-bad-'))
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
beforeAll(() => builtRelay())
afterAll(() => rmSync(folder, { recursive: true }))

const without = (name: keyof typeof GOOD) => Object.fromEntries(Object.entries(GOOD).filter(([key]) => key !== name))

describe('42. a mistake in the configuration', () => {
  it.each<[string, Record<string, string>, readonly string[]]>([
    ['nothing at all', {}, ['Upstream', 'Tokens']],
    ['no way to verify tokens', without('JWT_SECRET'), ['Tokens']],
    ['no deployment', without('AZURE_OPENAI_DEPLOYMENT'), ['AZURE_OPENAI_DEPLOYMENT']],
    ['an empty endpoint', { ...GOOD, AZURE_OPENAI_ENDPOINT: '' }, ['AZURE_OPENAI_ENDPOINT']],
    ['an endpoint in the clear', { ...GOOD, AZURE_OPENAI_ENDPOINT: 'http://r.openai.azure.com' }, ['AZURE_OPENAI_ENDPOINT']],
    ['a weak secret', { ...GOOD, JWT_SECRET: 'canary-short' }, ['JWT_SECRET']],
    ['tools that are no JSON', { ...GOOD, TOOLS_FILE: file('tools.json', `[{"name": "${CANARY}",}]`) }, ['TOOLS']],
    ['an unknown setting', { ...GOOD, MAX_SESSION: '5' }, ['MAX_SESSION']],
    ['numbers out of range', { ...GOOD, PORT: '70000', RESPONSES_PER_MINUTE: '0', BYTES_PER_SECOND: 'lots' }, ['PORT', 'RESPONSES_PER_MINUTE', 'BYTES_PER_SECOND']],
    ['a missing secret file', { ...without('AZURE_OPENAI_API_KEY'), AZURE_OPENAI_API_KEY_FILE: '/nowhere/key' }, ['AZURE_OPENAI_API_KEY']],
  ])('%s', async (_, env, named) => {
    const { code, output, errors, ms } = await runCommand([], { env })
    expect(code).toBe(1)
    for (const name of named) expect(errors).toMatch(new RegExp(`^ {2}- ${name}`, 'm'))
    expect(errors.trim().split('\n').length).toBeLessThanOrEqual(8)
    expect(output).not.toContain('canary')
    expect(errors).not.toMatch(/ at .*\.js:\d/)
    // Two seconds on an idle machine; the suite shares this one.
    expect(ms).toBeLessThan(6000)
  })
})
