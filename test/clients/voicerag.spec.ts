// A page's own hook on react-use-websocket, as in the VoiceRAG sample: behind the page's server, and straight with the token as a subprotocol or in the query.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Browser, launchBrowser } from './support/browser.js'
import { type Lab, openLab, UPSTREAMS } from './support/lab.js'
import { fourTurns } from './support/turns.js'

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser?.close())

describe.each(UPSTREAMS)('a hook in the manner of VoiceRAG on a %s upstream', (upstream) => {
  let lab: Lab
  beforeAll(async () => {
    lab = await openLab({ upstream, env: { CLIENT_DIALECT: 'preview', ALLOW_QUERY_TOKEN: 'true', ALLOWED_ORIGINS: browser.origin } })
  })
  afterAll(() => lab?.close())
  beforeEach(() => lab.forget())

  it('behind the page’s own server, which adds the token: text, audio, a tool of the server', async () => {
    browser.proxyRealtime(lab.host, await lab.token())
    await fourTurns(lab, await browser.open('voicerag-talker', '/', 'none'))
    expect(lab.targets()).toEqual(['/realtime'])
  })

  it('straight to the relay, with the token as a subprotocol', async () => {
    await fourTurns(lab, await browser.open('voicerag-talker', lab.host, await lab.token()))
    expect(lab.targets()).toEqual(['/openai/realtime'])
  })

  it('straight to the relay, with the token in the query', async () => {
    await fourTurns(lab, await browser.open('voicerag-talker', `?${lab.host}`, await lab.token()))
    expect(lab.targets()).toEqual([expect.stringMatching(/^\/openai\/realtime\?api-key=/)])
  })
})
