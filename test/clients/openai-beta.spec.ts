// The preview classes of openai 5 and 7 (`openai/beta/realtime`), plain and Azure, with `ws`, native and in Chromium.

import { AzureOpenAI as AzureOpenAI5, OpenAI as OpenAI5 } from 'openai-5'
import { OpenAIRealtimeWebSocket as NativeWebSocket5 } from 'openai-5/beta/realtime/websocket'
import { OpenAIRealtimeWS as WS5 } from 'openai-5/beta/realtime/ws'
import { AzureOpenAI, OpenAI } from 'openai-7'
import { OpenAIRealtimeWebSocket as NativeWebSocket7 } from 'openai-7/beta/realtime/websocket'
import { OpenAIRealtimeWS as WS7 } from 'openai-7/beta/realtime/ws'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { talkBeta } from './openai-beta-talker.js'
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

const MODEL = 'gpt-4o-realtime-preview-2024-10-01'
const azure = { apiVersion: '2024-10-01-preview', deployment: 'voice' }
const AZURE_TARGET = /^\/openai\/realtime\?(?=.*api-version=2024-10-01-preview)(?=.*deployment=voice)/
/** The classes of openai 5 equal those of 7 in everything used here. */
const same = (socket: unknown) => talkBeta(socket as WS7)

const WAYS: readonly (readonly [string, RegExp, (host: string, token: string) => Promise<Talker>])[] = [
  ['7 OpenAIRealtimeWS', /^\/v1\/realtime\?model=/, async (host, apiKey) => talkBeta(new WS7({ model: MODEL }, new OpenAI({ baseURL: `https://${host}/v1`, apiKey })))],
  [
    '7 OpenAIRealtimeWS on the GA path of Azure',
    /^\/openai\/v1\/realtime\?model=/,
    async (host, apiKey) => talkBeta(new WS7({ model: MODEL }, new OpenAI({ baseURL: `https://${host}/openai/v1`, apiKey }))),
  ],
  ['7 OpenAIRealtimeWS.azure', AZURE_TARGET, async (host, apiKey) => talkBeta(await WS7.azure(new AzureOpenAI({ endpoint: `https://${host}`, apiKey, ...azure })))],
  [
    '7 OpenAIRealtimeWebSocket, native',
    /^\/v1\/realtime\?model=/,
    async (host, apiKey) => talkBeta(new NativeWebSocket7({ model: MODEL }, new OpenAI({ baseURL: `https://${host}/v1`, apiKey }))),
  ],
  ['5 OpenAIRealtimeWS', /^\/v1\/realtime\?model=/, async (host, apiKey) => same(new WS5({ model: MODEL }, new OpenAI5({ baseURL: `https://${host}/v1`, apiKey })))],
  ['5 OpenAIRealtimeWS.azure', AZURE_TARGET, async (host, apiKey) => same(await WS5.azure(new AzureOpenAI5({ endpoint: `https://${host}`, apiKey, ...azure })))],
  [
    '5 OpenAIRealtimeWebSocket, native',
    /^\/v1\/realtime\?model=/,
    async (host, apiKey) => same(new NativeWebSocket5({ model: MODEL }, new OpenAI5({ baseURL: `https://${host}/v1`, apiKey }))),
  ],
  [
    '5 OpenAIRealtimeWebSocket.azure with a token provider, native',
    /^\/openai\/realtime\?.*Authorization=Bearer/,
    async (host, token) => same(await NativeWebSocket5.azure(new AzureOpenAI5({ endpoint: `https://${host}`, azureADTokenProvider: async () => token, ...azure }))),
  ],
  ['5 OpenAIRealtimeWebSocket.azure in a page', /^\/openai\/realtime\?.*api-key=/, (host, token) => browser.open('openai-beta-talker', host, token)],
]

describe.each(UPSTREAMS)('openai/beta/realtime on a %s upstream', (upstream) => {
  let lab: Lab
  beforeAll(async () => {
    lab = await openLab({ upstream, env: { ALLOW_QUERY_TOKEN: 'true', ALLOWED_ORIGINS: browser.origin } })
  })
  afterAll(() => lab?.close())
  beforeEach(() => lab.forget())

  it.each(WAYS)('%s: text, audio, a tool of the server, a tool of its own', async (_name, target, open) => {
    await fourTurns(lab, await open(lab.host, await lab.token()))
    expect(lab.targets()).toEqual([expect.stringMatching(target)])
  })
})
