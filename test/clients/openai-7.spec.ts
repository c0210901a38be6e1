// openai 7, GA: OpenAIRealtimeWS with `ws`, OpenAIRealtimeWebSocket with the native WebSocket and in Chromium, and both as Azure clients.

import { AzureOpenAI, OpenAI } from 'openai-7'
import { OpenAIRealtimeWebSocket } from 'openai-7/realtime/websocket'
import { OpenAIRealtimeWS } from 'openai-7/realtime/ws'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect, talk } from './openai-7-talker.js'
import { type Browser, launchBrowser } from './support/browser.js'
import { type Lab, openLab, UPSTREAMS } from './support/lab.js'
import { provideNativeWebSocket } from './support/native-websocket.js'
import { fourTurns, type Talker } from './support/turns.js'

await provideNativeWebSocket()

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser?.close())

const azure = (host: string, credential: { apiKey: string } | { azureADTokenProvider: () => Promise<string> }) =>
  new AzureOpenAI({ endpoint: `https://${host}`, apiVersion: '2025-04-01-preview', deployment: 'voice', ...credential })

const WAYS: readonly (readonly [string, string, (host: string, token: string) => Promise<Talker>])[] = [
  [
    'OpenAIRealtimeWS',
    '/v1/realtime?model=gpt-realtime',
    async (host, apiKey) => talk(new OpenAIRealtimeWS({ model: 'gpt-realtime' }, new OpenAI({ baseURL: `https://${host}/v1`, apiKey }))),
  ],
  [
    'OpenAIRealtimeWS on the Azure path',
    '/openai/v1/realtime?model=gpt-realtime',
    async (host, apiKey) => talk(new OpenAIRealtimeWS({ model: 'gpt-realtime' }, new OpenAI({ baseURL: `https://${host}/openai/v1`, apiKey }))),
  ],
  ['OpenAIRealtimeWS.azure with a key', '/openai/v1/realtime?model=voice', async (host, apiKey) => talk(await OpenAIRealtimeWS.azure(azure(host, { apiKey })))],
  [
    'OpenAIRealtimeWS.azure with a token provider',
    '/openai/v1/realtime?model=voice',
    async (host, token) => talk(await OpenAIRealtimeWS.azure(azure(host, { azureADTokenProvider: async () => token }))),
  ],
  ['OpenAIRealtimeWebSocket, native', '/v1/realtime?model=gpt-realtime', connect],
  ['OpenAIRealtimeWebSocket.azure, native', '/openai/v1/realtime?model=voice', async (host, apiKey) => talk(await OpenAIRealtimeWebSocket.azure(azure(host, { apiKey })))],
  ['OpenAIRealtimeWebSocket in a page', '/v1/realtime?model=gpt-realtime', (host, token) => browser.open('openai-7-talker', host, token)],
]

describe.each(UPSTREAMS)('openai 7 on a %s upstream', (upstream) => {
  let lab: Lab
  beforeAll(async () => {
    lab = await openLab({ upstream, env: { ALLOWED_ORIGINS: browser.origin } })
  })
  afterAll(() => lab?.close())
  beforeEach(() => lab.forget())

  it.each(WAYS)('%s: text, audio, a tool of the server, a tool of its own', async (_name, target, open) => {
    await fourTurns(lab, await open(lab.host, await lab.token()))
    expect(lab.targets()).toEqual([target])
  })
})
