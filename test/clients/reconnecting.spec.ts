// What clients do when a session ends or never begins (here it ends with its upstream): LiveKit's renewal with its history, and refusals that libraries survive.
import { initializeLogger } from '@livekit/agents'
import { realtime } from '@livekit/agents-plugin-openai'
import { OpenAI } from 'openai-7'
import { OpenAIRealtimeWS } from 'openai-7/realtime/ws'
import { RTClient } from 'rt-client'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Lab, openLab, UPSTREAMS } from './support/lab.js'

initializeLogger({ pretty: false, level: 'silent' })

describe.each(UPSTREAMS)('on a %s upstream', (upstream) => {
  let lab: Lab
  beforeAll(async () => {
    lab = await openLab({ upstream, env: { CLIENT_MAY_SEED_HISTORY: 'true', REFUSE_AFTER_UPGRADE: 'true', UPSTREAM_RECONNECT_SECONDS: '0' } })
  })
  afterAll(() => lab?.close())
  beforeEach(() => lab.forget())

  it.each([
    ['GA', undefined],
    ['legacy', '2024-10-01-preview'],
  ])('LiveKit %s renews its session and gives the new one the history, if CLIENT_MAY_SEED_HISTORY allows it', async (_name, apiVersion) => {
    const model = realtime.RealtimeModel.withAzure({
      azureEndpoint: `https://${lab.host}`,
      azureDeployment: 'voice',
      apiKey: await lab.token(),
      ...(apiVersion ? { apiVersion } : {}),
    })
    const session = model.session()
    const errors: { recoverable: boolean }[] = []
    session.on('error', (error: { recoverable: boolean }) => errors.push(error))
    const say = async (text: string) => {
      const chat = session.chatCtx.copy()
      chat.addMessage({ role: 'user', content: text })
      await session.updateChatCtx(chat)
      let answer = ''
      for await (const message of (await session.generateReply()).messageStream) for await (const chunk of message.textStream) answer += String(chunk)
      return answer
    }
    expect(await say('My name is Ada')).toContain('You said: My name is Ada.')
    const renewed = new Promise((resolve) => session.once('session_reconnected', resolve))
    // The provider's end of the session's link, as after its longest session.
    lab.running.simulator.setFaults({ end: { how: 'close', code: 1001, at: 'now' } })
    lab.running.simulator.setFaults({})
    await renewed
    // One of the first messages after a renewal goes to the loop of the old connection and is lost, a fault of LiveKit's: let it be one of these.
    await session.clearAudio()
    await session.clearAudio()
    // The history is there when the relay has confirmed it.
    while (session.chatCtx.items.length < 2) await new Promise((resolve) => session.once('openai_server_event_received', resolve))
    expect(await say('Still there?')).toContain('You said: Still there?')
    expect(errors.map((error) => error.recoverable)).toEqual([true])
    const [events] = lab.running.simulator.received.slice(-1).map((received) => received.events)
    const items = events?.flatMap((event) => (event.type === 'conversation.item.create' ? [event.item as { role: string; content: { text: string }[] }] : []))
    expect(items?.map((item) => `${item.role}: ${item.content[0]?.text}`)).toEqual(['user: My name is Ada', 'assistant: You said: My name is Ada.', 'user: Still there?'])
    await session.close()
  })

  it('openai 7 gets the reason of a refusal, as an event and in the close code', async () => {
    const client = new OpenAIRealtimeWS({ model: 'gpt-realtime' }, new OpenAI({ baseURL: `https://${lab.host}/v1`, apiKey: 'not-a-token' }))
    const closed = new Promise<number>((resolve) => client.socket.on('close', resolve))
    const error = await new Promise((resolve) => client.on('error', resolve))
    expect(error).toMatchObject({ error: { code: 'unauthenticated' } })
    expect(await closed).toBe(4401)
  })

  it('rt-client fails at once with the reason', async () => {
    const client = new RTClient(new URL(`wss://${lab.host}`), { key: 'not-a-token' }, { deployment: 'voice' })
    await expect(client.init()).rejects.toMatchObject({ code: 'unauthenticated' })
  })

  it('LiveKit reports an error and goes on', async () => {
    const model = new realtime.RealtimeModel({ baseURL: `https://${lab.host}/v1`, apiKey: 'not-a-token', model: 'gpt-realtime' })
    const session = model.session()
    const error = await new Promise((resolve) => session.once('error', resolve))
    expect(error).toMatchObject({ type: 'realtime_model_error' })
    await session.close().catch(() => undefined)
  })
})
