// Vercel AI SDK 7: @ai-sdk/react in Chromium, both ways it connects, and @ai-sdk/openai as a server's client with `ws`.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect } from './ai-sdk-server-talker.js'
import { type Browser, launchBrowser } from './support/browser.js'
import { type Lab, openLab, UPSTREAMS } from './support/lab.js'
import { fourTurns } from './support/turns.js'

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser?.close())

describe.each(UPSTREAMS)('AI SDK 7 on a %s upstream', (upstream) => {
  let lab: Lab
  beforeAll(async () => {
    lab = await openLab({ upstream, env: { ALLOWED_ORIGINS: browser.origin } })
  })
  afterAll(() => lab?.close())
  beforeEach(() => lab.forget())

  it.each([
    ['useRealtime with a WebSocket address', (host: string, token: string) => browser.open('ai-sdk-talker', host, token)],
    ['useRealtime with a token endpoint', (host: string, token: string) => browser.open('ai-sdk-talker', `?${host}`, token)],
    ['on a server', connect],
  ] as const)('%s: text, audio, a tool of the server, a tool of its own', async (_name, open) => {
    await fourTurns(lab, await open(lab.host, await lab.token()))
    expect(lab.targets()).toEqual(['/v1/realtime?model=gpt-realtime'])
  })
})
