// openai 6, the last for Node 20: GA classes, whose Azure form goes to the preview path and there hears preview events, as from Azure.

import { AzureOpenAI, OpenAI } from 'openai-6'
import { OpenAIRealtimeWebSocket } from 'openai-6/realtime/websocket'
import { OpenAIRealtimeWS } from 'openai-6/realtime/ws'
import type { OpenAIRealtimeWS as BetaWS } from 'openai-7/beta/realtime/ws'
import type { OpenAIRealtimeWS as NewestWS } from 'openai-7/realtime/ws'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { talk } from './openai-7-talker.js'
import { talkBeta } from './openai-beta-talker.js'
import { type Lab, openLab, UPSTREAMS } from './support/lab.js'
import { provideNativeWebSocket } from './support/native-websocket.js'
import { fourTurns, type Talker } from './support/turns.js'

await provideNativeWebSocket()

const azure = { apiVersion: '2025-04-01-preview', deployment: 'voice' }
const AZURE_TARGET = /^\/openai\/realtime\?api-version=2025-04-01-preview&deployment=voice/
/** The classes of openai 6 equal those of 7 in everything used here. */
const ga = (socket: unknown) => talk(socket as NewestWS)
const preview = (socket: unknown) => talkBeta(socket as BetaWS)

const WAYS: readonly (readonly [string, RegExp, (host: string, token: string) => Promise<Talker>])[] = [
  [
    'OpenAIRealtimeWS',
    /^\/v1\/realtime\?model=/,
    async (host, apiKey) => ga(new OpenAIRealtimeWS({ model: 'gpt-realtime' }, new OpenAI({ baseURL: `https://${host}/v1`, apiKey }))),
  ],
  [
    'OpenAIRealtimeWS on the GA path of Azure',
    /^\/openai\/v1\/realtime\?model=/,
    async (host, apiKey) => ga(new OpenAIRealtimeWS({ model: 'gpt-realtime' }, new OpenAI({ baseURL: `https://${host}/openai/v1`, apiKey }))),
  ],
  ['OpenAIRealtimeWS.azure', AZURE_TARGET, async (host, apiKey) => preview(await OpenAIRealtimeWS.azure(new AzureOpenAI({ endpoint: `https://${host}`, apiKey, ...azure })))],
  [
    'OpenAIRealtimeWebSocket.azure, native',
    AZURE_TARGET,
    async (host, apiKey) => preview(await OpenAIRealtimeWebSocket.azure(new AzureOpenAI({ endpoint: `https://${host}`, apiKey, ...azure }))),
  ],
]

describe.each(UPSTREAMS)('openai 6 on a %s upstream', (upstream) => {
  let lab: Lab
  beforeAll(async () => {
    lab = await openLab({ upstream, env: { ALLOW_QUERY_TOKEN: 'true' } })
  })
  afterAll(() => lab?.close())
  beforeEach(() => lab.forget())

  it.each(WAYS)('%s: text, audio, a tool of the server, a tool of its own', async (_name, target, open) => {
    await fourTurns(lab, await open(lab.host, await lab.token()))
    expect(lab.targets()).toEqual([expect.stringMatching(target)])
  })

  it('OpenAIRealtimeWS.azure: a session configured the GA way, as its types say, is understood on the preview path', async () => {
    const client = await OpenAIRealtimeWS.azure(new AzureOpenAI({ endpoint: `https://${lab.host}`, apiKey: await lab.token(), ...azure }))
    const updated = new Promise((resolve, reject) => {
      client.once('session.updated', resolve)
      client.on('error', reject)
    })
    client.once('session.created', () =>
      client.send({ type: 'session.update', session: { type: 'realtime', output_modalities: ['text'], audio: { output: { voice: 'cedar' }, input: { turn_detection: null } } } }),
    )
    expect(await updated).toMatchObject({ session: { modalities: ['text'], voice: 'cedar', turn_detection: null } })
    client.close()
  })
})
