// Users who interrupt: each library's own way to cut an answer short, while the model speaks and while a tool of the server is at work.
import { initializeLogger } from '@livekit/agents'
import { realtime } from '@livekit/agents-plugin-openai'
import { AudioFrame } from '@livekit/rtc-node'
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession } from '@openai/agents-realtime'
import { OpenAI } from 'openai-7'
import { OpenAIRealtimeWS } from 'openai-7/realtime/ws'
import { RealtimeClient } from 'openai-realtime-api'
import { RTClient } from 'rt-client'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Lab, openLab, UPSTREAMS } from './support/lab.js'
import { pieces, RATE, spokenPcm } from './support/speech.js'
import { checkWire } from './support/turns.js'

initializeLogger({ pretty: false, level: 'silent' })

/** Long enough to be cut short. */
const LONG = `Please repeat after me: ${'the quick brown fox jumps over the lazy dog, '.repeat(6)}`
/** Like the service, a little faster. */
const SPEED = 3

describe.each(UPSTREAMS)('interrupting on a %s upstream', (upstream) => {
  let lab: Lab
  let startTool: () => void = () => {}
  let toolStarted = new Promise<void>(() => {})
  let finishTool: () => void = () => {}
  beforeAll(async () => {
    lab = await openLab({
      upstream,
      speed: SPEED,
      toolAnswer: async () => {
        startTool()
        await new Promise<void>((resolve) => {
          finishTool = resolve
        })
        return { status: 200, body: 'sunny at last' }
      },
    })
  })
  afterAll(() => {
    finishTool()
    return lab?.close()
  })
  beforeEach(() => {
    lab.forget()
    toolStarted = new Promise((resolve) => {
      startTool = resolve
    })
  })

  const types = () => lab.toClients().map((event) => event.type)
  const statuses = () => lab.toClients().flatMap((event) => (event.type === 'response.done' ? [(event.response as { status: string }).status] : []))

  it('@openai/agents-realtime: interrupt() cancels and cuts what was not heard', async () => {
    const session = new RealtimeSession(new RealtimeAgent({ name: 'Helper' }), { transport: new OpenAIRealtimeWebSocket(), model: 'gpt-realtime' })
    const errors: unknown[] = []
    session.on('error', (error) => errors.push(error))
    await session.connect({ url: `wss://${lab.host}/v1/realtime`, apiKey: await lab.token() })
    const speaking = new Promise((resolve) => session.once('audio', resolve))
    session.sendMessage(LONG)
    await speaking
    const done = new Promise((resolve) => session.transport.once('turn_done', resolve))
    session.interrupt()
    await done
    const ended = new Promise<string>((resolve) => session.once('agent_end', (_context, _agent, text) => resolve(text)))
    session.sendMessage('Hi')
    expect(await ended).toContain('You said: Hi.')
    session.close()
    expect(errors).toEqual([])
    expect(types()).toContain('conversation.item.truncated')
    expect(statuses()).toEqual(['cancelled', 'completed'])
    checkWire(lab.toClients())
  })

  it('openai-realtime-api: cancelResponse(), with the default of no turn detection', async () => {
    const client = new RealtimeClient({ url: `wss://${lab.host}/openai/realtime`, apiKey: await lab.token() })
    await client.connect()
    await client.waitForSessionCreated()
    expect(client.getTurnDetectionType()).toBeUndefined()
    client.appendInputAudio(new Int16Array(spokenPcm(RATE, 300, 0).buffer))
    const first = new Promise<{ role?: string }>((resolve) => client.on('conversation.item.completed', ({ item }) => resolve(item as { role?: string })))
    client.createResponse()
    expect(await first).toMatchObject({ role: 'user' })
    const answered = new Promise<void>((resolve) =>
      client.on('conversation.item.completed', ({ item }) => {
        if ((item as { role?: string }).role === 'assistant') resolve()
      }),
    )
    await answered

    const speaking = new Promise<string>((resolve) =>
      client.on('conversation.updated', (event) => {
        const { item, delta } = event as unknown as { item: { id: string }; delta?: { audio?: Int16Array } }
        if (delta?.audio) resolve(item.id)
      }),
    )
    client.sendUserMessageContent([{ type: 'input_text', text: LONG }])
    const truncated = client.realtime.waitForNext('server.conversation.item.truncated')
    const done = client.realtime.waitForNext('server.response.done')
    client.cancelResponse(await speaking, 2400)
    expect(await truncated).toMatchObject({ audio_end_ms: 100 })
    expect(await done).toMatchObject({ response: { status: 'cancelled' } })
    client.disconnect()
    checkWire(lab.toClients())
  })

  it('rt-client: cancel() of a response, and audio committed by hand', async () => {
    const client = new RTClient(new URL(`wss://${lab.host}`), { key: await lab.token() }, { deployment: 'voice' })
    const session = await client.configure({ turn_detection: null, input_audio_transcription: { model: 'whisper-1' } })
    expect(session.turn_detection).toBeNull()
    await client.sendAudio(spokenPcm(RATE, 300, 0))
    const input = await client.commitAudio()
    await input.waitForCompletion()
    expect(input.transcription).not.toBe('')
    const answer = await client.generateResponse()
    for await (const item of answer!) if (item.type === 'message') for await (const content of item) expect(content.type).toBe('audio')
    expect(answer?.status).toBe('completed')

    await client.sendItem({ type: 'message', role: 'user', content: [{ type: 'input_text', text: LONG }] })
    const response = await client.generateResponse()
    await response!.cancel()
    expect(response?.status).toBe('cancelled')
    await client.close()
    checkWire(lab.toClients())
  })

  it('LiveKit: interrupt() and truncate() as its agent does, and a user who speaks into the answer', async () => {
    const model = new realtime.RealtimeModel({ baseURL: `https://${lab.host}/v1`, apiKey: await lab.token(), model: 'gpt-realtime' })
    const session = model.session()
    const errors: unknown[] = []
    session.on('error', (error: unknown) => errors.push(error))
    const chat = session.chatCtx.copy()
    chat.addMessage({ role: 'user', content: LONG })
    await session.updateChatCtx(chat)
    const generation = await session.generateReply()
    const { value: message } = await generation.messageStream[Symbol.asyncIterator]().next()
    if (!message) throw new Error('no message')
    const audio = message.audioStream[Symbol.asyncIterator]()
    await audio.next()
    const next = new Promise<{ messageStream: AsyncIterable<{ textStream: AsyncIterable<unknown> }> }>((resolve) => session.once('generation_created', resolve as never))
    for (const piece of pieces(spokenPcm(RATE, 600))) session.pushAudio(new AudioFrame(new Int16Array(piece.slice().buffer), RATE, 1, piece.length / 2))
    while (!(await audio.next()).done);
    await session.truncate({ messageId: message.messageId, audioEndMs: 100, modalities: ['audio', 'text'] })
    let text = ''
    for await (const one of (await next).messageStream) for await (const chunk of one.textStream) text += String(chunk)
    expect(text).toContain('You said: Hello from my microphone.')
    expect(errors).toEqual([])
    expect(statuses()).toEqual(['cancelled', 'completed'])
    await session.close()
    checkWire(lab.toClients())
  })

  it('openai 7: response.cancel while a tool of the server is at work', async () => {
    const client = new OpenAIRealtimeWS({ model: 'gpt-realtime' }, new OpenAI({ baseURL: `https://${lab.host}/v1`, apiKey: await lab.token() }))
    const errors: unknown[] = []
    client.on('error', (error) => errors.push(error))
    await new Promise((resolve) => client.once('session.created', resolve))
    client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'What is the weather in Lisbon?' }] } })
    client.send({ type: 'response.create' })
    await toolStarted
    const done = new Promise((resolve) => client.once('response.done', resolve))
    client.send({ type: 'response.cancel' })
    expect(await done).toMatchObject({ response: { status: 'cancelled', output: [] } })
    finishTool()
    const again = new Promise((resolve) => client.once('response.done', resolve))
    client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Never mind' }] } })
    client.send({ type: 'response.create' })
    expect(JSON.stringify(await again)).toContain('You said: Never mind.')
    client.close()
    expect(errors).toEqual([])
    checkWire(lab.toClients())
    expect(lab.leaks()).toEqual([])
  })

  it('@openai/agents-realtime: a second message while a tool of the server is at work is answered after the first', async () => {
    const session = new RealtimeSession(new RealtimeAgent({ name: 'Helper' }), { transport: new OpenAIRealtimeWebSocket(), model: 'gpt-realtime' })
    const errors: unknown[] = []
    session.on('error', (error) => errors.push(error))
    const ended: string[] = []
    const both = new Promise<void>((resolve) =>
      session.on('agent_end', (_context, _agent, text) => {
        if (ended.push(text) === 2) resolve()
      }),
    )
    await session.connect({ url: `wss://${lab.host}/v1/realtime`, apiKey: await lab.token() })
    session.sendMessage('What is the weather in Lisbon?')
    await toolStarted
    session.interrupt()
    session.sendMessage('And good morning')
    finishTool()
    await both
    expect(ended.join('\n')).toContain('sunny at last')
    expect(errors).toEqual([])
    session.close()
    checkWire(lab.toClients())
    expect(lab.leaks()).toEqual([])
  })
})
