// What `check` says of guards: who answered, who did not and why, and who would stop harmless words.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkGuards } from '../../src/cli/check-guards.js'
import { loadConfig } from '../../src/config/load.js'
import { checkTools } from '../../src/tools/check.js'
import { startContentSafety } from '../guards/content-safety.js'
import { type HostileHttp, startHostileHttp } from '../guards/hostile-http.js'

const least = { AZURE_OPENAI_ENDPOINT: 'http://localhost:1', AZURE_OPENAI_DEPLOYMENT: 'd', AZURE_OPENAI_API_KEY: 'k', JWT_SECRET: 'x'.repeat(32) }
let safety: HostileHttp
let ours: HostileHttp
beforeAll(async () => {
  safety = await startContentSafety()
  ours = await startHostileHttp(({ headers }) =>
    headers['x-mode'] === 'broken' ? { status: 503, body: {} } : { body: { blocked: headers['x-mode'] === 'strict', category: 'greeting' } },
  )
})
afterAll(async () => {
  await safety.close()
  await ours.close()
})

describe('check', () => {
  it('asks every guard, and says what answered', async () => {
    const http = (mode: string) => ({ http: { url: ours.url.href, headers: { 'x-mode': mode } } })
    const azure = (apiKey: string) => ({ azure: { endpoint: safety.url.origin, apiKey } })
    const guards = [
      { name: 'words', on: ['output'], run: { patterns: { deny: ['bomb'] } } },
      { name: 'ours', on: ['output'], run: http('fine') },
      { name: 'strict', on: ['output'], run: http('strict') },
      { name: 'broken', on: ['output'], whenUnsure: 'pass', run: http('broken') },
      { name: 'safety', on: ['output'], timeoutMs: 5000, run: azure('safety-key') },
      { name: 'refused', on: ['output'], timeoutMs: 5000, run: azure('hunter2') },
    ]
    const lines = await checkGuards(loadConfig(checkTools, { ...least, GUARDS: JSON.stringify(guards) }))
    expect(lines.map(([part, { status }]) => [part, status])).toEqual([
      ['guard words', 'ok'],
      ['guard ours', 'ok'],
      ['guard strict', 'degraded'],
      ['guard broken', 'down'],
      ['guard safety', 'ok'],
      ['guard refused', 'down'],
    ])
    const said = (name: string) => JSON.stringify(lines.find(([part]) => part === `guard ${name}`)?.[1])
    expect(said('strict')).toMatch(/blocks .*Good morning.* as greeting/)
    expect(said('broken')).toMatch(/no usable answer \(status_503\).*let through/)
    expect(said('refused')).toMatch(/status_401.*blocked/)
    expect(JSON.stringify(lines)).not.toContain('hunter2')
  })

  it('says nothing of guards if there are none', async () => {
    expect(await checkGuards(loadConfig(checkTools, least))).toEqual([])
  })
})
