// openai-realtime-api 1.0 in Node and in Chromium: needs `conversation.item.created`, then `response.content_part.added`, then deltas.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect } from './openai-realtime-api-talker.js'
import { type Browser, launchBrowser } from './support/browser.js'
import { type Lab, openLab, UPSTREAMS } from './support/lab.js'
import { fourTurns } from './support/turns.js'

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser?.close())

describe.each(UPSTREAMS)('openai-realtime-api on a %s upstream', (upstream) => {
  let lab: Lab
  beforeAll(async () => {
    lab = await openLab({ upstream, env: { ALLOWED_ORIGINS: browser.origin } })
  })
  afterAll(() => lab?.close())
  beforeEach(() => lab.forget())

  it.each([
    ['in Node', connect],
    ['in a page', (host: string, token: string) => browser.open('openai-realtime-api-talker', host, token)],
  ] as const)('%s: text, audio, a tool of the server, a tool of its own', async (_name, open) => {
    await fourTurns(lab, await open(lab.host, await lab.token()))
    expect(lab.targets()).toEqual(['/openai/realtime?model=gpt-4o-realtime-preview-2024-10-01'])
  })
})
