// rt-client 0.5 in Node and in Chromium: its socket closes on any event type outside its list of 27, so every translated event counts.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect, connectWithToken } from './rt-client-talker.js'
import { type Browser, launchBrowser } from './support/browser.js'
import { type Lab, openLab, UPSTREAMS } from './support/lab.js'
import { fourTurns } from './support/turns.js'

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser?.close())

describe.each(UPSTREAMS)('rt-client on a %s upstream', (upstream) => {
  let lab: Lab
  beforeAll(async () => {
    // In a page it has nowhere but the query to put a token.
    lab = await openLab({ upstream, env: { ALLOW_QUERY_TOKEN: 'true', ALLOWED_ORIGINS: browser.origin } })
  })
  afterAll(() => lab?.close())
  beforeEach(() => lab.forget())

  it.each([
    ['a key', connect],
    ['a token credential', connectWithToken],
  ] as const)('in Node with %s: text, audio, a tool of the server, a tool of its own', async (_name, open) => {
    await fourTurns(lab, await open(lab.host, await lab.token()))
    expect(lab.targets()).toEqual(['/openai/realtime?api-version=2024-10-01-preview&deployment=gpt-4o-realtime-preview'])
  })

  it('in a page: the same', async () => {
    await fourTurns(lab, await browser.open('rt-client-talker', lab.host, await lab.token()))
    expect(lab.targets()).toEqual([expect.stringMatching(/^\/openai\/realtime\?.*api-key=/)])
  })
})
