// @openai/agents-realtime 0.20 over WebSocket, in Node and in Chromium, and over WebRTC in Chromium.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect } from './agents-realtime-talker.js'
import { type Browser, launchBrowser } from './support/browser.js'
import { HEARD_QUESTION, type Lab, openLab, UPSTREAMS } from './support/lab.js'
import { fourTurns } from './support/turns.js'

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser?.close())

describe.each(UPSTREAMS)('@openai/agents-realtime on a %s upstream', (upstream) => {
  let lab: Lab
  beforeAll(async () => {
    lab = await openLab({ upstream, env: { ALLOWED_ORIGINS: browser.origin } })
  })
  afterAll(() => lab?.close())
  beforeEach(() => lab.forget())

  it.each([
    ['in Node', connect],
    ['in a page', (host: string, token: string) => browser.open('agents-realtime-talker', host, token)],
  ] as const)('%s: text, audio, a tool of the server, a tool of its own', async (_name, open) => {
    await fourTurns(lab, await open(lab.host, await lab.token()))
    expect(lab.targets()).toEqual(['/v1/realtime?model=gpt-realtime'])
  })
})

it('@openai/agents-realtime over WebRTC, in a page: typed and spoken turns, and a tool of the server', async () => {
  const lab = await openLab({ upstream: 'ga', env: { ALLOWED_ORIGINS: browser.origin, WEBRTC: 'shared' } })
  try {
    const talker = await browser.open('agents-webrtc-talker', lab.host, await lab.token())
    expect((await talker.ask('Good morning')).text).toContain('You said: Good morning.')
    const spoken = await talker.speak(1500)
    expect(lab.running.toolRequests).toEqual(['POST /weather {"city":"Oslo"}'])
    expect(spoken).toMatchObject({ heard: HEARD_QUESTION, text: expect.stringContaining('sunny in Oslo') })
    await talker.close()
    await expect.poll(() => lab.running.simulator.calls(), { timeout: 10_000 }).toEqual([])
  } finally {
    await lab.close()
  }
}, 60_000)
