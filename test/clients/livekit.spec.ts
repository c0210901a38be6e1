// @livekit/agents-plugin-openai 1.9 as an agent process uses it: plain, Azure GA, and legacy Azure, which speaks the preview.
import { realtime } from '@livekit/agents-plugin-openai'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect } from './livekit-talker.js'
import { type Lab, openLab, UPSTREAMS } from './support/lab.js'
import { fourTurns } from './support/turns.js'

const WAYS: readonly (readonly [string, RegExp, (host: string, token: string) => realtime.RealtimeModel])[] = [
  ['plain', /^\/v1\/realtime\?model=gpt-realtime$/, (host, apiKey) => new realtime.RealtimeModel({ baseURL: `https://${host}/v1`, apiKey, model: 'gpt-realtime' })],
  [
    'Azure GA with a key',
    /^\/openai\/v1\/realtime\?model=voice$/,
    (host, apiKey) => realtime.RealtimeModel.withAzure({ azureEndpoint: `https://${host}`, azureDeployment: 'voice', apiKey }),
  ],
  [
    'Azure GA with an Entra token',
    /^\/openai\/v1\/realtime\?model=voice$/,
    (host, entraToken) => realtime.RealtimeModel.withAzure({ azureEndpoint: `https://${host}`, azureDeployment: 'voice', entraToken }),
  ],
  [
    'legacy Azure',
    /^\/openai\/realtime\?(?=.*api-version=2024-10-01-preview)(?=.*deployment=voice)/,
    (host, apiKey) => realtime.RealtimeModel.withAzure({ azureEndpoint: `https://${host}`, azureDeployment: 'voice', apiVersion: '2024-10-01-preview', apiKey }),
  ],
]

describe.each(UPSTREAMS)('@livekit/agents-plugin-openai on a %s upstream', (upstream) => {
  let lab: Lab
  beforeAll(async () => {
    lab = await openLab({ upstream })
  })
  afterAll(() => lab?.close())
  beforeEach(() => lab.forget())

  it.each(WAYS)('%s: text, audio, a tool of the server, a tool of its own', async (_name, target, model) => {
    const talker = await connect(model(lab.host, await lab.token()))
    await fourTurns(lab, talker)
    const turn = ['user', 'assistant']
    expect(talker.roles()).toEqual([...turn, ...turn, ...turn, ...turn, 'user', 'function_call', 'function_call_output', 'assistant'])
    expect(lab.targets()).toEqual([expect.stringMatching(target)])
  })
})
