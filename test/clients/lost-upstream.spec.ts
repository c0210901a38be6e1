// Unmodified libraries, in Node and in Chromium, whose relay loses its upstream: they notice a pause, and no event or error that they would not have had.
import { realtime } from '@livekit/agents-plugin-openai'
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession } from '@openai/agents-realtime'
import { OpenAI as OpenAI5 } from 'openai-5'
import { OpenAIRealtimeWS as BetaWS5 } from 'openai-5/beta/realtime/ws'
import { AzureOpenAI as AzureOpenAI6, OpenAI as OpenAI6 } from 'openai-6'
import { OpenAIRealtimeWS as WS6 } from 'openai-6/realtime/ws'
import { OpenAI } from 'openai-7'
import type { OpenAIRealtimeWS as BetaWS } from 'openai-7/beta/realtime/ws'
import { OpenAIRealtimeWS } from 'openai-7/realtime/ws'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ReceivedEvent } from '../support/event-log.js'
import { orderProblems } from '../support/stream-order.js'
import { connect as agentsRealtime } from './agents-realtime-talker.js'
import { connect as aiSdkOnServer } from './ai-sdk-server-talker.js'
import { connect as liveKit } from './livekit-talker.js'
import { connect as mastra } from './mastra-talker.js'
import { talk } from './openai-7-talker.js'
import { talkBeta } from './openai-beta-talker.js'
import { connect as openaiRealtimeApi } from './openai-realtime-api-talker.js'
import { connect as rtClient } from './rt-client-talker.js'
import { type Browser, launchBrowser } from './support/browser.js'
import { type Lab, openLab, UPSTREAMS } from './support/lab.js'
import { lostTurns } from './support/lost.js'
import { checkWire, type Talker } from './support/turns.js'

let browser: Browser
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser?.close())

const baseURL = (host: string) => `https://${host}/v1`
/** The classes of openai 5 and 6 equal those of 7 in everything used here. */
const ga = (socket: unknown) => talk(socket as OpenAIRealtimeWS)
const preview = (socket: unknown) => talkBeta(socket as BetaWS)
const inPage = (talker: string) => (host: string, token: string) => browser.open(talker, host, token)

const LIBRARIES: readonly (readonly [string, (host: string, token: string) => Promise<Talker>])[] = [
  ['openai 7', async (host, apiKey) => talk(new OpenAIRealtimeWS({ model: 'gpt-realtime' }, new OpenAI({ baseURL: baseURL(host), apiKey })))],
  ['openai 7 in a page', inPage('openai-7-talker')],
  ['openai 6', async (host, apiKey) => ga(new WS6({ model: 'gpt-realtime' }, new OpenAI6({ baseURL: baseURL(host), apiKey })))],
  [
    'openai 6, azure',
    async (host, apiKey) => preview(await WS6.azure(new AzureOpenAI6({ endpoint: `https://${host}`, apiKey, apiVersion: '2025-04-01-preview', deployment: 'voice' }))),
  ],
  ['openai 5, beta', async (host, apiKey) => preview(new BetaWS5({ model: 'gpt-4o-realtime-preview-2024-10-01' }, new OpenAI5({ baseURL: baseURL(host), apiKey })))],
  ['@openai/agents-realtime', agentsRealtime],
  ['@openai/agents-realtime in a page', inPage('agents-realtime-talker')],
  ['AI SDK on a server', aiSdkOnServer],
  ['AI SDK, useRealtime in a page', inPage('ai-sdk-talker')],
  ['@mastra/voice-openai-realtime', (host, token) => mastra(`wss://${host}/v1/realtime`, token)],
  ['@livekit/agents-plugin-openai', (host, apiKey) => liveKit(new realtime.RealtimeModel({ baseURL: baseURL(host), apiKey, model: 'gpt-realtime' }))],
  ['rt-client', rtClient],
  ['openai-realtime-api', openaiRealtimeApi],
  ['a hook in the manner of VoiceRAG in a page', inPage('voicerag-talker')],
]

/** By the upstream's name for it. */
const EVENTS = {
  ga: { begun: 'response.created', call: 'response.function_call_arguments.done', audio: 'response.output_audio.delta' },
  preview: { begun: 'response.created', call: 'response.function_call_arguments.done', audio: 'response.audio.delta' },
} as const

describe.each(UPSTREAMS)('with a %s upstream that is lost', (upstream) => {
  let lab: Lab
  beforeAll(async () => {
    lab = await openLab({ upstream, env: { ALLOWED_ORIGINS: browser.origin } })
  })
  afterAll(() => lab?.close())
  beforeEach(() => lab.forget())

  const connect = async () => new OpenAIRealtimeWS({ model: 'gpt-realtime' }, new OpenAI({ baseURL: `https://${lab.host}/v1`, apiKey: await lab.token() }))
  const kill = (type: string, nth = 1) => lab.running.simulator.setFaults({ end: { how: 'rst', at: 'event', type, nth, times: 1 } })
  const present = () => lab.running.simulator.received.at(-1)?.sessionId
  const allIsWell = () => {
    checkWire(lab.toClients())
    expect(orderProblems(lab.toClients() as readonly ReceivedEvent[])).toEqual([])
    expect(lab.toClients().filter(({ type }) => type === 'error' || type.startsWith('relay.'))).toEqual([])
  }

  it.each(LIBRARIES)('%s: before an answer, in calls, between turns, in the middle of answers', async (_name, connect) => {
    await lostTurns(lab, async () => connect(lab.host, await lab.token()))
  })

  it('openai 7 gets its answer: before it began, in the middle of a call of the server’s, and between turns', async () => {
    const talker = await talk(await connect())
    kill(EVENTS[upstream].begun)
    expect((await talker.ask('Good morning')).text).toContain('You said: Good morning.')
    kill(EVENTS[upstream].call)
    expect((await talker.ask('What is the weather in Oslo?')).text).toContain('sunny in Oslo')
    const before = present()
    lab.running.simulator.setFaults({ end: { how: 'close', code: 1001, at: 'now' } })
    lab.running.simulator.setFaults({})
    await vi.waitFor(() => expect(present()).not.toBe(before), { timeout: 10_000, interval: 20 })
    expect((await talker.ask('Good night')).text).toContain('You said: Good night.')
    await talker.close()
    allIsWell()
  })

  it('openai 7 sees an answer end early, and another go on', async () => {
    const client = await connect()
    const errors: unknown[] = []
    client.on('error', (error) => errors.push(error))
    await new Promise((resolve) => client.once('session.created', resolve))
    const statuses: (string | undefined)[] = []
    const answered = new Promise<void>((resolve) => {
      client.on('response.done', ({ response }) => {
        statuses.push(response.status)
        if (response.status === 'completed') resolve()
      })
    })
    kill(EVENTS[upstream].audio, 3)
    client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Good morning' }] } })
    client.send({ type: 'response.create' })
    await answered
    client.close()
    expect(statuses).toEqual(['incomplete', 'completed'])
    expect(errors).toEqual([])
    allIsWell()
  })

  it('@openai/agents-realtime goes on, and can interrupt the answer that goes on', async () => {
    const session = new RealtimeSession(new RealtimeAgent({ name: 'Helper' }), { transport: new OpenAIRealtimeWebSocket(), model: 'gpt-realtime' })
    const errors: unknown[] = []
    session.on('error', (error) => errors.push(error))
    const live = new Promise((resolve) => session.transport.on('*', (event: { type: string }) => event.type === 'session.updated' && resolve(undefined)))
    await session.connect({ url: `wss://${lab.host}/v1/realtime`, apiKey: await lab.token() })
    await live
    const { sessionId } = lab.running.simulator.received.at(-1) ?? {}
    kill(EVENTS[upstream].audio, 3)
    const ended = (words: string) =>
      new Promise<void>((resolve) => {
        session.on('agent_end', (_context, _agent, text) => {
          if (text.includes(words)) resolve()
        })
      })
    const first = ended('You said: Hello there.')
    session.sendMessage('Hello there')
    await first
    expect(lab.running.simulator.received.at(-1)?.sessionId).not.toBe(sessionId)
    session.interrupt()
    const second = ended('You said: And again.')
    session.sendMessage('And again')
    await second
    session.close()
    expect(errors).toEqual([])
    allIsWell()
  })
})
